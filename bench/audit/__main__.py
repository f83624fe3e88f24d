"""``python -m bench.audit``: measure the audit log by itself and print its tables."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.__main__ import DOCUMENT, RESULTS, on_sigterm, tell
from bench.audit.appends import measure_appends, measure_disk
from bench.audit.results import MODES, PACE, AuditResults
from bench.audit.table import BEGIN, END, audit_verdicts, tables
from bench.audit.traffic import traffic
from bench.audit.verifying import measure_verifying
from bench.machine import BenchError
from bench.report import insert_table
from bench.requests import Platform
from connector.server.process import calm_collector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.audit.traffic import Written

_WAITERS: Final = (1, 32, 200)
_FASTEST: Final = 40_000
"""Requests per second that no mode exceeds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if what must hold does, 1 if not, 2 if it cannot run."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        return _run(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: ended before its end", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    requests = traffic(Platform())
    results = AuditResults([], [], [])
    with tempfile.TemporaryDirectory(prefix="ucp-bench-", dir=options.directory) as folder:
        home = Path(folder)
        _appends(home, requests, results, options)
        if options.records:
            found = measure_verifying(home / "log", requests, options.records, tell)
            results.verified.append(found)
    tell("")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results._asdict(), indent=1) + "\n", encoding="utf-8")
    text = (
        f"Run of {datetime.now(UTC).date().isoformat()}: {options.rounds} interleaved rounds of"
        f" {options.seconds} s each, medians; two records to a request.\n\n{tables(results)}"
    )
    print(text)
    if options.write_docs:
        try:
            document = DOCUMENT.read_text(encoding="utf-8")
            document = insert_table(document, text, BEGIN, END)
            DOCUMENT.write_text(document, encoding="utf-8")
        except (OSError, ValueError) as error:
            raise BenchError(f"the table was not written: {error}") from error
    return 0 if all(verdict.passed for verdict in audit_verdicts(results)) else 1


def _appends(
    home: Path, requests: Iterator[Written], results: AuditResults, options: argparse.Namespace
) -> None:
    if not options.rounds:
        return
    tell("putting records together")
    ready = list(islice(requests, int(_FASTEST * options.seconds)))
    calm_collector()
    for number in range(options.rounds):
        where = f"round {number + 1} of {options.rounds}"
        tell(f"{where}: the disk alone")
        results.disks.append(measure_disk(home / "disk", iter(ready), options.seconds))
        for waiters in (*_WAITERS, 0):
            for mode in MODES:
                load = f"{waiters} at a time" if waiters else f"{PACE} a second"
                tell(f"{where}: {mode}, {load}")
                folder = home / "log"
                results.appended.append(
                    measure_appends(folder, mode, waiters, ready, options.seconds)
                )
                shutil.rmtree(folder)
                # What the disk still does for this one is no part of the next one's time.
                os.sync()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.audit", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5; 0: none)")
    parser.add_argument("--seconds", type=float, default=2, help="seconds per run (default 2)")
    parser.add_argument(
        "--records",
        type=int,
        default=1_000_000,
        help="records of the log that is verified (default a million; 0: none)",
    )
    parser.add_argument("--directory", type=Path, help="a folder on the disk that is measured")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/")
    parser.add_argument("--output", type=Path, default=RESULTS.with_name("audit.json"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
