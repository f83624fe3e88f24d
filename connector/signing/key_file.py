"""Key files on disk: read with care, written whole or not at all.

The file belongs to its owner alone (mode 0600). A reader sees the old content or the new one, also
after a crash: content is written to another name, synchronised, and put in place in one step.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from connector.signing.key_document import KeyFileError, keys_of, read_document, write_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.signing.key_document import Document
    from connector.signing.key_ring import SigningKey

_MAX_FILE: Final = 1 << 20
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_ROOT: Final = 0

Stamp = tuple[int, int, int, int]
"""What changes whenever a file is written, replaced or given another mode or owner."""


def load_keys(path: Path) -> tuple[SigningKey, ...]:
    """Return the keys in a file; KeyFileError with one line that begins with the path."""
    return keys_of(load_document(path))


def load_document(path: Path) -> Document:
    """Return the document in a file, as it is on disk; KeyFileError as above."""
    try:
        return read_document(_read(path))
    except KeyFileError as error:
        raise KeyFileError(f"{path}: {error}") from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from None


def create(path: Path, document: Document) -> None:
    """Put a new file in place; FileExistsError where there is one, which stays as it is."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_new(temporary, write_document(document))
        try:
            # Unlike a rename, a link never replaces what somebody else has just made.
            os.link(temporary, path)
        finally:
            temporary.unlink()
        _synchronise_folder(path)
    except FileExistsError:
        raise
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be made: {error.strerror}") from None


def change(path: Path, alter: Callable[[Document], Document]) -> None:
    """Replace a file's document by what ``alter`` makes of it; KeyFileError as in load_document.

    Two at a time never overwrite each other: the second one is told to come back.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    temporary = target.with_name(f"{target.name}.new")
    try:
        descriptor = _open_new(temporary)
    except FileExistsError:
        raise KeyFileError(
            f"{path}: another command is changing it; if none is, remove {temporary}"
        ) from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be changed: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(write_document(_altered(path, alter)))
            _hand_over(file.fileno(), target)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink()
        if isinstance(error, OSError):
            raise KeyFileError(f"{path}: cannot be changed: {error.strerror}") from None
        raise
    _synchronise_folder(target)


def _altered(path: Path, alter: Callable[[Document], Document]) -> Document:
    document = load_document(path)
    try:
        return alter(document)
    except KeyFileError as error:
        raise KeyFileError(f"{path}: {error}") from None


def stamp(path: Path) -> Stamp | None:
    """Return what tells a changed file from an unchanged one; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    # st_ctime: a file that only becomes ours to read must be read then.
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def _read(path: Path) -> bytes:
    # Not to wait where somebody has put a pipe; what is looked at is what is read.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise KeyFileError("is not a file")
        if found.st_mode & _forbidden(found.st_uid):
            mode = stat.S_IMODE(found.st_mode)
            raise KeyFileError(f"others may use it (mode {mode:04o}): chmod 600 {path}")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(_MAX_FILE + 1)
    finally:
        os.close(descriptor)
    if len(data) > _MAX_FILE:
        raise KeyFileError(f"has more than {_MAX_FILE} octets")
    return data


def _forbidden(owner: int) -> int:
    """Return the permissions that a file of this owner must not have.

    Root gives a file to a service through its group, and Kubernetes mounts Secrets in no other way:
    what is root's and not ours may be read by the group.
    """
    if owner == _ROOT and os.geteuid() != _ROOT:
        return _OTHERS & ~stat.S_IRGRP
    return _OTHERS


def _hand_over(descriptor: int, replaced: Path) -> None:
    """Give the new file to the owner of the one that it replaces.

    Root changes it for the service: a file that the gateway cannot read is none that revokes a key.
    """
    found = replaced.stat()
    if os.geteuid() == _ROOT and found.st_uid != _ROOT:
        os.fchown(descriptor, found.st_uid, found.st_gid)


def _open_new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _write_new(path: Path, data: bytes) -> None:
    with os.fdopen(_open_new(path), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _synchronise_folder(path: Path) -> None:
    """Have the name itself on disk, too."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
