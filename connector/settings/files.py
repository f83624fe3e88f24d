"""Files of the configuration: read whole, within a bound, and looked at for changes."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from connector.settings.documents import read_document
from connector.settings.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

Stamp = tuple[int, int, int, int]
"""What changes whenever a file is written, replaced or given another mode or owner."""


def read_mapping(path: Path, most: int, holds: str, *, pipe: bool = False) -> dict[str, Any]:
    """Return the mapping in a YAML file of at most so many octets; keys without a value stay.

    ``holds`` says what it is a mapping of. A ``pipe`` is waited for; without it, only a regular
    file is read. Raises ConfigurationError with a line that begins with the path.
    """
    document = read_document(_read_text(path, most, pipe=pipe), str(path))
    if document is None:
        raise ConfigurationError([f"{path}: is empty"])
    if not isinstance(document, dict):
        raise ConfigurationError([f"{path}: is not a mapping of {holds}"])
    return document


def without_nulls(value: Any) -> Any:
    """Drop keys without a value, so that a section may be commented out line by line."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [without_nulls(each) for each in value]
    return value


def stamp_of(path: Path | str) -> Stamp | None:
    """Return what tells a changed file from an unchanged one; None where there is none.

    A pipe is none, for it can be read once only.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - of thousands of names each second, no paths are made
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    # st_ctime: a file that only becomes ours to read must be read then.
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def _read_text(path: Path, most: int, *, pipe: bool) -> str:
    # What was a file a moment ago may be a pipe by now, whose opening would wait for a writer.
    flags = 0 if pipe else os.O_NONBLOCK
    try:
        with open(path, "rb", opener=lambda name, given: os.open(name, given | flags)) as file:
            if not pipe and not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigurationError([f"{path}: is no file"])
            octets = file.read(most + 1)
    except (OSError, ValueError) as error:
        # A ValueError is a path with a NUL in it.
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError([f"{path}: cannot be read: {reason}"]) from error
    if len(octets) > most:
        raise ConfigurationError([f"{path}: has more than {most} octets"])
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ConfigurationError([f"{path}: line {line}: is not UTF-8"]) from None
