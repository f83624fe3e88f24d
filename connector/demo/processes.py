"""The demo's processes: each one started, awaited until it accepts, and ended again."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST: Final = "127.0.0.1"
_START_LIMIT: Final = 30.0
_STOP_LIMIT: Final = 10.0


class DemoError(Exception):
    """The demo cannot go on; the text is one line for whoever runs it."""


def choose_port(preferred: int | None) -> int:
    """Return the preferred port if it is free, else any free one."""
    for port in [preferred, 0] if preferred else [0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port or 0))
                return int(probe.getsockname()[1])
    raise DemoError("no free port on loopback")


@contextlib.contextmanager
def running(
    name: str, arguments: list[str], port: int, on_line: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Run a Python command until the block ends; it must come to accept on ``port``.

    ``on_line`` is given each line of its standard output, from a thread.
    """
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
        [sys.executable, *arguments],
        stdout=subprocess.PIPE if on_line else None,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    if on_line is not None and process.stdout is not None:
        threading.Thread(target=_pump, args=(process.stdout, on_line), daemon=True).start()
    try:
        _await_accepting(name, process, port)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_accepting(name: str, process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoError(f"the {name} ended at once with status {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise DemoError(f"the {name} did not come up within {_START_LIMIT:.0f} s")


def _pump(stream: IO[str], on_line: Callable[[str], None]) -> None:
    for line in stream:
        on_line(line)


class Decisions:
    """The gateway's decision lines, by audit id."""

    def __init__(self) -> None:
        self.echo = False
        self._lines: dict[str, dict[str, Any]] = {}
        self._changed = threading.Condition()

    def take(self, line: str) -> None:
        """Take one line of the gateway's standard output."""
        decision = json.loads(line)
        with self._changed:
            self._lines[decision["audit_id"]] = decision
            self._changed.notify_all()
        if self.echo:
            sys.stdout.write(line)
            sys.stdout.flush()

    def of(self, audit_id: str) -> dict[str, Any]:
        """Return the decision with this id; it is written a moment after the answer."""
        with self._changed:
            if not self._changed.wait_for(lambda: audit_id in self._lines, timeout=5):
                raise DemoError("the gateway wrote no decision line for an answer it gave")
            return self._lines[audit_id]
