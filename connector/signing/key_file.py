"""Key files on disk: private, read with care, written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from connector.private_files import (
    PrivateFileError,
    hand_over,
    open_new,
    read_private,
    synchronise_folder,
    write_new,
)
from connector.signing.key_document import KeyFileError, keys_of, read_document, write_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.signing.key_document import Document
    from connector.signing.key_ring import SigningKey

_MAX_FILE: Final = 1 << 20

Stamp = tuple[int, int, int, int]
"""What changes whenever a file is written, replaced or given another mode or owner."""


def load_keys(path: Path) -> tuple[SigningKey, ...]:
    """Return the keys in a file; KeyFileError with one line that begins with the path."""
    return keys_of(load_document(path))


def load_document(path: Path) -> Document:
    """Return the document in a file, as it is on disk; KeyFileError as above."""
    try:
        return read_document(read_private(path, _MAX_FILE))
    except (KeyFileError, PrivateFileError) as error:
        raise KeyFileError(f"{path}: {error}") from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from None


def create(path: Path, document: Document) -> None:
    """Put a new file in place; FileExistsError where there is one, which stays as it is."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write_new(temporary, write_document(document))
        try:
            # Unlike a rename, a link never replaces what somebody else has just made.
            os.link(temporary, path)
        finally:
            temporary.unlink()
        synchronise_folder(path)
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
        descriptor = open_new(temporary)
    except FileExistsError:
        raise KeyFileError(
            f"{path}: another command is changing it; if none is, remove {temporary}"
        ) from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be changed: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(write_document(_altered(path, alter)))
            hand_over(file.fileno(), target)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink()
        if isinstance(error, OSError):
            raise KeyFileError(f"{path}: cannot be changed: {error.strerror}") from None
        raise
    synchronise_folder(target)


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
