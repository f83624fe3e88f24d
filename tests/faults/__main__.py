"""``python -m tests.faults``: kill and pause gateways at every step, again and again."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tests.faults.matrix import MATRIX
from tests.faults.report import DOCUMENT, Tally, insert, render
from tests.faults.rounds import play
from tests.faults.site import open_site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.matrix import Row
    from tests.faults.site import Site

_LEASE: Final = 1.0
"""Seconds. Half of it must do for what a busy machine does between the claim and the sending."""
_AT_ONCE: Final = 3
"""Rounds at once on each processor: they wait for their lease more than they compute."""
_BUDGET: Final = 3000.0
"""Seconds after which no round is begun any more; what is missing then is a failure."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if every round of every row ended as the table has it."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="WORD", help="play rows with these words only")
    parser.add_argument("--rounds", type=int, default=50, help="of each row (default: 50)")
    parser.add_argument("--lease", type=float, default=_LEASE, help="in seconds (default: 1)")
    parser.add_argument("--jobs", type=int, default=_AT_ONCE * (os.cpu_count() or 1))
    parser.add_argument("--write-docs", action="store_true", help="put the result into docs/")
    options = parser.parse_args(arguments)
    rows = [row for row in MATRIX if set(options.rows) <= set(row.name.split())]
    if not rows:
        parser.error(f"no row has all of the words {' '.join(options.rows)}")
    began = time.monotonic()
    with (
        TemporaryDirectory(prefix="faults-") as folder,
        open_site(Path(folder), options.lease) as site,
    ):
        tallies = _play_all(site, rows, options.rounds, options.jobs)
    text = render(tallies)
    sys.stdout.write(f"{text}\n")
    violations = [f"{each.row.name}: {text}" for each in tallies for text in each.violations]
    for violation in violations:
        sys.stdout.write(f"{violation}\n")
    played = sum(each.rounds for each in tallies)
    asked = options.rounds * len(rows)
    sys.stdout.write(
        f"{played} of {asked} rounds in {time.monotonic() - began:.0f} s,"
        f" {len(violations)} violations\n"
    )
    if options.write_docs:
        DOCUMENT.write_text(insert(DOCUMENT.read_text(encoding="utf-8"), text), encoding="utf-8")
    return 0 if played == asked and not violations else 1


def _play_all(site: Site, rows: Sequence[Row], rounds: int, jobs: int) -> list[Tally]:
    """Play so many rounds of each row, mixed, so many at once."""
    tallies = [Tally(row) for row in rows]
    deadline = time.monotonic() + _BUDGET
    done = 0
    with ThreadPoolExecutor(jobs) as pool:
        under_way = {
            pool.submit(_violation, site, tally.row, deadline): tally
            for _ in range(rounds)
            for tally in tallies
        }
        for future in as_completed(under_way):
            tally, violation = under_way[future], future.result()
            if violation is None:
                continue
            tally.rounds += 1
            if violation:
                tally.violations.append(violation)
            done += 1
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{done} of {len(under_way)} rounds")
                sys.stderr.flush()
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    return tallies


def _violation(site: Site, row: Row, deadline: float) -> str | None:
    """Play a round; return what was not as promised, and None where there was no time for it."""
    if time.monotonic() > deadline:
        return None
    try:
        play(site, row)
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
