"""The promise of ``make run ONCE=1``."""

from __future__ import annotations

import re
import subprocess
import sys


def test_the_story_ends_with_every_decision_as_expected() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connector.cli.main", "demo", "--once"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    last = re.fullmatch(r"([0-9]+) of \1 decisions as expected", lines[-1])
    assert last is not None
    assert int(last[1]) == 9
    assert "the merchant saw 4 requests, and none of those that were refused" in done.stderr
    assert "Traceback" not in done.stderr
