"""``make oracles``: vectors/, a running gateway and audit logs, judged by implementations in other
hands.

Exit status 1 where they disagree with the vectors and nothing explains it, where fewer than two
of them can be had, where a signed answer does not verify, where nothing can be had that judges
audit logs, or one is not judged as it should be.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from connector.diagnosis.vectors import SCHEMA, read_vectors
from tests.oracles.agreement import ENOUGH, Row, problems
from tests.oracles.explanations import read_explanations
from tests.oracles.live import judge_gateway
from tests.oracles.logs import as_table, judge_logs
from tests.oracles.programs import LOG_MAKERS, MAKERS, ROOT, Oracle, OracleError
from tests.oracles.table import (
    as_markdown,
    as_text,
    between_markers,
    cells,
    explanations_as_markdown,
)
from tests.oracles.tasks import tasks_of
from tests.oracles.verdicts import of_case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from connector.diagnosis.vectors import Case
    from tests.oracles.explanations import Explanations

EXPLANATIONS: Final = Path(__file__).with_name("explanations.toml")
_VECTORS: Final = ROOT / "vectors"
_DOCUMENT: Final = ROOT / "docs" / "vectors.md"
_LOGS: Final = ROOT / "docs" / "audit-log.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make oracles", description=__doc__)
    parser.add_argument("--write-docs", action="store_true", help="write the tables into docs/")
    parser.add_argument("--logs", action="store_true", help="judge audit logs alone")
    arguments = parser.parse_args()
    try:
        status = 0 if arguments.logs else _judge_messages(write=arguments.write_docs)
        return _judge_logs(write=arguments.write_docs) or status
    except OracleError as error:
        _say(f"An oracle broke down: {error}")
        return 1


def _judge_messages(*, write: bool) -> int:
    explained = read_explanations(EXPLANATIONS.read_text(), frozenset(MAKERS))
    oracles = _oracles(MAKERS)
    if len(oracles) < ENOUGH:
        _say("Fewer than two oracles: no message is judged.")
        return 1
    return _judge(oracles, explained, write=write)


def _judge(oracles: Sequence[Oracle], explained: Explanations, *, write: bool) -> int:
    all_there = len(oracles) == len(MAKERS)
    _say("== Judging vectors/")
    rows = judged(oracles, explained)
    table = cells(rows, [oracle.name for oracle in oracles])
    _say(as_text(table))
    _say("as expected; ? cannot be expressed, ≠ otherwise, and explained in docs/vectors.md")
    found = problems(rows, explained, all_there=all_there)
    _say("== Judging a gateway's answers")
    found += judge_gateway(oracles, _say)
    for line in found:
        _say(line)
    _say(f"{len(rows)} cases, {len(oracles)} oracles, {len(found)} disagreements unexplained")
    if write and all_there and not found:
        _write(as_markdown(table), explained)
    return 1 if found else 0


def _judge_logs(*, write: bool) -> int:
    oracles = _oracles(LOG_MAKERS)
    if not oracles:
        _say("No oracle for audit logs: none is judged.")
        return 1
    _say("== Judging audit logs")
    results = judge_logs(oracles)
    table = as_table(results)
    _say(as_text(table))
    found = [line for each in results for line in each.disagreements()]
    for line in found:
        _say(line)
    _say(f"{len(results)} logs, {len(oracles)} oracles, {len(found)} not judged as expected")
    if write and len(oracles) == len(LOG_MAKERS) and not found:
        document = _LOGS.read_text(encoding="utf-8")
        _LOGS.write_text(between_markers(document, "logs", as_markdown(table)), encoding="utf-8")
        _say("docs/audit-log.md is written")
    return 1 if found else 0


def judged(oracles: Sequence[Oracle], explained: Explanations) -> list[Row]:
    """Ask every oracle about every case of vectors/."""
    asked: list[tuple[str, Case, dict[str, dict[str, Any]]]] = []
    for path in sorted(_VECTORS.glob("*.json")):
        if path.name == SCHEMA:
            continue
        file = read_vectors(path.read_bytes())
        asked += [(path.name, case, tasks_of(file, case)) for case in file.cases]
    tasks = [task for _, _, by_label in asked for task in by_label.values()]
    said = {oracle.name: iter(oracle.ask(tasks)) for oracle in oracles}
    rows = []
    for name, case, by_label in asked:
        expected = explained.expected(case)
        verdicts = {
            oracle: of_case(case, expected, {label: next(answers) for label in by_label})
            for oracle, answers in said.items()
        }
        rows.append(Row(name, case.id, expected, verdicts))
    return rows


def _oracles(makers: Mapping[str, Callable[[], Oracle]]) -> list[Oracle]:
    found = []
    for name, make in makers.items():
        _say(f"== Making the {name} oracle ready")
        try:
            found.append(make())
        except OracleError as error:
            _say(f"The {name} oracle is left out: {error}")
    return found


def _write(table: str, explained: Explanations) -> None:
    document = _DOCUMENT.read_text(encoding="utf-8")
    document = between_markers(document, "agreement", table)
    document = between_markers(document, "explanations", explanations_as_markdown(explained))
    _DOCUMENT.write_text(document, encoding="utf-8")
    _say("docs/vectors.md is written")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
