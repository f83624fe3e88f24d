"""Embedded servers for tests: run, survive, be refused."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hiredis import Reader, ReplyError

from connector.store import launcher
from connector.store.directory import SERVER_LOCK
from connector.store.embedded import EmbeddedServer, EmbeddedStoreError
from tests.store_servers import binaries

if TYPE_CHECKING:
    import signal
    from collections.abc import Awaitable, Callable, Iterator

    LoopFactory = Callable[[], asyncio.AbstractEventLoop]

PATIENCE: Final = 20.0
"""Seconds after which what should have happened has failed the test."""


def ask(server: EmbeddedServer | Path, *words: str) -> Any:
    """Return the reply to one command on a connection of its own."""
    path = server if isinstance(server, Path) else server.socket_path
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(path))
        connection.sendall(" ".join(words).encode() + b"\r\n")
        reader = Reader()
        while (reply := reader.gets()) is False:
            data = connection.recv(65536)
            if not data:
                raise ConnectionResetError("closed without a reply")
            reader.feed(data)
    if isinstance(reply, Exception):
        raise reply
    return reply


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what it waits for is another process
            await asyncio.sleep(0.005)


def with_server(
    directory: Path,
    body: Callable[[EmbeddedServer], Awaitable[None]],
    loop_factory: LoopFactory = asyncio.new_event_loop,
) -> None:
    """Run ``body`` with a server that runs; it is ended in order behind it."""

    async def run() -> None:
        server = EmbeddedServer(directory)
        await server.start()
        try:
            await body(server)
        finally:
            await server.aclose()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run())


def refused(directory: Path) -> str:
    """Return why a server cannot be started, which takes one line."""
    server = EmbeddedServer(directory)
    with pytest.raises(EmbeddedStoreError) as caught:
        asyncio.run(server.start())
    assert not server.running
    assert server.pid is None
    assert "\n" not in str(caught.value)
    return str(caught.value)


def send(server: EmbeddedServer, number: signal.Signals) -> None:
    assert server.pid is not None
    os.kill(server.pid, number)


def files_in(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if not path.is_dir()]


def set_one(directory: Path) -> None:
    async def body(server: EmbeddedServer) -> None:
        ask(server, "SET", "one", "1")

    with_server(directory, body)


def value_of_one(directory: Path) -> Any:
    values: list[Any] = []

    async def body(server: EmbeddedServer) -> None:
        values.append(ask(server, "GET", "one"))

    with_server(directory, body)
    return values[0]


def launching(directory: Path, *command: str, parent: int | None = None) -> list[str]:
    """Return the command line of the launcher; without ``parent`` its parent is this process."""
    gateway = os.getpid() if parent is None else parent
    start = (sys.executable, "-I", "-S", launcher.__file__)
    return [*start, str(gateway), str(directory / SERVER_LOCK), *command]


@contextlib.contextmanager
def outliving(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server of a directory as its launcher does, as if its gateway were gone."""
    set_one(directory)
    server = EmbeddedServer(directory)
    server._binary = binaries()["valkey"]
    process = subprocess.Popen(  # noqa: S603 - a server of ours
        launching(directory, *server._command()), stdout=subprocess.DEVNULL
    )
    try:
        asyncio.run(until(lambda: answers(server.socket_path)))
        yield process
    finally:
        process.kill()
        process.wait()


def answers(path: Path) -> bool:
    try:
        return bool(ask(path, "PING") == b"PONG")
    except (OSError, ReplyError):
        return False


GATEWAY: Final = """
import asyncio, sys
from pathlib import Path
from connector.store.embedded import EmbeddedServer

async def run():
    server = EmbeddedServer(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(run())
"""


@contextlib.contextmanager
def another_gateway(directory: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a gateway's part in a process of its own; yields it and its server's process id."""
    gateway = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", GATEWAY, str(directory)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert gateway.stdout is not None
        yield gateway, int(gateway.stdout.readline())
    finally:
        gateway.kill()
        gateway.communicate()
