"""The folder of the audit log's keys: made at the first start, and never seen by anybody else.

``keys.json`` (mode 0600) has the secrets, ``audit.vkey`` what verifies. Whoever changes the folder
holds a lock on it (flock), so that processes which start together agree on their keys.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.audit.key_document import (
    AuditKeyError,
    KeyDocument,
    read_document,
    write_document,
)
from connector.private_files import (
    PrivateFileError,
    hand_over,
    open_new,
    read_private,
    synchronise_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector.audit.checkpoint import NoteSigner
    from connector.audit.redaction import Redactor

KEYS: Final = "keys.json"
VKEYS: Final = "audit.vkey"
_MAX_FILE: Final = 4 << 20
_ROOT: Final = 0


class AuditKeys(NamedTuple):
    """The keys of one log."""

    signers: list[NoteSigner]
    """All of them sign each checkpoint, the newest first."""
    redactor: Redactor
    vkeys: list[str]
    """What verifies what the signers sign, in their order."""
    made: bool
    """Whether the log had no keys before."""
    older: tuple[Redactor, ...] = ()
    """Under whose keys values were hashed before the redactor's."""


class Rotated(NamedTuple):
    """What new keys there are."""

    vkeys: list[str]
    """Of all logs, as ``audit.vkey`` has them now, the new ones first."""
    made: list[str]
    """The vkeys of the new checkpoint keys: one for each log."""
    redaction: str | None
    """The id of the new redaction key."""


def load_or_make_keys(folder: Path, name: str, clock: Callable[[], float] = time.time) -> AuditKeys:
    """Return the keys of the log of this name, which are made where there are none.

    ``clock`` returns UNIX time. Raises AuditKeyError with one line that begins with a path: where
    the folder or the file is not its owner's alone, or the file is not what it should be. Keys
    that are there are never replaced.
    """
    document = _load(folder)
    if document is not None and document.signers(name):
        return _keys(document, name, made=False)
    with _locked(folder):
        # Somebody else may have made them meanwhile.
        document = _load(folder) or KeyDocument()
        made = not document.signers(name)
        if made:
            with _naming(folder / KEYS):
                document = document.with_checkpoint_key(name, clock())
                if not document.redaction:
                    document = document.with_redaction_key(clock())
            _write(folder, document)
    return _keys(document, name, made=made)


def load_redactors(folder: Path) -> list[Redactor]:
    """Return what hashes under each redaction key, the newest first; raises AuditKeyError."""
    return [key.redactor() for key in _present(folder).redaction]


def load_signers(folder: Path, name: str) -> list[NoteSigner]:
    """Return what signs for the log of this name, the newest first; raises AuditKeyError."""
    signers = _present(folder).signers(name)
    if not signers:
        raise AuditKeyError(f"{folder / KEYS}: has no key of the log {name}")
    return signers


def rotate_keys(
    folder: Path, *, checkpoint: bool, redaction: bool, clock: Callable[[], float] = time.time
) -> Rotated:
    """Put new keys in front of those in the folder, which stay; raises AuditKeyError.

    Each log gets a new checkpoint key.
    """
    _present(folder)  # else a mistyped folder would be made to be locked
    with _locked(folder):
        before = after = _present(folder)
        with _naming(folder / KEYS):
            for name in reversed(before.names()) if checkpoint else ():
                after = after.with_checkpoint_key(name, clock())
            if redaction:
                after = after.with_redaction_key(clock())
        _write(folder, after)
    vkeys = after.vkeys()
    return Rotated(
        vkeys,
        vkeys[: len(after.checkpoint) - len(before.checkpoint)],
        after.redaction[0].id if redaction else None,
    )


def _keys(document: KeyDocument, name: str, *, made: bool) -> AuditKeys:
    signers = document.signers(name)
    redactor, *older = (key.redactor() for key in document.redaction)
    return AuditKeys(signers, redactor, [each.vkey for each in signers], made, tuple(older))


def _present(folder: Path) -> KeyDocument:
    document = _load(folder)
    if document is None:
        raise AuditKeyError(f"{folder / KEYS}: is not there; the gateway's first start makes it")
    return document


def _load(folder: Path) -> KeyDocument | None:
    """Return what is in the folder; None where nothing is."""
    path = folder / KEYS
    try:
        with _naming(path):
            _check_folder(folder)
            return read_document(read_private(path, _MAX_FILE))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AuditKeyError(f"{path}: cannot be read: {error.strerror}") from None


def _check_folder(folder: Path) -> None:
    """Refuse a folder in which somebody else could put keys of theirs in the place of ours."""
    found = folder.stat()
    if os.geteuid() not in {found.st_uid, _ROOT} and found.st_uid != _ROOT:
        raise AuditKeyError("its folder belongs to another user")
    # Where it is sticky, as Kubernetes mounts Secrets, nobody replaces another one's file.
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
        mode = stat.S_IMODE(found.st_mode)
        raise AuditKeyError(f"others may write to its folder (mode {mode:04o}): chmod 700 {folder}")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Have the folder alone; it is made where it is not there. The lock ends with the process."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise AuditKeyError(f"{folder}: cannot be made: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise AuditKeyError(f"{folder}: cannot be changed: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _write(folder: Path, document: KeyDocument) -> None:
    # First what verifies: a key that signs is never unknown there. A vkey too many hurts nobody.
    lines = "".join(f"{vkey}\n" for vkey in document.vkeys())
    _put(folder / VKEYS, lines.encode("ascii"))
    _put(folder / KEYS, write_document(document))


def _put(path: Path, data: bytes) -> None:
    path = Path(os.path.realpath(path))  # a link stays a link
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(open_new(temporary), "wb") as file:
            file.write(data)
            hand_over(file.fileno(), path.parent)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    synchronise_folder(path)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say of which file an error tells."""
    try:
        yield
    except (AuditKeyError, PrivateFileError) as error:
        raise AuditKeyError(f"{path}: {error}") from None
