"""Outcomes as a table, as JSON and as JUnit XML."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.diagnosis.verdicts import Outcome, Skipped


_INDENTED: Final[dict[str, Any]] = {"initial_indent": "  ", "subsequent_indent": "  "}


def summary(outcomes: Sequence[Outcome], skipped: Sequence[Skipped] = ()) -> str:
    """Sum up in one line."""
    good = sum(outcome.good for outcome in outcomes)
    left = f", {len(skipped)} not sent" if skipped else ""
    return f"{good} of {len(outcomes)} cases as expected{left}"


def as_table(outcomes: Sequence[Outcome], skipped: Sequence[Skipped] = ()) -> str:
    """Show one line a case and, below a bad one, what was wrong; the sum is the last line."""
    width = max((len(outcome.id) for outcome in outcomes), default=0)
    lines = []
    file = ""
    for outcome in outcomes:
        if outcome.file != file:
            file = outcome.file
            lines.append(file)
        mark = "ok  " if outcome.good else "FAIL"
        lines.append(f"  {mark}  {outcome.id:<{width}}  {outcome.decided}")
        if not outcome.good:
            lines.append(f"        expected {outcome.expected}: {outcome.problem}")
    reasons: dict[str, list[str]] = {}
    for each in skipped:
        reasons.setdefault(each.reason, []).append(each.id)
    for reason, ids in reasons.items():
        lines += [f"not sent: {reason}", *textwrap.wrap(", ".join(ids), 96, **_INDENTED)]
    lines.append(summary(outcomes, skipped))
    return "\n".join(lines)


def as_json(outcomes: Sequence[Outcome], skipped: Sequence[Skipped] = ()) -> str:
    """Show an object with one entry a case."""
    return json.dumps(
        {
            "good": sum(outcome.good for outcome in outcomes),
            "total": len(outcomes),
            "cases": [
                {
                    "file": outcome.file,
                    "id": outcome.id,
                    "rule": outcome.rule,
                    "good": outcome.good,
                    "expected": outcome.expected,
                    "decided": outcome.decided,
                    "problem": outcome.problem,
                }
                for outcome in outcomes
            ],
            "not_sent": [each._asdict() for each in skipped],
        },
        indent=2,
    )


def as_junit(outcomes: Sequence[Outcome], skipped: Sequence[Skipped] = ()) -> bytes:
    """Show JUnit XML: one suite a file, as continuous-integration servers read it."""
    root = ET.Element("testsuites", name="ucp-signature-vectors")
    files = [outcome.file for outcome in outcomes] + [each.file for each in skipped]
    # A file of which nothing was sent is told, too.
    for file in dict.fromkeys(files):
        group = [outcome for outcome in outcomes if outcome.file == file]
        left = [each for each in skipped if each.file == file]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=file,
            tests=str(len(group) + len(left)),
            failures=str(sum(not outcome.good for outcome in group)),
            errors="0",
            skipped=str(len(left)),
            time=f"{sum(outcome.seconds for outcome in group):.3f}",
        )
        for outcome in group:
            _test_case(suite, file, outcome)
        for each in left:
            case = ET.SubElement(suite, "testcase", classname=file, name=each.id)
            ET.SubElement(case, "skipped", message=each.reason)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _test_case(suite: ET.Element, file: str, outcome: Outcome) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=file, name=outcome.id, time=f"{outcome.seconds:.3f}"
    )
    if not outcome.good:
        message = f"expected {outcome.expected}: {outcome.problem}"
        # XML 1.0 section 2.2 has no place for control characters.
        clean = "".join(char if char.isprintable() else "�" for char in message)
        failure = ET.SubElement(case, "failure", message=clean)
        failure.text = f"{outcome.description}\n{outcome.rule}\n{clean}"
