"""Explanations as text and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from connector.diagnosis.causes.catalogue import CATALOGUE
from connector.diagnosis.checks import FAULT, OK
from connector.diagnosis.verdicts import Refused, brief

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connector.diagnosis.audit_record import RecordExplanation
    from connector.diagnosis.causes.cause import Finding
    from connector.diagnosis.checks import Candidate, Check, Explanation
    from connector.diagnosis.their_base import Difference
    from connector.diagnosis.vectors import Accept

_MARKS: Final = {OK: "ok   ", FAULT: "FAULT"}
_UNREACHED: Final = "-    "


def as_text(explanation: Explanation, notes: Sequence[str] = ()) -> str:
    """Say it for a reader: the decision and its causes first, then every check."""
    return "\n".join(_lines(explanation, notes))


def as_json(kind: str, explanation: Explanation, notes: Sequence[str] = ()) -> str:
    """Say the same for a machine; docs/explain.md describes the members."""
    return json.dumps(
        {
            "input": kind,
            "notes": list(notes),
            "decision": _decision_members(explanation.decision),
            "causes": list(map(_cause_members, explanation.causes)),
            "request": list(explanation.head),
            "checks": [check._asdict() for check in explanation.checks],
            "candidates": [
                {
                    **candidate._asdict(),
                    "checks": [check._asdict() for check in candidate.checks],
                    "base": list(candidate.base),
                    "causes": list(map(_cause_members, candidate.causes)),
                    "theirs": _difference_members(candidate.theirs),
                }
                for candidate in explanation.candidates
            ],
        },
        indent=2,
    )


def record_as_text(record: RecordExplanation) -> str:
    """Say what an audit record proves."""
    word = "verified" if record.good else "not verified"
    lines = [f"{word}: audit record {record.audit_id}"]
    lines.append(f"  keyid {record.keyid!r}, thumbprint {record.thumbprint}")
    lines.append("checks of the record")
    for check in record.checks:
        mark = "FAULT" if check.explanation else "ok   "
        reason = f": {check.explanation}" if check.explanation else ""
        lines.append(f"  {mark}  {check.step}{reason}")
    if record.base:
        lines.append("signature base, as signed")
        lines += _numbered(record.base)
    return "\n".join(lines)


def record_as_json(record: RecordExplanation) -> str:
    """Say the same for a machine."""
    return json.dumps(
        {
            "input": "audit",
            "decision": {
                "decision": "accept" if record.good else "reject",
                "audit_id": record.audit_id,
                "keyid": record.keyid,
                "thumbprint": record.thumbprint,
            },
            "checks": [
                {
                    "step": check.step,
                    "outcome": FAULT if check.explanation else OK,
                    "explanation": check.explanation,
                }
                for check in record.checks
            ],
            "base": list(record.base),
        },
        indent=2,
    )


def _lines(explanation: Explanation, notes: Sequence[str]) -> Iterator[str]:
    decision = explanation.decision
    if isinstance(decision, Refused):
        yield f"refused: {brief(decision)}"
        yield f"  {decision.explanation}"
    else:
        how = f"label {decision.label}" if decision.label else decision.scheme
        yield f"accepted: {decision.identity}, keyid {decision.keyid!r}, {how}"
    yield from (f"note: {note}" for note in notes)
    yield from _cause_lines("causes", explanation.causes)
    for candidate in explanation.candidates:
        yield from _cause_lines(f"causes, {_name(candidate)}", candidate.causes)
    yield "request"
    yield from (f"  {line}" for line in explanation.head)
    yield "checks of the request"
    yield from map(_check_line, explanation.checks)
    for candidate in explanation.candidates:
        yield from _candidate_lines(candidate)


def _cause_lines(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        yield title
    for finding in findings:
        cause = CATALOGUE[finding.cause]
        yield f"  {finding.certainty:<6}  {cause.id}: {cause.happened}"
        if finding.detail:
            yield f"          seen:   {finding.detail}"
        yield f"          repair: {cause.repair}"
        yield f"          source: {cause.source}"


def _name(candidate: Candidate) -> str:
    return f"signature {candidate.label}" if candidate.label else f"signature, {candidate.scheme}"


def _candidate_lines(candidate: Candidate) -> Iterator[str]:
    yield f"{_name(candidate)}, keyid {candidate.keyid!r}"
    yield from map(_check_line, candidate.checks)
    if candidate.alone is not None:
        does = "verifies" if candidate.alone else "does not verify either"
        yield f"  the signature itself {does} with the published key"
    if candidate.base_fault:
        yield f"  no signature base: {candidate.base_fault}"
    else:
        yield "  signature base, as rebuilt" if candidate.label else "  what is signed"
        yield from _numbered(candidate.base)
    if candidate.theirs is not None:
        yield from _difference_lines(candidate.theirs)


def _numbered(lines: Sequence[str]) -> list[str]:
    width = len(str(len(lines)))
    return [f"  {number:>{width}}  {line}" for number, line in enumerate(lines, 1)]


def _check_line(check: Check) -> str:
    line = f"  {_MARKS.get(check.outcome, _UNREACHED)}  {check.step}"
    if check.outcome == FAULT:
        line += f": {brief(Refused(check.code, check.reason, ''))}: {check.explanation}"
    return line


def _difference_lines(difference: Difference) -> Iterator[str]:
    if difference.equal:
        yield "  the signer's base is the same, octet for octet"
    else:
        yield (
            f"  the signer's base differs first in line {difference.line}, {difference.name},"
            f" column {difference.column}"
        )
        yield f"    rebuilt  {difference.ours_octet:<12}  in  {difference.ours}"
        yield f"    signer   {difference.theirs_octet:<12}  in  {difference.theirs}"
        if difference.others:
            yield f"    further lines that differ: {difference.others}"
        yield from (f"  {line}" for line in _cause_lines("why", difference.causes))
    if difference.verifies is True:
        yield "  the signature verifies over the signer's base"
    elif difference.verifies is False:
        yield "  the signature does not verify over the signer's base either: it is another text,"
        yield "  another key, or another encoding of the signature"


def _decision_members(decision: Accept | Refused) -> dict[str, str]:
    # The base is left to the candidate, where secrets in it are masked.
    if isinstance(decision, Refused):
        return {"decision": "reject", **decision._asdict()}
    members = ("identity", "keyid", "label", "scheme")
    return {"decision": "accept", **{name: getattr(decision, name) for name in members}}


def _cause_members(finding: Finding) -> dict[str, str]:
    cause = CATALOGUE[finding.cause]
    return {
        "id": cause.id,
        "certainty": finding.certainty,
        "happened": cause.happened,
        "seen": finding.detail,
        "repair": cause.repair,
        "source": cause.source,
    }


def _difference_members(difference: Difference | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    return {
        **difference._asdict(),
        "causes": [_cause_members(finding) for finding in difference.causes],
    }
