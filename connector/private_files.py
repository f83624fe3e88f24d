"""Files that hold secrets: read with care, written whole or not at all.

Such a file belongs to its owner alone (mode 0600). A reader sees the old content or the new one,
also after a crash: content is written to another name, synchronised, and put in place in one step.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_ROOT: Final = 0


class PrivateFileError(Exception):
    """A file that is not safe to use; the text is one line, without the path at its beginning."""


def read_private(path: Path, most: int) -> bytes:
    """Return the octets of a file of at most ``most``; raises PrivateFileError and OSError."""
    # Not to wait where somebody has put a pipe; what is looked at is what is read.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise PrivateFileError("is not a file")
        if os.geteuid() not in {found.st_uid, _ROOT} and found.st_uid != _ROOT:
            raise PrivateFileError("belongs to another user")
        if found.st_mode & _forbidden(found.st_uid):
            mode = stat.S_IMODE(found.st_mode)
            raise PrivateFileError(f"others may use it (mode {mode:04o}): chmod 600 {path}")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(most + 1)
    finally:
        os.close(descriptor)
    if len(data) > most:
        raise PrivateFileError(f"has more than {most} octets")
    return data


def _forbidden(owner: int) -> int:
    """Return the permissions that a file of this owner must not have.

    Root gives a file to a service through its group, and Kubernetes mounts Secrets in no other way:
    what is root's and not ours may be read by the group.
    """
    if owner == _ROOT and os.geteuid() != _ROOT:
        return _OTHERS & ~stat.S_IRGRP
    return _OTHERS


def open_new(path: Path) -> int:
    """Return a descriptor that writes a file which was not there; raises OSError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that was not there, and have its content on disk; raises OSError."""
    with os.fdopen(open_new(path), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def hand_over(descriptor: int, replaced: Path) -> None:
    """Give a new file to the owner of what it replaces, or of the folder that it is for.

    Root changes it for the service: a file that the gateway cannot read helps nobody.
    """
    found = replaced.stat()
    if os.geteuid() == _ROOT and found.st_uid != _ROOT:
        os.fchown(descriptor, found.st_uid, found.st_gid)


def synchronise_folder(path: Path) -> None:
    """Have the name of the file itself on disk, too."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
