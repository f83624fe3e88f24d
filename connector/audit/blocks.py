"""Files that are written in whole blocks, past the page cache where the file system lets it.

Nobody reads a log while it is written. Pages that are kept of it are copies that cost the processor
more than the disk's own work, and memory that a container pays for. ``O_DIRECT`` keeps none; it
takes whole blocks from memory that begins with one (open(2)). Where a file system does not know it,
or not for this write, the same blocks go through the cache.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCK: Final = 4096
"""Octets: a multiple of every disk's own block, and what a disk writes whole or not at all."""
_MOST: Final = 1 << 20
"""Octets of one write."""
_REFUSED: Final = (errno.EINVAL, errno.EOPNOTSUPP)
"""How a file system says that it does not write past the cache."""
_ZEROS: Final = memoryview(mmap.mmap(-1, 16 * BLOCK)).toreadonly()


class BlockFile:
    """An open, empty file that is written from its beginning, by one thread at a time.

    What the octets leave of their last block is filled with zeros; the next ones are put over them.
    One that is written past the cache was opened with O_DSYNC.
    """

    def __init__(self, descriptor: int, *, direct: bool) -> None:
        self._descriptor = descriptor
        self._direct = direct and _may_be_direct(descriptor)
        self._buffer = mmap.mmap(-1, _MOST)
        self._view = memoryview(self._buffer)
        self._at = 0
        """Where the block begins in which the octets end."""
        self._begun = 0
        """How many octets of that block there are; they stand at the buffer's beginning."""
        self._size = 0

    def append(self, octets: bytes, room: int = 0) -> int:
        """Write all of it, and up to ``room`` zeros behind; return how many zeros follow it now.

        ``room`` is a multiple of ``BLOCK``, of which the file system may take a part. After an
        error nobody knows what was written.
        """
        at = 0
        while len(octets) - at > _MOST - self._begun:
            part = _MOST - self._begun
            self._put(octets[at : at + part], 0)
            at += part
        return self._put(octets[at:] if at else octets, room)

    def extend(self, room: int) -> int:
        """Write up to ``room`` zeros behind the end; return how many follow the octets now.

        ``room`` is a multiple of ``BLOCK``. An error harms nothing that was written before.
        """
        written = self._write(_zeros(room), self._size - self._at)
        self._grow(self._size + written // BLOCK * BLOCK)
        return self._size - self._at - self._begun

    def trim(self) -> None:
        """Take away the zeros at the end."""
        os.ftruncate(self._descriptor, self._at + self._begun)

    def _put(self, octets: bytes, room: int) -> int:
        end = self._begun + len(octets)
        size = -(-end // BLOCK) * BLOCK
        self._buffer[self._begun : end] = octets
        self._buffer[end:size] = bytes(size - end)
        written = self._write([self._view[:size], *_zeros(room)], 0)
        while written < size:
            # A full disk takes a part of it first, and says so the second time.
            written += self._write([self._view[written:size]], written)
        self._grow((self._at + written) // BLOCK * BLOCK)
        whole = end // BLOCK * BLOCK
        self._begun = end - whole
        self._buffer[: self._begun] = self._buffer[whole:end]
        self._at += whole
        return written - end

    def _grow(self, size: int) -> None:
        if size > self._size:
            if self._direct:
                # ext4 of Linux 5.5 to 6.6 put the new size on disk after O_DSYNC had seen to it
                # (commit 91562895f803): without it the octets are not found again.
                os.fdatasync(self._descriptor)
            self._size = size

    def _write(self, pieces: Sequence[memoryview], behind: int) -> int:
        try:
            return os.pwritev(self._descriptor, pieces, self._at + behind)
        except OSError as error:
            if not self._direct or error.errno not in _REFUSED:
                raise
            # Larger blocks than these, or a limit that lies within one.
            self._direct = _through_the_cache(self._descriptor)
            return os.pwritev(self._descriptor, pieces, self._at + behind)


def write_blocks(descriptor: int, octets: bytes, buffer: mmap.mmap) -> int:
    """Write the whole blocks of a new file past the cache; return how many octets that were.

    What is left goes through the cache. ``buffer`` is kept from file to file: memory that is new
    to the process costs more than to copy into it.
    """
    whole = len(octets) // BLOCK * BLOCK
    if not whole or not _may_be_direct(descriptor):
        return 0
    at = 0
    try:
        with memoryview(buffer) as view:
            while at < whole:
                size = min(whole - at, len(buffer))
                view[:size] = octets[at : at + size]
                at += os.pwrite(descriptor, view[:size], at)
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
    _through_the_cache(descriptor)
    return at


def _may_be_direct(descriptor: int) -> bool:
    """Have a file written past the cache; False where its file system knows no such thing."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT)
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        return False
    return True


def _through_the_cache(descriptor: int) -> bool:
    """Have a file written as others are; always False."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags & ~os.O_DIRECT)
    return False


def _zeros(count: int) -> list[memoryview]:
    whole, rest = divmod(count, len(_ZEROS))
    return [_ZEROS] * whole + ([_ZEROS[:rest]] if rest else [])
