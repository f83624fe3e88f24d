"""``python -m bench``: measure the gateway beside the alternatives and print the table."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from bench.contenders import NODE, ROOT, TITLES, Place, install_node_packages
from bench.load import CONNECTIONS
from bench.machine import BenchError, choose_cores, install_tools, missing_tools, versions
from bench.measure import Bench, Plan
from bench.report import Report, insert_table, render
from bench.stores import binary
from bench.verdicts import verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENT: Final = ROOT / "docs" / "performance.md"
RESULTS: Final = ROOT / "bench" / "results" / "last.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if every control holds and no floor is missed, 1 if not, 2 if it cannot run."""
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
    missing = missing_tools()
    if missing and options.install:
        install_tools(missing)
    elif missing:
        wanted = " ".join(missing)
        raise BenchError(f"missing: {wanted}. Install with: sudo apt-get install {wanted}")
    names: list[str] = options.only or list(TITLES)
    skipped = {}
    if NODE in names:
        reason = install_node_packages()
        if reason is not None:
            skipped[NODE] = reason
            names = [name for name in names if name != NODE]
    if options.smoke:
        options.rounds, options.seconds = 1, 1
    cores = choose_cores()
    plan = Plan(options.rounds, options.seconds, names)
    with tempfile.TemporaryDirectory(prefix="ucp-bench-") as folder:
        results = Bench(plan, Place(Path(folder), cores), tell).run()
    tell("")
    report = Report(
        date=datetime.now(UTC).date().isoformat(),
        rounds=plan.rounds,
        seconds=plan.seconds,
        connections=CONNECTIONS,
        versions=versions(binary()),
        other_cores=len(cores.others) if cores.apart else 0,
        skipped=skipped,
        results=results,
    )
    _save(options.output, report)
    text = render(report)
    print(text)
    if options.write_docs:
        try:
            document = DOCUMENT.read_text(encoding="utf-8")
            DOCUMENT.write_text(insert_table(document, text), encoding="utf-8")
        except (OSError, ValueError) as error:
            raise BenchError(f"the table was not written: {error}") from error
    return 0 if all(verdict.passed for verdict in verdicts(report)) else 1


def _save(path: Path, report: Report) -> None:
    content: dict[str, Any] = report._asdict() | {"results": report.results.to_json()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def tell(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def on_sigterm(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="rounds (default 10)")
    parser.add_argument("--seconds", type=int, default=1, help="seconds per load (default 1)")
    parser.add_argument(
        "--only", nargs="+", choices=list(TITLES), metavar="NAME", help=f"of {', '.join(TITLES)}"
    )
    parser.add_argument("--smoke", action="store_true", help="one round of one second")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/")
    parser.add_argument("--output", type=Path, default=RESULTS, help="JSON file for the results")
    parser.add_argument("--install", action="store_true", help="apt-get what is missing (root)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
