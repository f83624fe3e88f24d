"""What `make` says and starts, seen without building anything."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROMISED = {
    *("help", "run", "test", "check", "lock", "clean"),
    *("faults", "bench", "fuzz", "mutation", "oracles"),
    *("compiled", "test-compiled"),
}


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # A make that is started by make's own test run would speak of its level and its folder.
    environment = {
        key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL")
    }
    return subprocess.run(  # noqa: S603  # the arguments below
        ["make", "-C", str(ROOT), "--no-print-directory", *arguments],  # noqa: S607  # from PATH, as a user does
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )


def test_alone_it_lists_every_command() -> None:
    listed = re.findall(r"^  ([a-z-]+) +\S", make().stdout, re.MULTILINE)
    assert set(listed) == PROMISED


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], []),
        (["ONCE=1"], ["--once"]),
        (["UPSTREAM=http://127.0.0.1:8000"], ["--upstream", "http://127.0.0.1:8000"]),
    ],
)
def test_run_hands_its_variables_to_the_demo(arguments: list[str], options: list[str]) -> None:
    last = make("--dry-run", "run", *arguments).stdout.splitlines()[-1]
    assert last.replace('"', "").split() == ["exec", ".venv/bin/ucp-connector", "demo", *options]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [([], ["60"]), (["SECONDS=5", "TARGETS=jcs jws"], ["5", "jcs", "jws"])],
)
def test_fuzz_hands_its_variables_on(arguments: list[str], options: list[str]) -> None:
    last = make("--dry-run", "fuzz", *arguments).stdout.splitlines()[-1]
    assert last.split() == ["exec", ".venv/bin/python", "-m", "tests.fuzz", "--seconds", *options]


@pytest.mark.parametrize(("arguments", "rounds"), [([], "50"), (["ROUNDS=3"], "3")])
def test_faults_hands_its_variable_on(arguments: list[str], rounds: str) -> None:
    *_, matrix, failover = make("--dry-run", "faults", *arguments).stdout.splitlines()
    assert matrix.split() == [".venv/bin/python", "-m", "tests.faults", "--rounds", rounds]
    assert failover.split() == ["exec", ".venv/bin/python", "-m", "tests.faults.failover"]


def test_without_python_one_line_says_what_to_install() -> None:
    done = make("venv", "PYTHON=no-such-python")
    ours = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(ours) == 1
    assert "apt-get install python3" in ours[0]
    assert done.returncode != 0


def test_an_older_python_is_refused_in_one_line(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    done = make("venv", f"PYTHON={old}")
    ours = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(ours) == 1
    assert "older than Python 3.11" in ours[0]
    assert done.returncode != 0


def test_the_dependencies_are_checked_against_their_hashes() -> None:
    text = (ROOT / ".ci" / "environment.py").read_text(encoding="utf-8")
    assert '"--only-binary", ":all:", "--require-hashes"' in text
    assert '"--no-deps", "--no-build-isolation", "-e"' in text


def test_ci_runs_the_checks_and_then_the_tests() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "set -euo pipefail" in lines
    made = [line.strip() for line in lines if line.strip().startswith("make ")]
    assert made[:2] == ["make check", "make test"]
    assert [line.startswith("make test-compiled ") for line in made[2:]] == [True]


@pytest.mark.parametrize("optimised", [True, False])
def test_a_python_that_was_built_without_optimisation_is_passed_over_where_there_is_another(
    tmp_path: Path, *, optimised: bool
) -> None:
    stub = tmp_path / "python3"
    stub.write_text(f"#!/bin/sh\nexit {0 if optimised else 1}\n")
    stub.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603  # the project's own
        [ROOT / ".ci" / "interpreter"],
        env={"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    other = "/usr/bin/python3" if _is_usable("/usr/bin/python3") else "python3"
    assert done.stdout.strip() == ("python3" if optimised else other)


def _is_usable(python: str) -> bool:
    """Whether this machine has it, recent enough and able to make virtual environments."""
    asked = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([python, "-c", asked], capture_output=True, timeout=60, check=False)  # noqa: S603  # the distribution's
    except FileNotFoundError:
        return False
    return done.returncode == 0
