"""The gateway as an operator runs it: ``serve`` in a process of its own, on free ports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end.client import HOST, Answer, Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 90.0
"""Seconds after which something that should happen has not: a test fails, it does not measure."""

_LISTENING: Final = re.compile(r"listening on [\d.]+:(\d+), admin on [\d.]+:(\d+)")
_MANY: Final = "100000/s"

T = TypeVar("T")


def configuration(*merchants: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """Return a whole configuration whose limits no test meets by accident.

    Nor does one that a slow machine makes wait for its store, its disk or for a profile's server.
    """
    base: dict[str, Any] = {
        "listen": {"port": 0},
        "admin": {"port": 0},
        "rates": {"reads": _MANY, "writes": _MANY, "per_peer": _MANY},
        "discovery": {"budget": _MANY, "connect_timeout": "5s"},
        "store": {"timeout": "10s"},
        "audit": {"timeout": "15s"},
        "merchants": list(merchants),
    }
    for name, section in sections.items():
        known = base.get(name)
        base[name] = {**known, **section} if isinstance(known, dict) else section
    return base


class _Lines:
    """What a process writes, line by line, read by a thread so that it never waits for us."""

    def __init__(self, stream: IO[str]) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._pump, args=(stream,), daemon=True)
        self._thread.start()

    def _pump(self, stream: IO[str]) -> None:
        for line in stream:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def find(self, wanted: Callable[[str], T | None]) -> T:
        """Return what ``wanted`` makes of the first line that it wants; wait for that line."""
        looked_at = 0
        with self._changed:
            while True:
                for line in self.lines[looked_at:]:
                    found = wanted(line)
                    if found is not None:
                        return found
                looked_at = len(self.lines)
                if self._ended or not self._changed.wait(PATIENCE):
                    raise AssertionError(f"no such line in {self.lines[-20:]}")

    def finish(self) -> None:
        self._thread.join(PATIENCE)


class RunningGateway:
    """One gateway process: where it listens, what it says, and its end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is None or process.stderr is None:
            raise AssertionError("the process was started without its pipes")
        self.process = process
        self._stdout = _Lines(process.stdout)
        self._stderr = _Lines(process.stderr)
        self._expected: list[tuple[str, dict[str, Any]]] = []
        found = self._stderr.find(_LISTENING.search)
        self.address = (HOST, int(found[1]))
        self.admin_address = (HOST, int(found[2]))
        self.await_ready()

    @property
    def stdout(self) -> list[str]:
        return list(self._stdout.lines)

    @property
    def stderr(self) -> list[str]:
        return list(self._stderr.lines)

    def await_ready(self) -> None:
        while self.admin("/readyz").status != 200:
            pass

    def connect(self) -> Connection:
        return Connection(self.address)

    def ask(self, octets: bytes, method: str = "GET") -> Answer:
        """Exchange one request on a connection of its own."""
        with self.connect() as connection:
            return connection.exchange(octets, method)

    def admin(self, path: str) -> Answer:
        with Connection(self.admin_address) as connection:
            head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            return connection.exchange(head.encode())

    def counted(self, name: str, label: str) -> Counter[str]:
        """Return what a counter has reached, by the value of one of its labels."""
        counted: Counter[str] = Counter()
        for family in text_string_to_metric_families(self.admin("/metrics").body.decode()):
            for sample in family.samples:
                if sample.name == f"{name}_total":
                    counted[sample.labels[label]] += int(sample.value)
        return counted

    def decision(self, answer: Answer) -> dict[str, Any]:
        """Return the decision line of an answer; it is written a moment after it."""
        wanted = answer.value("Audit-ID")

        def matching(line: str) -> dict[str, Any] | None:
            decision: dict[str, Any] = json.loads(line)
            return decision if decision["audit_id"] == wanted else None

        return self._stdout.find(matching)

    def expect_decision(self, answer: Answer, **members: Any) -> None:
        """Have the decision line of an answer checked when the gateway has ended.

        Lines are written a tenth of a second late; a test that need not wait should not.
        """
        self._expected.append((answer.value("Audit-ID"), members))

    def check_decisions(self) -> None:
        """Check what was expected, and that each request left one line; all is written by now."""
        decisions = [json.loads(line) for line in self.stdout]
        by_id = {decision["audit_id"]: decision for decision in decisions}
        assert len(by_id) == len(decisions)
        for audit_id, members in self._expected:
            decision = by_id[audit_id]
            assert {name: decision.get(name) for name in members} == members

    def decision_where(self, **members: Any) -> dict[str, Any]:
        """Return the first decision with these members, for an answer that nobody received."""

        def matching(line: str) -> dict[str, Any] | None:
            decision: dict[str, Any] = json.loads(line)
            return decision if members.items() <= decision.items() else None

        return self._stdout.find(matching)

    def warned(self, text: str) -> str:
        """Return the line on standard error that has ``text`` in it."""
        return self._stderr.find(lambda line: line if text in line else None)

    def tell_to_stop(self) -> None:
        self.process.terminate()

    def stop(self) -> int:
        """Tell it to stop, wait, and return its exit status; what it wrote is then complete."""
        if self.process.poll() is None:
            self.tell_to_stop()
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(PATIENCE)
        self._stdout.finish()
        self._stderr.finish()
        return status


def start(
    folder: Path, settings: dict[str, Any], under: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Start ``serve`` with a configuration (JSON is YAML), by the command ``under`` if any."""
    path = folder / "connector.yaml"
    path.write_text(json.dumps(settings, indent=2))
    return subprocess.Popen(  # noqa: S603 - our own interpreter and command
        [*under, *_command(path)],
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_to_its_end(path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run ``serve`` with a configuration, or further arguments, that it cannot come up with."""
    return subprocess.run(  # noqa: S603 - our own interpreter and command
        [*_command(path), *more],
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def _command(path: Path) -> list[str]:
    return [sys.executable, "-m", "connector.cli.main", "serve", "-c", str(path)]


def _environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("UCP_CONNECTOR")}


@contextmanager
def running_gateway(
    folder: Path, settings: dict[str, Any], *, errors: Sequence[str] = (), under: Sequence[str] = ()
) -> Iterator[RunningGateway]:
    """Run a gateway until the block ends; it must then end well, without a stack trace.

    It may tell of no error that has none of the texts ``errors`` in it.
    """
    process = start(folder, settings, under)
    try:
        gateway = RunningGateway(process)
        yield gateway
        assert gateway.stop() == 0
        gateway.check_decisions()
        told = [line for line in gateway.stderr if "Traceback" in line or " ERROR " in line]
        unexpected = [line for line in told if not any(text in line for text in errors)]
        assert not unexpected, unexpected
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
