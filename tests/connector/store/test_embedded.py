from __future__ import annotations

import asyncio
import logging
import os
import select
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import uvloop

from connector.store import embedded
from connector.store.directory import GATEWAY_LOCK, SERVER_LOCK
from connector.store.embedded import EmbeddedServer
from connector.store.survivor import survivor
from tests.connector.store.embedded_servers import (
    PATIENCE,
    another_gateway,
    ask,
    files_in,
    launching,
    refused,
    send,
    set_one,
    until,
    value_of_one,
    with_server,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.connector.store.embedded_servers import LoopFactory


both_loops = pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


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


def test_it_has_not_started_before_its_data_is_loaded(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_one(directory)
    replies = [b"-LOADING the dataset is being loaded\r\n"] * 3
    ping = embedded._ping

    async def loading(path: Path) -> bytes:
        return replies.pop() if replies else await ping(path)

    monkeypatch.setattr(embedded, "_ping", loading)
    assert value_of_one(directory) == b"1"
    assert replies == []


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


def test_ctrl_c_in_the_terminal_of_the_gateway_does_not_reach_it(directory: Path) -> None:
    async def body(server: EmbeddedServer) -> None:
        assert server.pid is not None
        # The terminal sends SIGINT to a group of its own session alone (setsid(2)).
        assert os.getsid(server.pid) == server.pid != os.getsid(0)

    with_server(directory, body)


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
            ((found, events),) = poll.poll(PATIENCE * 1000)
            assert found == descriptor
            assert events & select.POLLIN
        finally:
            os.close(descriptor)
    assert value_of_one(directory) == b"1"


def test_a_server_whose_gateway_is_gone_already_is_not_started(directory: Path) -> None:
    directory.mkdir()
    done = subprocess.run(  # noqa: S603 - our own interpreter
        launching(directory, "/bin/true", parent=1 << 30),
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
