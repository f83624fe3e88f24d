"""Grows a tree out of leaf hashes and holds each tile of a log against it: pure over files.

Where a record was changed, the hash in its tile still is the old one. The tree goes on with what
the tile above confirms, so that one wrong record is one problem, and not one at every level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.audit.files import FileFault
from connector.audit.inventory import MOST_TILE
from connector.audit.tiles import HASH, HEIGHT, WIDTH, TileReader, tile_path, tile_root
from connector.audit.tree import EMPTY, root

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connector.audit.files import Files
    from connector.audit.problems import Problems


class _Row:
    """The tile of a level that is being filled."""

    def __init__(self) -> None:
        self.index = 0
        self.hashes: list[bytes] = []
        self.others: dict[int, bytes] = {}
        """By offset: what a hash would be if the tile below were right, which differs."""


class TreeCheck:
    """The tree of ``size`` records so far, whose tiles are at hand as ``tiles``.

    ``tiles`` is emptied as they are checked. ``signed`` is the size for which all tiles have to be
    there, and ``sizes`` are those for which ``roots`` is filled.
    """

    def __init__(
        self,
        files: Files,
        tiles: dict[tuple[int, int], list[int]],
        problems: Problems,
        *,
        signed: int,
        sizes: Iterable[int],
    ) -> None:
        self._files = files
        self._tiles = tiles
        self._problems = problems
        self._signed = signed
        self._sizes = sorted({each for each in sizes if each > 0})
        self._rows = [_Row()]
        self.size = 0
        self.roots: dict[int, bytes] = {0: EMPTY}

    def add(self, leaves: Sequence[bytes]) -> None:
        """Take the hashes of the next records, which all are in one tile."""
        while self._sizes and self._sizes[0] <= self.size + len(leaves):
            size = self._sizes.pop(0)
            count = size - self.size
            self._extend(leaves[:count])
            leaves = leaves[count:]
            self.roots[size] = root(size, TileReader(size, self._growing))
        self._extend(leaves)

    def finish(self) -> None:
        """Check the last tile of each level, and tell of those that are of no record."""
        for level, row in enumerate(self._rows):
            if row.hashes or (level, row.index) in self._tiles:
                self._check(level, row)
        for (level, index), widths in self._tiles.items():
            for width in widths:
                first = index * WIDTH << HEIGHT * level if level < HEIGHT else None
                self._problems(tile_path(level, index, width), first, "hashes of no records")

    def stored(self, index: int, width: int) -> list[bytes]:
        """Return the leaf hashes that a tile holds, where it has as many."""
        for there in self._tiles.get((0, index), ()):
            octets = self._octets(0, index, there)
            if octets is not None and len(octets) >= width * HASH:
                return _split(octets)[:width]
        return []

    def _growing(self, level: int, *_: int) -> bytes:
        """Return the tile that is being filled: it has the peaks of the tree so far."""
        return b"".join(self._rows[level].hashes)

    def _extend(self, leaves: Sequence[bytes]) -> None:
        self._rows[0].hashes += leaves
        self.size += len(leaves)
        level = 0
        while len(self._rows[level].hashes) == WIDTH:
            self._complete(level)
            level += 1

    def _complete(self, level: int) -> None:
        """Check a full tile and take its hash one level up."""
        row = self._rows[level]
        other = self._check(level, row)
        if level + 1 == len(self._rows):
            self._rows.append(_Row())
        above = self._rows[level + 1]
        if other is not None:
            above.others[len(above.hashes)] = other
        above.hashes.append(tile_root(row.hashes))
        row.index += 1
        row.hashes = []
        row.others.clear()

    def _check(self, level: int, row: _Row) -> bytes | None:
        """Compare the tiles of a row's index; return the hash of a full one that differs."""
        widths = self._tiles.pop((level, row.index), [])
        needed = min((self._signed >> HEIGHT * level) - row.index * WIDTH, WIDTH)
        # Where hashes are missing, so are records, which is told once.
        if 0 < needed <= len(row.hashes) and not {needed, WIDTH}.intersection(widths):
            first = row.index * WIDTH << HEIGHT * level
            self._problems(tile_path(level, row.index, needed), first, "the tile is missing")
        other = None
        for width in widths:
            octets = self._octets(level, row.index, width)
            if octets is None or octets == b"".join(row.hashes[:width]):
                if octets is not None and width > len(row.hashes):
                    self._differs(level, row, width, octets)
                continue
            self._differs(level, row, width, octets)
            if width == WIDTH and len(octets) == MOST_TILE:
                other = tile_root(_split(octets))
        return other

    def _differs(self, level: int, row: _Row, width: int, octets: bytes) -> None:
        """Find where a tile differs. What the tile below says, too, is taken over."""
        path = tile_path(level, row.index, width)
        known = min(width, len(row.hashes))
        hashes = _split(octets)
        first = None
        for at, (mine, theirs) in enumerate(zip(row.hashes[:known], hashes, strict=False)):
            if mine == theirs:
                continue
            if row.others.get(at) == theirs:
                row.hashes[at] = theirs
            elif first is None:
                first = at
        if first is not None:
            index = row.index * WIDTH + first << HEIGHT * level
            what = "the record" if not level else "the records from"
            self._problems(path, index, f"{what} {index} and the hash here do not belong together")
        if len(octets) != width * HASH or width > known:
            index = row.index * WIDTH + min(known, len(hashes)) << HEIGHT * level
            self._problems(path, index, f"not the hashes of {width} subtrees")

    def _octets(self, level: int, index: int, width: int) -> bytes | None:
        path = tile_path(level, index, width)
        try:
            return self._files.read(path, MOST_TILE)
        except FileFault as fault:
            self._problems(path, index * WIDTH << HEIGHT * level, str(fault))
            return None


def _split(octets: bytes) -> list[bytes]:
    return [octets[at : at + HASH] for at in range(0, len(octets) - HASH + 1, HASH)]
