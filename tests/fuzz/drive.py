"""Runs one target under atheris, with libFuzzer's own arguments: ``make fuzz`` starts this.

python -m tests.fuzz.drive TARGET CORPUS SEEDS [-max_total_time=60 ...]
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["canonical"]):
    # First of all imports that need it: what is imported before is not instrumented.
    import canonical  # noqa: F401 - imported for its instrumentation

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    program, name, *arguments = sys.argv
    seeds(name)  # notes what is genuine
    atheris.Setup([program, *arguments], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
