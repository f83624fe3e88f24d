"""``make fuzz``: every target for a while under atheris, one after the other.

Exit status 1 where something was found. What was found, the corpus and the logs are kept in
``.fuzz/``; the corpus is taken up again by the next run.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.fuzz.libfuzzer import Figures, figures
from tests.fuzz.seeds import public_data_is_there, seeds
from tests.fuzz.targets import TARGETS
from tests.fuzz.tokens import as_dictionary

FOLDER: Final = Path(__file__).resolve().parents[2] / ".fuzz"
_MAX_INPUT: Final = 4096
_SLOWEST: Final = 5
"""Seconds that one input may take."""
_MEMORY: Final = 1024
"""MiB that a target may come to use."""
_START: Final = 120
"""Seconds more than asked for until a run is given up."""


def main() -> int:
    """Fuzz the targets named, or all; print a table."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.targets if name not in TARGETS]
    if unknown:
        parser.error(f"no target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    if not public_data_is_there():
        _say("== The public conformance data is not there: seeds are this project's own alone")
    _say(f"{'target':<12}{'seeds':>8}{'executions':>12}{'coverage':>10}{'corpus':>8}  findings")
    good = True
    for name in arguments.targets or TARGETS:
        good = _fuzzed(name, arguments.seconds) and good
    return 0 if good else 1


def _fuzzed(name: str, seconds: int) -> bool:
    """Run one target and print its line; True where nothing was found."""
    folder = FOLDER / name
    corpus, seed_folder = folder / "corpus", folder / "seeds"
    for each in (corpus, seed_folder):
        each.mkdir(parents=True, exist_ok=True)
    for old in seed_folder.iterdir():
        old.unlink()
    start = seeds(name)
    for seed in start:
        (seed_folder / hashlib.sha256(seed).hexdigest()[:32]).write_bytes(seed)
    dictionary = folder / "tokens.dict"
    dictionary.write_text(as_dictionary(), encoding="ascii")
    command = [
        *(sys.executable, "-m", "tests.fuzz.drive", name, str(corpus), str(seed_folder)),
        f"-max_total_time={seconds}",
        f"-dict={dictionary}",
        f"-max_len={_MAX_INPUT}",
        f"-timeout={_SLOWEST}",
        f"-rss_limit_mb={_MEMORY}",
        f"-artifact_prefix={folder}{os.sep}",
        "-print_final_stats=1",
    ]
    log = folder / "log"
    with log.open("wb") as output:
        try:
            status = subprocess.run(  # noqa: S603 - the words above
                command, stdout=output, stderr=output, timeout=seconds + _START, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1
    read = figures(log.read_text(encoding="utf-8", errors="replace"))
    _print_line(name, len(start), read, status, log)
    return status == 0


def _print_line(name: str, count: int, read: Figures, status: int, log: Path) -> None:
    if status == 0:
        findings = "none"
    elif read.artifact is None:
        findings = f"it ended with status {status}: see {log.relative_to(FOLDER.parent)}"
    else:
        findings = read.artifact
    _say(
        f"{name:<12}{count:>8}{read.executions:>12}{read.coverage:>10}{read.corpus:>8}  {findings}"
    )
    if read.exception:
        _say(read.exception)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
