"""A tree that grows: which tiles, bundles and checkpoint texts follow from the next records: pure.

Only the last, partial tile of each level is kept, and the entries of the last bundle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.audit.tiles import ENTRIES, WIDTH, bundle, tile_path, tile_root
from connector.audit.tree import EMPTY, node_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

File = tuple[str, bytes]
"""A path below the log's folder, and what stands there."""


class Growth:
    """The tree of ``size`` records.

    ``rows`` are the hashes of the partial tile of each level, from the leaves up, and ``entries``
    the records of the partial bundle: all empty for a new log.
    """

    def __init__(
        self, size: int = 0, rows: Sequence[Sequence[bytes]] = (), entries: Sequence[bytes] = ()
    ) -> None:
        self.size = size
        self._rows = [list(row) for row in rows]
        self._entries = list(entries)

    def extend(self, records: Sequence[bytes], leaves: Sequence[bytes]) -> Iterator[File]:
        """Take the next records with their leaf hashes; yields what they complete."""
        at = 0
        while at < len(records):
            upto = at + WIDTH - len(self._entries)
            self._entries += records[at:upto]
            self._row(0).extend(leaves[at:upto])
            self.size += min(upto, len(records)) - at
            at = upto
            if len(self._entries) == WIDTH:
                index = self.size // WIDTH - 1
                yield tile_path(ENTRIES, index), bundle(self._entries)
                self._entries = []
                yield from self._full(index)

    def _full(self, index: int) -> Iterator[File]:
        """Yield the tiles that end with the leaf tile of this index."""
        level = 0
        while len(row := self._row(level)) == WIDTH:
            yield tile_path(level, index), b"".join(row)
            self._row(level + 1).append(tile_root(row))
            row.clear()
            level, index = level + 1, index // WIDTH

    def _row(self, level: int) -> list[bytes]:
        if level == len(self._rows):
            self._rows.append([])
        return self._rows[level]

    def partial(self) -> list[File]:
        """Return what has to stand beside the full tiles for a checkpoint of this size."""
        files = []
        if self._entries:
            index, width = divmod(self.size, WIDTH)
            files.append((tile_path(ENTRIES, index, width), bundle(self._entries)))
        size = self.size
        for level, row in enumerate(self._rows):
            if row:
                files.append((tile_path(level, size // WIDTH, len(row)), b"".join(row)))
            size //= WIDTH
        return files

    def root(self) -> bytes:
        """Return the hash of the whole tree."""
        total = b""
        for row in self._rows:
            for hashed in _peaks(row):
                total = node_hash(hashed, total) if total else hashed
        return total or EMPTY


def _peaks(row: Sequence[bytes]) -> Iterator[bytes]:
    """Return the perfect subtrees of a partial tile, the rightmost first."""
    end = len(row)
    while end:
        width = end & -end
        yield tile_root(row[end - width : end])
        end -= width
