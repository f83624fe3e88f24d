"""Files in whole blocks: what was appended and zeros behind it, whatever the file system takes."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.audit import blocks
from connector.audit.blocks import BLOCK, BlockFile
from connector.audit.disk import Disk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_REAL: Final = os.pwritev


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    found = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT, 0o600)
    yield found
    os.close(found)


def _content(descriptor: int) -> bytes:
    # Opened again: what is read past the cache needs memory that is aligned.
    return Path(f"/proc/self/fd/{descriptor}").read_bytes()


def _is_direct(descriptor: int) -> bool:
    return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT)


def _needs_direct(descriptor: int) -> None:
    try:
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT)
    except OSError:
        pytest.skip("this file system does not know O_DIRECT")
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)


@given(
    st.lists(st.tuples(st.integers(1, 3 * BLOCK), st.integers(0, 40)), min_size=1, max_size=8),
    st.booleans(),
    st.sampled_from([BLOCK, 2 * BLOCK, 1 << 20]),
)
def test_a_file_holds_what_was_appended_and_zeros_to_the_end_of_a_block(
    steps: list[tuple[int, int]],
    direct: bool,  # noqa: FBT001 - drawn
    most: int,
) -> None:
    with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_MOST", most)
        written = BlockFile(file.fileno(), direct=direct)
        appended = b""
        for number, (length, room) in enumerate(steps, 1):
            octets = bytes([number]) * length
            appended += octets
            behind = written.append(octets, room * BLOCK)
            content = _content(file.fileno())
            assert content.startswith(appended)
            assert not any(content[len(appended) :])
            # What a step before has left behind may reach further.
            assert len(content) >= len(appended) + behind
            assert behind >= room * BLOCK
            assert (len(appended) + behind) % BLOCK == 0
        written.trim()
        assert _content(file.fileno()) == appended


@pytest.mark.parametrize("direct", [True, False])
def test_zeros_are_put_behind_what_was_written_and_nothing_else_changes(
    descriptor: int,
    direct: bool,  # noqa: FBT001 - a parameter
) -> None:
    file = BlockFile(descriptor, direct=direct)
    file.append(b"x" * (BLOCK + 1))
    assert file.extend(2 * BLOCK) == 3 * BLOCK - 1
    assert file.extend(BLOCK) == 4 * BLOCK - 1
    assert _content(descriptor) == b"x" * (BLOCK + 1) + bytes(4 * BLOCK - 1)
    file.append(b"y")
    assert _content(descriptor) == b"x" * (BLOCK + 1) + b"y" + bytes(4 * BLOCK - 2)
    file.trim()
    assert _content(descriptor) == b"x" * (BLOCK + 1) + b"y"


def test_a_disk_that_takes_a_part_of_the_zeros_is_told_where_they_end(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = BlockFile(descriptor, direct=False)
    file.append(b"x")
    pwritev = os.pwritev
    monkeypatch.setattr(
        os, "pwritev", lambda fd, pieces, at: pwritev(fd, [b"".join(pieces)[: BLOCK + 7]], at)
    )
    assert file.extend(4 * BLOCK) == 2 * BLOCK - 1
    assert file.extend(4 * BLOCK) == 3 * BLOCK - 1


def test_a_length_that_could_not_be_synced_does_not_count(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _needs_direct(descriptor)
    file = BlockFile(descriptor, direct=True)
    file.append(b"x")
    synced: list[int] = []

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "not there")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(OSError, match="not there"):
        file.extend(2 * BLOCK)
    monkeypatch.setattr(os, "fdatasync", synced.append)
    file.append(b"y" * BLOCK)
    assert synced == [descriptor]


def test_pages_are_not_kept_where_the_file_system_can_do_without(descriptor: int) -> None:
    _needs_direct(descriptor)
    BlockFile(descriptor, direct=True).append(b"x")
    assert _is_direct(descriptor)


def test_they_are_kept_where_nobody_waits_for_the_disk(descriptor: int) -> None:
    BlockFile(descriptor, direct=False).append(b"x")
    assert not _is_direct(descriptor)


def test_a_file_that_became_longer_is_synced_once_more(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _needs_direct(descriptor)
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    file = BlockFile(descriptor, direct=True)
    file.append(b"x", BLOCK)
    assert synced == [descriptor]
    file.append(b"x" * BLOCK)
    assert synced == [descriptor]
    file.append(b"x" * BLOCK)
    assert synced == [descriptor, descriptor]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EOPNOTSUPP])
def test_a_file_system_that_refuses_a_direct_write_gets_another_one(
    descriptor: int, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    _needs_direct(descriptor)

    def pwritev(to: int, pieces: Sequence[memoryview], at: int) -> int:
        if _is_direct(to):
            raise OSError(number, "larger blocks")
        return _REAL(to, pieces, at)

    monkeypatch.setattr(os, "pwritev", pwritev)
    file = BlockFile(descriptor, direct=True)
    file.append(b"x" * 5000)
    file.append(b"y", BLOCK)
    assert _content(descriptor).rstrip(b"\0") == b"x" * 5000 + b"y"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_other_errors_are_told(
    descriptor: int, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def pwritev(*_: object) -> int:
        raise OSError(number, "it fails")

    file = BlockFile(descriptor, direct=True)
    monkeypatch.setattr(os, "pwritev", pwritev)
    with pytest.raises(OSError, match="it fails"):
        file.append(b"x")


def test_a_write_that_took_a_part_is_gone_on_with(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pwritev(to: int, pieces: Sequence[memoryview], at: int) -> int:
        return _REAL(to, [pieces[0][:BLOCK]], at)

    monkeypatch.setattr(os, "pwritev", pwritev)
    file = BlockFile(descriptor, direct=True)
    octets = os.urandom(3 * BLOCK + 5)
    assert file.append(octets, 4 * BLOCK) == BLOCK - 5
    assert _content(descriptor) == octets + bytes(BLOCK - 5)


@pytest.mark.parametrize("durable", [True, False])
def test_a_segment_goes_past_the_cache_where_its_records_are_waited_for(
    tmp_path: Path, descriptor: int, *, durable: bool
) -> None:
    _needs_direct(descriptor)
    disk = Disk(tmp_path)
    segment = disk.create("segment", durable=durable)
    disk.write(segment, b"x")
    flags = fcntl.fcntl(segment, fcntl.F_GETFL)
    assert bool(flags & os.O_DIRECT) == bool(flags & os.O_DSYNC) == durable
    disk.close(segment)


@pytest.mark.parametrize(
    "length", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 18) + 77, 1 << 19, (1 << 20) + 1]
)
def test_a_whole_file_is_what_was_put_whatever_its_length(tmp_path: Path, length: int) -> None:
    octets = os.urandom(length)
    Disk(tmp_path).put("file", octets)
    assert (tmp_path / "file").read_bytes() == octets
    Disk(tmp_path).put("file", octets[: length // 2])
    assert (tmp_path / "file").read_bytes() == octets[: length // 2]


def test_a_large_file_that_may_not_be_written_past_the_cache_is_written(
    tmp_path: Path, descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _needs_direct(descriptor)
    real = os.pwrite

    def pwrite(to: int, octets: bytes, at: int) -> int:
        if _is_direct(to):
            raise OSError(errno.EINVAL, "larger blocks")
        return real(to, octets, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    buffer = mmap.mmap(-1, 1 << 17)
    assert blocks.write_blocks(descriptor, bytes(1 << 17), buffer) == 0
    Disk(tmp_path).put("other", b"x" * (1 << 17))
    assert (tmp_path / "other").read_bytes() == b"x" * (1 << 17)
