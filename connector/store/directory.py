"""The directory of the embedded store: whose it is, and that one gateway has it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

SOCKET: Final = "socket"
"""The name of the server's socket in it."""

GATEWAY_LOCK: Final = "gateway.lock"
SERVER_LOCK: Final = "server.lock"
"""Files in it. A gateway has the first one for its life (flock), its server the second (lockf)."""

_LONGEST_ADDRESS: Final = 107 if sys.platform == "linux" else 103
"""Octets of a socket's path: what sun_path holds (unix(7), unix(4)), without the last NUL."""


class EmbeddedStoreError(Exception):
    """The embedded store cannot be opened; the text is one line for whoever starts the gateway."""


def check_address(path: Path) -> None:
    """Refuse a socket's path that the system has no room for."""
    length = len(os.fsencode(path))
    if length > _LONGEST_ADDRESS:
        raise EmbeddedStoreError(
            f"{path} is too long for a socket: {length} octets of at most {_LONGEST_ADDRESS};"
            " name a directory with a shorter path"
        )


def take(directory: Path) -> int:
    """Make the directory if there is none, and lock it; return the lock's file descriptor.

    A new one has mode 0700. One that belongs to somebody else, or that group or others may write
    to, is refused: they could put a socket of theirs in the server's place. It is not tightened,
    for it could be /tmp, named by mistake. One that others may read is left as it is: every file in
    it has mode 0600.

    The lock is flock(2): it ends with the process, however that ends. Where another gateway has it,
    nothing is changed.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
        if found.st_uid != os.geteuid():
            raise EmbeddedStoreError(
                f"{directory} belongs to another user, who could put a socket in the server's place"
            )
        mode = stat.S_IMODE(found.st_mode)
        if mode & 0o022:
            raise EmbeddedStoreError(
                f"{directory} may be written to by others (mode {mode:04o}):"
                " take that away, or name a directory in it that is not there yet"
            )
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(directory / GATEWAY_LOCK, flags, 0o600)
    except OSError as error:
        raise EmbeddedStoreError(f"{directory} cannot be used: {error.strerror}") from error
    try:
        _lock(descriptor, directory)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def give_back(descriptor: int) -> None:
    """Unlock the directory. The file stays: who removed it could remove another one's lock."""
    try:
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise EmbeddedStoreError(f"{directory} cannot be locked: {error.strerror}") from error
        owner = os.pread(descriptor, 20, 0).strip()
        process = f" (process {int(owner)})" if owner.isdigit() else ""
        raise EmbeddedStoreError(f"{directory} is in use by another gateway{process}") from None
