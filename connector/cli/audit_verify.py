"""``ucp-connector audit verify``: whether every octet of a log is what was written."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from connector.audit.directory_check import verify_directory
from connector.audit.files import Directory
from connector.cli.audit_input import KEY_HELP, read_checkpoint, read_verifiers
from connector.cli.failure import CHECK_FAILED
from connector.cli.table import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from connector.audit.directory_check import DirectoryReport
    from connector.audit.problems import Problem
    from connector.audit.verification import Report

_PROGRESS: Final = 40
"""Blocks of 256 records between two drawings of the bar."""
_BAR: Final = 30
_SHOWN: Final = 20
"""Problems of one log that are printed for people."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("directory", metavar="DIR", help="a log, or a folder of logs")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="VKEY",
        help=f"{KEY_HELP}; without one, the log's own word is taken for who may sign it",
    )
    parser.add_argument(
        "--since",
        action="append",
        default=[],
        metavar="FILE",
        help="a checkpoint that was saved before: the log has to have grown out of it",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Check the logs; 1 where anything is wrong."""
    verifiers = read_verifiers(arguments.key)
    since = [read_checkpoint(path, verifiers) for path in arguments.since]
    terminal = sys.stderr.isatty()
    found = verify_directory(
        Directory(Path(arguments.directory)),
        verifiers,
        since=since,
        progress=_progress if terminal else None,
    )
    if terminal:
        sys.stderr.write("\r\x1b[K")
    if arguments.json:
        sys.stdout.write(f"{json.dumps(_document(found), indent=2)}\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(found)))
    return 0 if found.good else CHECK_FAILED


def _progress(done: int, size: int) -> None:
    if done // 256 % _PROGRESS == 0 or done == size:
        filled = "#" * (_BAR * done // size if size else _BAR)
        sys.stderr.write(f"\r[{filled:<{_BAR}}] {done} of {size} records")
        sys.stderr.flush()


def _document(found: DirectoryReport) -> dict[str, Any]:
    return {
        "good": found.good,
        "logs": {
            name: {"good": report.good, **dataclasses.asdict(report)}
            for name, report in found.reports.items()
        },
        "problems": [dataclasses.asdict(problem) for problem in found.problems],
    }


def _lines(found: DirectoryReport) -> Iterator[str]:
    for name, report in found.reports.items():
        yield from _log_lines(name, report)
    for problem in found.problems:
        yield _problem(problem)


def _log_lines(name: str, report: Report) -> Iterator[str]:
    title = printable(report.origin or name)
    word = "good" if report.good else "NOT GOOD"
    yield f"{title}: {word}: {report.size} records under the checkpoint"
    if report.keys:
        yield f"  signed by {', '.join(map(printable, report.keys))}"
    if not report.trusted:
        yield "  no --key was given: whoever changed the log could have put in a key of theirs"
    if report.unknown:
        yield f"  signatures of keys that are not known: {report.unknown}"
    if report.pruned:
        yield f"  the records before {report.pruned} were pruned"
    if report.behind:
        yield f"  records behind the checkpoint, which nothing signed covers yet: {report.behind}"
    if report.first_bad is not None:
        yield f"  first bad record: {report.first_bad}"
    for problem in report.problems[:_SHOWN]:
        yield f"  {_problem(problem)}"
    rest = len(report.problems) - _SHOWN + report.more
    if rest > 0:
        yield f"  and {rest} more"


def _problem(problem: Problem) -> str:
    place = "" if problem.index is None else f" (record {problem.index})"
    return f"{printable(problem.path)}{place}: {printable(problem.text)}"
