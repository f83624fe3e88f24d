"""Which old records may go from a log, by whole bundles: pure over files.

Tiles of hashes stay, and with them every proof about the rest.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from connector.audit.checkpoint import Checkpoint, NoteError, open_note
from connector.audit.files import FileFault
from connector.audit.inventory import (
    CHECKPOINT,
    MOST_BUNDLE,
    MOST_NOTE,
    MOST_TILE,
    PRUNED,
    bundle_path,
    take_inventory,
)
from connector.audit.pruned import Pruned
from connector.audit.tiles import WIDTH, TileError, entries_of, tile_path
from connector.audit.tree import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector.audit.checkpoint import NoteVerifier
    from connector.audit.files import Files

T = TypeVar("T")


class PruneError(Exception):
    """Why nothing is removed from a log, in one line."""


class Prunable(NamedTuple):
    """What may go from a log."""

    origin: str
    before: int
    """The first record that is there until then, as the note says."""
    first: int
    """The first one that stays."""
    bundles: tuple[int, ...]
    """Indices of bundles that go, the oldest first: also those that are left of an earlier time."""


def origin_in(files: Files) -> str:
    """Return what a log's checkpoint calls it, whoever signed that; raises PruneError."""
    text, _, _ = _note(files, CHECKPOINT).rpartition("\n\n")
    try:
        return Checkpoint.parse(f"{text}\n").origin
    except NoteError as error:
        raise PruneError(f"{CHECKPOINT}: {error}") from None


def prunable(
    files: Files,
    verifiers: Sequence[NoteVerifier],
    before: str,
    progress: Callable[[int], None] = lambda _: None,
) -> Prunable:
    """Tell what of a log is older than ``before``, a time as records have it; raises PruneError.

    Bundles go from the oldest on, up to the first one with a record that is not older: never what
    the checkpoint does not cover, nor what a segment still has. Each has to be what its hashes
    say, for what was changed is evidence, too. ``progress`` is told of each record's index.
    """
    checkpoint = _signed(files, CHECKPOINT, verifiers, Checkpoint.parse)
    there = take_inventory(files.paths())
    begin = _begin(files, checkpoint, verifiers) if PRUNED in there.single else 0
    # A process that starts reads the oldest segment, and makes the bundles from there on again.
    end = min(checkpoint.size, min(there.segments, default=0)) // WIDTH * WIDTH
    first = begin
    while first < end and _is_older(files, first // WIDTH, before):
        first += WIDTH
        progress(first)
    full = (index for index, widths in there.bundles.items() if WIDTH in widths)
    gone = tuple(sorted(index for index in full if index * WIDTH < first))
    return Prunable(checkpoint.origin, begin, first, gone)


def read_pruned(files: Files, verifiers: Sequence[NoteVerifier]) -> Pruned:
    """Return what an earlier time has left; raises PruneError."""
    return _signed(files, PRUNED, verifiers, Pruned.parse)


def _begin(files: Files, checkpoint: Checkpoint, verifiers: Sequence[NoteVerifier]) -> int:
    pruned = read_pruned(files, verifiers)
    if pruned.origin != checkpoint.origin or pruned.first > checkpoint.size:
        raise PruneError(f"{PRUNED}: of another log")
    return pruned.first


def _is_older(files: Files, index: int, before: str) -> bool:
    """Whether all records of a bundle are; raises PruneError where it is not what was hashed."""
    path = bundle_path(index)
    try:
        entries = entries_of(files.read(path, MOST_BUNDLE))
        hashes = files.read(tile_path(0, index), MOST_TILE)
    except (FileFault, TileError) as fault:
        raise PruneError(f"{path}, or the tile of its hashes: {fault}: see audit verify") from None
    if hashes != b"".join(map(leaf_hash, entries)) or len(entries) != WIDTH:
        raise PruneError(f"{path}: not what its hashes say: see audit verify")
    try:
        return all(json.loads(entry)["time"] < before for entry in entries)
    except (ValueError, RecursionError, TypeError, KeyError):
        raise PruneError(f"{path}: it has a record without a time: see audit verify") from None


def _signed(
    files: Files, path: str, verifiers: Sequence[NoteVerifier], parse: Callable[[str], T]
) -> T:
    """Return what a note says that one of the verifiers has signed."""
    try:
        return parse(open_note(_note(files, path), verifiers))
    except NoteError as error:
        raise PruneError(f"{path}: {error}") from None


def _note(files: Files, path: str) -> str:
    try:
        return files.read(path, MOST_NOTE).decode()
    except FileFault as fault:
        raise PruneError(f"{path}: {fault}") from None
    except UnicodeDecodeError:
        raise PruneError(f"{path}: not text") from None
