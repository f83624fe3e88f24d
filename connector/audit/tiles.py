"""Tiles and entry bundles of C2SP tlog-tiles: paths, contents, and hashes read from them: pure.

A tile holds up to 256 hashes of one level; a bundle the entries of 256 leaves, each behind two
octets of length. The last of a row may be partial: its path says how wide it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from connector.audit.tree import node_hash, parents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

WIDTH: Final = 256
HEIGHT: Final = 8
HASH: Final = 32
ENTRIES: Final = "entries"
_LENGTH: Final = 2
_PATH: Final = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


class TileError(ValueError):
    """A path, a tile or a bundle that is none."""


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Return where a tile, or with ``ENTRIES`` a bundle, stands below the log's directory."""
    parts = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        parts.append(f"x{index % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(parts))}{partial}"


def parse_path(path: str) -> tuple[int | str, int, int]:
    """Return level, index and width; TileError for a path that no tile has."""
    match = _PATH.fullmatch(path)
    if match is not None:
        level = match[1] if match[1] == ENTRIES else int(match[1])
        index = int(match[2].replace("x", "").replace("/", ""))
        width = int(match[3] or WIDTH)
        if tile_path(level, index, width) == path:
            return level, index, width
    raise TileError(f"{path} is not the path of a tile")


def bundle(entries: Iterable[bytes]) -> bytes:
    """Return the octets of a bundle."""
    return b"".join(len(entry).to_bytes(_LENGTH) + entry for entry in entries)


def entries_of(octets: bytes) -> list[bytes]:
    """Return the entries of a bundle; raises TileError."""
    found, used = whole_entries(octets)
    if used != len(octets):
        raise TileError("a bundle is cut short")
    return found


def whole_entries(octets: bytes) -> tuple[list[bytes], int]:
    """Return the entries that are whole from the start, and how many octets they take."""
    found, at, end = [], 0, len(octets)
    while at + _LENGTH <= end:
        start = at + _LENGTH
        stop = start + (octets[at] << 8 | octets[at + 1])
        if stop > end:
            break
        found.append(octets[start:stop])
        at = stop
    return found, at


def hashes_of(octets: bytes) -> list[bytes]:
    """Return the hashes of a tile; raises TileError."""
    if len(octets) % HASH:
        raise TileError("a tile is cut short")
    return [octets[at : at + HASH] for at in range(0, len(octets), HASH)]


def tile_root(hashes: Sequence[bytes]) -> bytes:
    """Return the hash that a full tile is in the tile above."""
    while len(hashes) > 1:
        hashes = parents(hashes)
    return hashes[0]


class TileReader:
    """Reads the hashes of perfect subtrees from the tiles of a log of ``size`` entries.

    ``load(level, index, width)`` returns a tile's octets, for one that is partial in this size;
    it may return more than ``width`` hashes. What was read is kept while it is used.
    """

    def __init__(self, size: int, load: Callable[[int, int, int], bytes]) -> None:
        self._size = size
        self._load = load
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """Return the hash over the leaves ``[index << level, (index + 1) << level)``."""
        row, height = divmod(level, HEIGHT)
        first = index << height
        tile, offset = divmod(first, WIDTH)
        hashes = self._tile(row, tile)[offset : offset + (1 << height)]
        if len(hashes) != 1 << height:
            raise TileError(f"{tile_path(row, tile)} has no hash {offset}")
        while len(hashes) > 1:
            hashes = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes), 2)]
        return hashes[0]

    def _tile(self, row: int, tile: int) -> list[bytes]:
        found = self._tiles.get((row, tile))
        if found is None:
            whole = (self._size >> (HEIGHT * row)) - tile * WIDTH
            width = min(whole, WIDTH)
            if width <= 0:
                raise TileError(f"a log of {self._size} has no {tile_path(row, tile)}")
            found = hashes_of(self._load(row, tile, width))
            if len(found) < width:
                raise TileError(f"{tile_path(row, tile, width)} is too short")
            if len(self._tiles) > WIDTH:
                self._tiles.clear()
            self._tiles[row, tile] = found
        return found
