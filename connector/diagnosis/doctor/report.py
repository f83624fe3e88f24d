"""An examination as a table and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from connector.diagnosis.doctor.finding import BROKEN, OK, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.diagnosis.doctor.examination import Examination
    from connector.diagnosis.doctor.finding import Finding

FORMAT: Final = 1
"""The version of the JSON: members may be added to it, and none changes or goes."""
_VERDICT_WIDTH: Final = len(WARNING)


def as_table(examination: Examination) -> str:
    """Show one line a rule, what to do below those that are not kept, and the sum at the end."""
    lines = [f"{examination.url}{_whose(examination)}"]
    findings = [finding for section in examination.sections for finding in section.findings]
    width = max(len(finding.rule) for finding in findings)
    for section in examination.sections:
        lines.append(section.name)
        for finding in section.findings:
            lines += _lines(finding, width)
    broken, warnings, ok = (examination.count(each) for each in (BROKEN, WARNING, OK))
    lines.append(f"{broken} broken, {warnings} warning{'' if warnings == 1 else 's'}, {ok} ok")
    return "\n".join(lines)


def as_json(examination: Examination) -> str:
    """Show an object with one entry a finding; docs/doctor.md describes it."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "url": examination.url,
        "role": examination.role,
        "role_told": examination.told,
        "good": examination.good,
        "counts": {verdict: examination.count(verdict) for verdict in (BROKEN, WARNING, OK)},
        "findings": [
            {"section": section.name, **finding._asdict()}
            for section in examination.sections
            for finding in section.findings
        ],
    }
    return json.dumps(document, indent=2)


def _whose(examination: Examination) -> str:
    if examination.role is None:
        return ""
    told = "" if examination.told else " (by what stands in it)"
    return f", as a {examination.role}'s profile{told}"


def _lines(finding: Finding, width: int) -> Iterator[str]:
    subject = f"{finding.subject}: " if finding.subject else ""
    yield (
        f"  {finding.verdict:<{_VERDICT_WIDTH}}  {finding.rule:<{width}}"
        f"  {subject}{finding.saw} [{finding.source}]"
    )
    if finding.advice:
        yield f"  {'':<{_VERDICT_WIDTH}}  {'':<{width}}  -> {finding.advice}"
