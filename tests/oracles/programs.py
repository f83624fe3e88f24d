"""The oracles as programs: made ready in a cache folder, and asked over their standard input."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.oracles.verdicts import WORDS, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
CACHE: Final = ROOT / ".oracles"
_HERE: Final = Path(__file__).resolve().parent
_INSTALL: Final = 600
"""Seconds that packages may take to be had and built."""
_ANSWERS: Final = 120
"""Seconds that an oracle may take for all its tasks."""
_PYTHON_NEEDS: Final = ("http_message_signatures", "joserfc", "rfc8785")
_LOGS_NEED: Final = ("tlog_scales",)


class OracleError(Exception):
    """An oracle cannot be had, or broke down; the text says why in one line."""


class Oracle(NamedTuple):
    """A program that reads a task per line and writes a verdict per line."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]

    def ask(self, tasks: Sequence[Mapping[str, Any]]) -> list[Verdict]:
        """Return a verdict for each task; raises OracleError."""
        lines = "".join(json.dumps(task) + "\n" for task in tasks)
        done = _run(self.command, ROOT, self.environment, _ANSWERS, lines)
        return verdicts(done, len(tasks))


def verdicts(output: str, count: int) -> list[Verdict]:
    """Read what an oracle wrote about so many tasks; raises OracleError."""
    found = []
    # Not splitlines: text in a verdict may have a separator of Unicode in it.
    for line in filter(None, output.split("\n")):
        given = json.loads(line)
        if given["verdict"] not in WORDS:
            raise OracleError(f"a verdict {given['verdict']!r}")
        found.append(Verdict(given["verdict"], given["reason"]))
    if len(found) != count:
        raise OracleError(f"{len(found)} verdicts for {count} tasks")
    return found


def python_oracle() -> Oracle:
    _check_installed(_PYTHON_NEEDS)
    return Oracle("python", (sys.executable, "-m", "tests.oracles.python"), {})


def tlog_scales_oracle() -> Oracle:
    _check_installed(_LOGS_NEED)
    return Oracle("tlog-scales", (sys.executable, "-m", "tests.oracles.python.logs"), {})


def _check_installed(names: Sequence[str]) -> None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise OracleError(f"not installed: {', '.join(missing)} (`make oracles` installs them)")


def node_oracle() -> Oracle:
    """Install the npm packages of the lock file, where they are not there yet."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise OracleError("node or npm is not there (Debian packages nodejs and npm)")
    target = CACHE / "node"
    if _copied(_HERE / "node", target) or not (target / "node_modules").exists():
        shutil.rmtree(target / "node_modules", ignore_errors=True)
        command = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        try:
            _run(command, target, {}, _INSTALL)
        except OracleError:
            shutil.rmtree(target / "node_modules", ignore_errors=True)
            raise
    return Oracle("node", ("node", str(target / "oracle.js")), {})


def go_oracle() -> Oracle:
    return Oracle("go", (_go_program("go"),), {})


def sumdb_oracle() -> Oracle:
    return Oracle("golang.org/x/mod/sumdb", (_go_program("go_logs"),), {})


def _go_program(folder: str) -> str:
    """Build a Go program; modules and what was built are kept in the cache folder."""
    if shutil.which("go") is None:
        raise OracleError("go is not there (Debian package golang-go)")
    target = CACHE / "go"
    target.mkdir(parents=True, exist_ok=True)
    environment = {
        "GOPATH": str(target / "path"),
        "GOCACHE": str(target / "cache"),
        # Writable, so that `make clean` can remove them; as go.sum has them and no others.
        "GOFLAGS": "-modcacherw -mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
    }
    program = target / f"{folder}-oracle"
    _run(("go", "build", "-o", str(program), "."), _HERE / folder, environment, _INSTALL)
    return str(program)


MAKERS: Final[Mapping[str, Callable[[], Oracle]]] = {
    "python": python_oracle,
    "node": node_oracle,
    "go": go_oracle,
}
LOG_MAKERS: Final[Mapping[str, Callable[[], Oracle]]] = {
    "tlog-scales": tlog_scales_oracle,
    "golang.org/x/mod/sumdb": sumdb_oracle,
}
"""What judges audit logs."""


def _copied(source: Path, target: Path) -> bool:
    """Copy an oracle's files; True where what it needs has changed."""
    target.mkdir(parents=True, exist_ok=True)
    changed = False
    for path in source.iterdir():
        octets, copy = path.read_bytes(), target / path.name
        if not copy.exists() or copy.read_bytes() != octets:
            copy.write_bytes(octets)
            changed = changed or path.suffix == ".json"
    return changed


def _run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    seconds: int,
    given: str = "",
) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the commands stand above
            command,
            cwd=folder,
            env={**os.environ, **environment},
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OracleError(f"{command[0]} took more than {seconds} seconds") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
        raise OracleError(f"{Path(command[0]).name} ended with status {done.returncode}: {last}")
    return done.stdout
