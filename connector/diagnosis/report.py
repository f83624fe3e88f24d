"""Outcomes as a table, as JSON and as JUnit XML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.diagnosis.verdicts import Outcome


def summary(outcomes: Sequence[Outcome]) -> str:
    """Sum up in one line."""
    good = sum(outcome.good for outcome in outcomes)
    return f"{good} of {len(outcomes)} cases as expected"


def as_table(outcomes: Sequence[Outcome]) -> str:
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
    lines.append(summary(outcomes))
    return "\n".join(lines)


def as_json(outcomes: Sequence[Outcome]) -> str:
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
        },
        indent=2,
    )


def as_junit(outcomes: Sequence[Outcome]) -> bytes:
    """Show JUnit XML: one suite a file, as continuous-integration servers read it."""
    root = ET.Element("testsuites", name="ucp-signature-vectors")
    by_file: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_file.setdefault(outcome.file, []).append(outcome)
    for file, group in by_file.items():
        suite = ET.SubElement(
            root,
            "testsuite",
            name=file,
            tests=str(len(group)),
            failures=str(sum(not outcome.good for outcome in group)),
            errors="0",
            time=f"{sum(outcome.seconds for outcome in group):.3f}",
        )
        for outcome in group:
            _test_case(suite, file, outcome)
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
