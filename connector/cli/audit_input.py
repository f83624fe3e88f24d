"""What the actions on the audit log read: keys of checkpoints, saved checkpoints, times."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from connector.audit.checkpoint import Checkpoint, NoteError, NoteVerifier, open_note
from connector.cli.failure import CHECK_FAILED, CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY_HELP: Final = "a vkey (NAME+HASH+BASE64), or a file with one in each line, such as audit.vkey"
_MOST: Final = 65_536


def read_verifiers(given: Sequence[str]) -> list[NoteVerifier]:
    """Return the keys that were given as vkeys or files of vkeys; raises CommandError."""
    found: list[NoteVerifier] = []
    for each in given:
        is_file = "+" not in each or Path(each).is_file()
        lines = read_text(Path(each)).split("\n") if is_file else [each]
        for line in filter(None, map(str.strip, lines)):
            try:
                found.append(NoteVerifier.parse(line))
            except NoteError as error:
                raise CommandError(f"--key {each}: {error}") from error
    if given and not found:
        raise CommandError(f"--key {given[0]}: has no vkey")
    return found


def read_checkpoint(path: str, verifiers: Sequence[NoteVerifier]) -> Checkpoint:
    """Read a checkpoint that was saved, which has to be signed where keys were given."""
    note = read_text(Path(path))
    try:
        text = open_note(note, verifiers) if verifiers else note.partition("\n\n")[0] + "\n"
        return Checkpoint.parse(text)
    except NoteError as error:
        raise CommandError(f"{path}: {error}", status=CHECK_FAILED) from error


def read_text(path: Path) -> str:
    """Return a small file's text; raises CommandError, and OSError where it is not there."""
    octets = read_octets(path, _MOST)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise CommandError(f"{path}: not text") from None


def read_octets(path: Path, most: int) -> bytes:
    """Return what a file holds; raises CommandError where that is too much."""
    with path.open("rb") as file:
        octets = file.read(most + 1)
    if len(octets) > most:
        raise CommandError(f"{path}: more than {most} octets")
    return octets


def time_in_records(given: str) -> str:
    """Return a time as records have it, with nine digits; raises ArgumentTypeError."""
    try:
        found = datetime.fromisoformat(given)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError("not a time, such as 2026-11-21T10:00:00Z") from None
    return f"{found.replace(tzinfo=None).isoformat(timespec='microseconds')}000Z"
