"""Starting servers on loopback, pinned, bounded in time, and ending each of them by its id."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.machine import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

HOST: Final = "127.0.0.1"
_START_LIMIT: Final = 30.0
_STOP_LIMIT: Final = 10.0
_LIFE_LIMIT: Final = "3600"  # seconds; `timeout` ends a server whose bench was killed


class Server(NamedTuple):
    """A server that accepts connections."""

    name: str
    port: int
    pid: int
    """The root of its tree of processes."""


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def pinned(cores: Iterable[int]) -> Iterator[None]:
    """Confine this process to some cores; what it starts inside the block stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(
    name: str, command: list[str], port: int, cores: Iterable[int], folder: Path
) -> Iterator[Server]:
    """Run a server until the block ends; raises BenchError if it does not come to accept.

    Its output goes to ``NAME.log`` and ``NAME.err`` in ``folder``: a gateway that logs its
    decisions pays for writing them.
    """
    with (
        (folder / f"{name}.log").open("ab") as log,
        (folder / f"{name}.err").open("ab") as complaints,
        pinned(cores),
    ):
        process = subprocess.Popen(  # noqa: S603 - each command is written in this folder
            [
                shutil.which("timeout") or "/usr/bin/timeout",
                "--kill-after=10",
                _LIFE_LIMIT,
                *command,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=complaints,
            start_new_session=True,  # Ctrl-C reaches the bench alone, which then ends the servers
        )
    try:
        _await_accepting(name, process, port, folder)
        yield Server(name, port, process.pid)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)  # `timeout` passes it on
    try:
        process.wait(_STOP_LIMIT)
    except subprocess.TimeoutExpired:
        # The session was started for this server: its group holds nothing else.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await_accepting(name: str, process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            text = (folder / f"{name}.err").read_text(encoding="utf-8", errors="replace")
            last = text.strip().splitlines()[-1:] or ["and said nothing"]
            raise BenchError(f"{name} ended with status {process.returncode}: {last[0]}")
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise BenchError(f"{name} did not accept connections within {_START_LIMIT:.0f} s")


def exchange(server: Server, request: bytes) -> tuple[int, bytes]:
    """Send one raw request on its own connection; return the status and what follows the head."""
    received = b""
    try:
        with socket.create_connection((HOST, server.port), timeout=10) as connection:
            connection.sendall(request)
            while b"\r\n\r\n" not in received:
                chunk = connection.recv(65536)
                if not chunk:
                    raise BenchError(f"{server.name} closed a connection without an answer")
                received += chunk
    except OSError as error:
        raise BenchError(f"{server.name} gave no answer: {error}") from error
    head, _, rest = received.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), rest
