"""``python -m tests.mutation``: do the tests of ``canonical`` notice when it is changed?"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.mutation.mutants import mutants_of
from tests.mutation.report import (
    DOCUMENT,
    SURVIVORS,
    Result,
    insert,
    render,
    share,
    unexplained,
)
from tests.mutation.running import ROOT, Run, begin, outcome, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.mutation.mutants import Mutant

_FLOOR: Final = 0.9
_TURN: Final = 0.01
# What the tests import, less canonical and themselves: imported once, for every fork.
_PRELOADED: Final = (
    *("hypothesis", "hypothesis.strategies", "http_message_signatures"),
    *("cryptography.hazmat.primitives.asymmetric.ec", "cryptography.hazmat.primitives.hashes"),
    *("decimal", "json", "hmac", "urllib.parse", "email.utils"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the tests kill nine mutants in ten, 1 if not, 2 if nothing can be said."""
    options = _parser().parse_args(arguments)
    os.nice(10)
    for name in _PRELOADED:
        importlib.import_module(name)
    if os.waitpid(start(None), 0)[1] != 0:
        sys.stderr.write("mutation: the tests fail as it is\n")
        return 2
    results = []
    for result in _results(list(_mutants(options.modules)), options.workers):
        results.append(result)
        if options.log is not None:
            with options.log.open("a", encoding="utf-8") as log:
                log.write(f"{json.dumps(result._asdict())}\n")
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{len(results)} mutants")
            sys.stderr.flush()
    reasons = json.loads(SURVIVORS.read_text(encoding="utf-8"))
    text = render(results, reasons)
    sys.stdout.write(f"{text}\n")
    if options.write_docs:
        DOCUMENT.write_text(insert(DOCUMENT.read_text(encoding="utf-8"), text), encoding="utf-8")
    for result in unexplained(results, reasons):
        sys.stdout.write(
            f"no reason: {result.module}:{result.line}: {result.before} -> {result.after}\n"
        )
    return 0 if share(results) >= _FLOOR else 1


def _mutants(modules: Sequence[str]) -> Iterator[Mutant]:
    for path in sorted((ROOT / "canonical").glob("*.py")):
        if path.stem != "__init__" and (not modules or path.stem in modules):
            yield from mutants_of(path.stem, path.read_text(encoding="utf-8"))


def _results(mutants: Sequence[Mutant], workers: int) -> Iterator[Result]:
    """Run every mutant, so many at a time."""
    waiting, running = iter(mutants), list[Run]()
    more = True
    while more or running:
        while more and len(running) < workers:
            mutant = next(waiting, None)
            if mutant is None:
                more = False
            else:
                running.append(begin(mutant))
        time.sleep(_TURN)
        for run in list(running):
            ended = outcome(run)
            if ended is not None:
                running.remove(run)
                module, operator, line, before, after, _ = run.mutant
                yield Result(module, operator, line, before, after, ended)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="of canonical (default: all)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="at a time")
    parser.add_argument(
        "--log", metavar="FILE", type=Path, help="add each result to this file as JSON"
    )
    parser.add_argument("--write-docs", action="store_true", help="put the result into docs/")
    return parser


if __name__ == "__main__":
    sys.exit(main())
