"""The files of one log, as the writing threads use them. Tests put faults in their place."""

from __future__ import annotations

import contextlib
import mmap
import os
from typing import TYPE_CHECKING, Final

from connector.audit.blocks import BlockFile, write_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

UNPUBLISHED: Final = ".new"
"""Behind the name of a file that is not there yet: a process that ended has left it."""
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
_LARGE: Final = 1 << 16
"""Octets from which on a file is written past the page cache."""
Identity = tuple[int, int]
"""The device, and the file's number on it."""


class Disk:
    """Writes below one folder. Every method raises OSError as the system does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = str(folder)
        self._created: dict[int, BlockFile] = {}
        self._buffer = mmap.mmap(-1, 1 << 19)

    def create(self, path: str, *, durable: bool) -> int:
        """Make a file to be written from its beginning; it stands at its path once published.

        Where it is durable, what was written to it is on disk when the write returns (O_DSYNC: as
        with fdatasync behind each write, in one system call).
        """
        flags = _NEW | os.O_DSYNC if durable else _NEW
        descriptor = os.open(self._folder / f"{path}{UNPUBLISHED}", flags, 0o600)
        try:
            # Through the cache where nobody waits for the disk.
            self._created[descriptor] = BlockFile(descriptor, direct=durable)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def publish(self, path: str) -> None:
        """Put the file at its path, in place of whatever stood there; that is on disk then."""
        target = self._folder / path
        (self._folder / f"{path}{UNPUBLISHED}").replace(target)
        self._sync_folder(target.parent)

    def write(self, descriptor: int, octets: bytes, room: int = 0) -> int:
        """Write all of it to a file that was created, and zeros behind; return how many of them.

        They end with a block, and are at least ``room`` where the disk takes so much. To write over
        what stands there costs half of the time, and of the processor's, that it takes to make a
        file longer.
        """
        return self._created[descriptor].append(octets, room)

    def extend(self, descriptor: int, room: int) -> int:
        """Write so many zeros behind a file that was created; return how many there are now."""
        return self._created[descriptor].extend(room)

    def trim(self, descriptor: int) -> None:
        """Take away the zeros behind what was written."""
        self._created[descriptor].trim()

    def identity(self, descriptor: int) -> Identity:
        """Return what tells an open file from every other one."""
        found = os.fstat(descriptor)
        return found.st_dev, found.st_ino

    def is_at(self, identity: Identity, path: str) -> bool:
        """Whether the file is still the one at this path."""
        try:
            found = os.lstat(f"{self._root}/{path}")
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == identity

    def close(self, descriptor: int) -> None:
        """Close a file that was created."""
        self._created.pop(descriptor, None)
        os.close(descriptor)

    def put(self, path: str, octets: bytes) -> None:
        """Write a whole file, whatever stood there; it is on disk after ``settle``.

        One thread at a time does.
        """
        target = f"{self._root}/{path}"
        try:
            descriptor = os.open(target, _NEW, 0o600)
        except FileNotFoundError:
            (self._folder / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(target, _NEW, 0o600)
        try:
            done = write_blocks(descriptor, octets, self._buffer) if len(octets) >= _LARGE else 0
            while done < len(octets):
                done += os.pwrite(descriptor, octets[done:], done)
        finally:
            os.close(descriptor)

    def replace(self, path: str, octets: bytes) -> None:
        """Put a file in the place of another in one step: a reader finds the one or the other."""
        self.put(f"{path}{UNPUBLISHED}", octets)
        (self._folder / f"{path}{UNPUBLISHED}").replace(self._folder / path)

    def settle(self, paths: Sequence[str]) -> None:
        """Return once these files, and their names, are on disk."""
        for path in paths:
            descriptor = os.open(self._folder / path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        for folder in {(self._folder / path).parent for path in paths}:
            self._sync_folder(folder)

    def remove(self, path: str) -> None:
        """Remove a file, and its folder where that was for it alone."""
        target = self._folder / path
        target.unlink(missing_ok=True)
        if target.parent.name.endswith(".p"):
            with contextlib.suppress(OSError):
                target.parent.rmdir()

    def space(self) -> tuple[int, int]:
        """Return the free and the total octets of the file system."""
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

    def _sync_folder(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
