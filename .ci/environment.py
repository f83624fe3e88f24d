"""Builds ``.venv`` for ``make``: the packages of tests/requirements.lock, then this checkout.

Uses the standard library only, since it runs before anything is installed. It does nothing where
``.venv`` is already what the lock, pyproject.toml and the interpreter ask for; it is safe to start
several times at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "tests" / "requirements.lock"
PROJECT = ROOT / "pyproject.toml"
STAMP = VENV / "built-from"
FAILURE_LINES = 20


class Inputs(NamedTuple):
    """Everything that ``.venv`` is made from; it is built again when one of them changes."""

    interpreter: str
    place: str
    """Scripts in a virtual environment name their own folder, so it can't be moved."""
    lock: str
    project: str


class SetUpError(Exception):
    """A line for the user: what is missing, and what to do about it."""


def say(line: str) -> None:
    print(f"== {line}", flush=True)


def current_inputs() -> Inputs:
    return Inputs(
        interpreter=f"{sys.implementation.name} {sys.version.split()[0]}",
        place=str(VENV),
        lock=hashlib.sha256(LOCK.read_bytes()).hexdigest(),
        project=hashlib.sha256(PROJECT.read_bytes()).hexdigest(),
    )


def stamped_inputs() -> Inputs | None:
    """What ``.venv`` was made from; none where it is absent, unfinished or broken."""
    if not (VENV / "bin" / "python").exists() or not STAMP.exists():
        return None
    lines = STAMP.read_text(encoding="utf-8").splitlines()
    return Inputs(*lines) if len(lines) == len(Inputs._fields) else None


def main() -> int:
    try:
        bring_up_to_date()
    except SetUpError as missing:
        print(missing, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def bring_up_to_date() -> None:
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        # A second `make` in another terminal waits here, and then finds the work done.
        fcntl.flock(folder, fcntl.LOCK_EX)
        wanted, found = current_inputs(), stamped_inputs()
        if found == wanted:
            return
        if found is None or found[:-1] != wanted[:-1]:
            build_from_nothing()
        else:
            STAMP.unlink()
        install_this_checkout()
        STAMP.write_text("\n".join(wanted) + "\n", encoding="utf-8")
    finally:
        os.close(folder)


def build_from_nothing() -> None:
    ensure_venv_can_be_made()
    version = sys.version.split()[0]
    say(f"Making .venv with Python {version}")
    run([sys.executable, "-m", "venv", "--clear", str(VENV)], "python -m venv")
    names = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if "==" in line]
    say(f"Installing the {len(names)} pinned packages of tests/requirements.lock")
    # Wheels only: a source archive would run its build with packages that no hash covers.
    run(
        [*pip_install(), "--only-binary", ":all:", "--require-hashes", "-r", str(LOCK)],
        "pip install",
        expected=len(names),
    )


def install_this_checkout() -> None:
    say("Installing this checkout")
    # --no-build-isolation: setuptools is pinned in the lock, so nothing is downloaded here.
    run([*pip_install(), "--no-deps", "--no-build-isolation", "-e", str(ROOT)], "pip install -e .")


def pip_install() -> list[str]:
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    return [str(VENV / "bin" / "python"), "-m", "pip", "install", *options]


def ensure_venv_can_be_made() -> None:
    """Debian and Ubuntu keep ensurepip, without which ``venv`` fails, in a package of its own."""
    if importlib.util.find_spec("ensurepip") is not None:
        return
    package = venv_package()
    apt_get = shutil.which("apt-get")
    if apt_get is None or os.geteuid() != 0:
        raise SetUpError(
            f"Python's venv module is incomplete here. Install it with: "
            f"sudo apt-get install {package}"
        )
    say(f"Installing the system package {package}, which Python's venv module needs (apt-get)")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run([apt_get, "update", "-qq"], "apt-get update", environment=quiet)
    run(
        [apt_get, "install", "-y", "-qq", "--no-install-recommends", package],
        f"apt-get install {package}",
        environment=quiet,
    )


def venv_package() -> str:
    default = Path("/usr/bin/python3")
    if default.exists() and default.resolve() == Path(sys.executable).resolve():
        return "python3-venv"
    return f"python{sys.version_info.major}.{sys.version_info.minor}-venv"


def run(
    command: list[str],
    name: str,
    *,
    expected: int = 0,
    environment: dict[str, str] | None = None,
) -> None:
    """Run a command without its chatter; its last lines are shown when it fails.

    ``expected`` is the number of packages that pip will name, for the progress on a terminal.
    """
    seen = 0
    lines: list[str] = []
    with subprocess.Popen(  # noqa: S603  # the commands above, no input of a stranger's
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=ROOT,
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            seen += line.startswith(("Collecting ", "Ignoring "))
            if expected:
                show_progress(line, seen, expected)
    if expected and sys.stdout.isatty():
        print("\r\x1b[K", end="", flush=True)
    if process.returncode != 0:
        shown = "\n".join(lines[-FAILURE_LINES:])
        raise SetUpError(f"{shown}\n{name} failed with exit code {process.returncode}.")


def show_progress(line: str, seen: int, expected: int) -> None:
    if not sys.stdout.isatty() or not line.startswith(("Collecting ", "Installing ")):
        return
    step = "unpacking" if line.startswith("Installing ") else f"{seen} of {expected}"
    print(f"\r\x1b[K   {step}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
