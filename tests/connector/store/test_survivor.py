from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from connector.store import embedded
from connector.store.directory import SERVER_LOCK
from connector.store.embedded import EmbeddedStoreError
from connector.store.survivor import UNSEEN, end_survivor, survivor
from tests.connector.store.embedded_servers import (
    PATIENCE,
    answers,
    ask,
    launching,
    outliving,
    refused,
    set_one,
    until,
    value_of_one,
)
from tests.store_servers import binaries

if TYPE_CHECKING:
    from pathlib import Path


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
        asyncio.run(until(lambda: answers(path)))
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
