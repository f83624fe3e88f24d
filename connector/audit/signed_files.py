"""Reads the two files of a log that are signed, and tells who signed them: pure over files.

What they say is needed before all keys are known, which the log's own records name. So their text
is read first, and their signatures are checked when the records have been.
"""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from connector.audit.checkpoint import NoteError, open_note
from connector.audit.files import FileFault
from connector.audit.inventory import MOST_NOTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from connector.audit.checkpoint import NoteVerifier
    from connector.audit.files import Files
    from connector.audit.problems import Problems

    T = TypeVar("T")


class SignedFile(NamedTuple):
    """A note that stands in a file."""

    path: str
    note: str


class Signatures(NamedTuple):
    """Who signed a note, as ``NAME+HASH``, and how many lines are of unknown keys."""

    known: tuple[str, ...]
    unknown: int


def read_signed(
    files: Files, path: str, parse: Callable[[str], T], problems: Problems
) -> tuple[SignedFile | None, T | None]:
    """Return a note and what its text says, without a look at its signatures."""
    try:
        note = files.read(path, MOST_NOTE).decode()
        text, _, _ = note.rpartition("\n\n")
        return SignedFile(path, note), parse(f"{text}\n")
    except FileFault as fault:
        problems(path, None, str(fault))
    except UnicodeDecodeError:
        problems(path, None, "not text")
    except NoteError as error:
        problems(path, None, str(error))
    return None, None


def check_signatures(
    file: SignedFile,
    given: Sequence[NoteVerifier],
    named: Iterable[NoteVerifier],
    problems: Problems,
) -> Signatures:
    """Have one of the given keys open a note, or where none are given one that the log names."""
    known = [*given, *named]
    try:
        open_note(file.note, given or known)
        open_note(file.note, known)
    except NoteError as error:
        problems(file.path, None, str(error))
        return Signatures((), 0)
    names = {(each.name, each.id): f"{each.name}+{each.id.hex()}" for each in known}
    found: list[str | None] = []
    for line in file.note.rpartition("\n\n")[2].splitlines():
        _, name, encoded = line.split(" ")
        found.append(names.get((name, b64decode(encoded)[:4])))
    return Signatures(tuple(each for each in found if each), found.count(None))
