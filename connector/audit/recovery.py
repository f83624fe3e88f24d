"""What a log is when a process opens it: its size, its tree, and what was not finished.

Full tiles and bundles below the oldest segment are on disk for good; everything behind them is made
again from the segments, which alone are synced with every record. A tail that is no record was
never acknowledged, and is cut off.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connector.audit.checkpoint import Checkpoint, NoteError, open_note
from connector.audit.disk import UNPUBLISHED
from connector.audit.errors import AuditLogError
from connector.audit.evidence import CHECKPOINT
from connector.audit.growth import File, Growth
from connector.audit.segment import FOLDER, first_of, read_lines, segment_name
from connector.audit.tiles import (
    WIDTH,
    TileError,
    hashes_of,
    parse_path,
    tile_path,
    tile_root,
)
from connector.audit.tree import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from connector.audit.checkpoint import NoteVerifier

_CLOSING: Final = ("completed", "denied")


class Torn(NamedTuple):
    """Octets that were cut off the end of a segment."""

    segment: int
    octets: int
    fault: str


class Orphan(NamedTuple):
    """A request that was received, and of which nothing more is known."""

    audit_id: str
    merchant: str
    since: int
    """The index of its record."""


class Recovered(NamedTuple):
    """A log as it is found."""

    growth: Growth
    segments: list[int]
    files: list[File]
    """Full tiles and bundles that have to be written (again)."""
    partial: list[str]
    """Paths of partial tiles and bundles."""
    orphans: list[Orphan]
    """What was received and never closed, in order."""
    torn: list[Torn]
    tail: list[bytes]
    """Records since the last full bundle."""
    pruned: int
    """Where the log begins, as far as a record of a segment says so."""


def recover(folder: Path, origin: str, verifiers: Sequence[NoteVerifier]) -> Recovered:
    """Read the log in a folder that is locked; AuditLogError where it is not what it should be."""
    try:
        (folder / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (*folder.glob(f"*{UNPUBLISHED}"), *(folder / FOLDER).glob(f"*{UNPUBLISHED}")):
            path.unlink()
        return _recover(folder, origin, verifiers)
    except (OSError, TileError, ValueError) as error:
        raise AuditLogError(f"the audit log in {folder} cannot be read: {error}") from error


def _recover(folder: Path, origin: str, verifiers: Sequence[NoteVerifier]) -> Recovered:
    segments = sorted(
        first for path in (folder / FOLDER).iterdir() if (first := first_of(path.name)) is not None
    )
    # All records below the oldest segment are in full bundles.
    base = segments[0] if segments else 0
    growth = Growth(base, _rows(folder, base))
    files: list[File] = []
    torn: list[Torn] = []
    orphans: dict[str, Orphan] = {}
    checkpoint = _checkpoint(folder, origin, verifiers)
    tail: list[bytes] = []
    pruned = 0
    for first in segments:
        if first > growth.size:
            raise AuditLogError(f"the audit log in {folder} has no record {growth.size}")
        entries, fault = _segment(folder, first, last=first == segments[-1])
        if fault is not None:
            torn.append(fault)
        # It begins with copies of records that stand at the end of the one before.
        for index, record in enumerate(entries[growth.size - first :], growth.size):
            found = json.loads(record)
            _follow(index, found, orphans)
            pruned = _pruned(found, pruned)
            files += growth.extend([record], [leaf_hash(record)])
            tail.append(record)
            if len(tail) == WIDTH:
                tail.clear()
            _compare(folder, growth, checkpoint)
    if checkpoint is not None and growth.size < checkpoint.size:
        raise AuditLogError(
            f"the audit log in {folder} has {growth.size} records,"
            f" and its checkpoint says {checkpoint.size}: see ucp-connector audit verify"
        )
    if growth.size == base:
        _compare(folder, growth, checkpoint)
    return Recovered(
        growth, segments, files, list(_partial(folder)), list(orphans.values()), torn, tail, pruned
    )


def _checkpoint(folder: Path, origin: str, verifiers: Sequence[NoteVerifier]) -> Checkpoint | None:
    try:
        note = (folder / CHECKPOINT).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise AuditLogError(f"the checkpoint in {folder} is no text") from error
    try:
        checkpoint = Checkpoint.parse(open_note(note, verifiers))
    except NoteError as error:
        raise AuditLogError(f"the checkpoint in {folder} is not ours: {error}") from error
    if checkpoint.origin != origin:
        raise AuditLogError(
            f"the audit log in {folder} is that of {checkpoint.origin}, not of {origin}:"
            " name another audit.directory, or the audit.instance that it was"
        )
    return checkpoint


def _compare(folder: Path, growth: Growth, checkpoint: Checkpoint | None) -> None:
    if checkpoint is None or growth.size != checkpoint.size:
        return
    if growth.root() != checkpoint.root:
        raise AuditLogError(
            f"the audit log in {folder} is not what its checkpoint says:"
            " see ucp-connector audit verify"
        )


def _segment(folder: Path, first: int, *, last: bool) -> tuple[list[bytes], Torn | None]:
    """Return a segment's records; what is behind them in the last one is cut off."""
    path = folder / FOLDER / segment_name(first)
    octets = path.read_bytes()
    lines = read_lines(octets, first)
    if len(octets) == lines.octets or not last:
        # An abandoned segment is left as it is; the log says which one that is.
        return lines.entries, None
    with path.open("r+b") as file:
        file.truncate(lines.octets)
        os.fsync(file.fileno())
    if lines.fault is None:
        return lines.entries, None
    return lines.entries, Torn(first, lines.used - lines.octets, lines.fault)


def _pruned(found: dict[str, Any], before: int) -> int:
    """Return where the log begins by now."""
    told = found.get("type") == "administration" and found.get("action") == "prune"
    first: int = found["details"]["first"] if told else before
    return first


def _follow(index: int, found: dict[str, Any], orphans: dict[str, Orphan]) -> None:
    """Note what was received and not closed by now."""
    kind, audit_id = found.get("type"), found.get("audit_id", "")
    if kind == "received":
        orphans[audit_id] = Orphan(audit_id, found["merchant"], index)
    elif kind in _CLOSING:
        orphans.pop(audit_id, None)


def _rows(folder: Path, size: int) -> list[list[bytes]]:
    """Return the partial tiles of a tree whose size is a multiple of a tile's width."""
    rows: list[list[bytes]] = []
    count = size
    while count:
        index, width = divmod(count, WIDTH)
        octets = _tile(folder, len(rows), index, width) if width else b""
        rows.append(hashes_of(octets)[:width])
        count = index
    return rows


def _tile(folder: Path, level: int, index: int, width: int) -> bytes:
    """Return a tile of at least this width, from itself or from the tiles below it."""
    for stand_in in range(width, WIDTH + 1):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return (folder / tile_path(level, index, stand_in)).read_bytes()
    if not level:
        raise AuditLogError(f"the audit log in {folder} has no {tile_path(level, index)}")
    first = index * WIDTH
    below = (_tile(folder, level - 1, at, WIDTH) for at in range(first, first + width))
    return b"".join(tile_root(hashes_of(octets)) for octets in below)


def _partial(folder: Path) -> Iterator[str]:
    for path in (folder / "tile").rglob("*.p/*"):
        with contextlib.suppress(TileError):
            name = path.relative_to(folder).as_posix()
            parse_path(name)
            yield name
