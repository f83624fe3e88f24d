"""Every record that a log's folder still has, in order, without a word about whether it is proven.

That is what verification is for. Here a log is read that somebody has verified, or will.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from connector.audit.files import FileFault
from connector.audit.inventory import (
    MOST_BUNDLE,
    MOST_SEGMENT,
    bundle_path,
    segment_path,
    take_inventory,
)
from connector.audit.segment import read_lines
from connector.audit.tiles import WIDTH, TileError, entries_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connector.audit.files import Files


class RecordsMissing(Exception):  # noqa: N818 - it says what was found
    """A log without some of its records; ``str`` says which, or which file cannot be read."""


def read_records(files: Files) -> Iterator[tuple[int, bytes]]:
    """Return index and octets of each record of one log; raises RecordsMissing where one is not.

    Bundles come first, as segments go when what is in them stands in bundles. What was pruned is
    no gap, and what follows the last whole record is no record.
    """
    reader = _Reader(files)
    at = reader.first
    while at < reader.end:
        found = reader.records(at)
        if not found:
            if at >= reader.last:
                return
            raise RecordsMissing(f"the record {at} is missing, and later ones are there")
        yield from enumerate(found, at)
        at += len(found)


class _Reader:
    def __init__(self, files: Files) -> None:
        self._files = files
        found = take_inventory(files.paths())
        self._segments = found.segments
        self._widest = {index: widths[0] for index, widths in found.bundles.items()}
        starts = [*self._segments, *(index * WIDTH for index in self._widest)]
        self.first = min(starts, default=0)
        self.last = max(starts, default=0)
        """Where the last file begins: up to it nothing may be missing."""
        self.end = 1 << 63 if starts else 0

    def records(self, at: int) -> Sequence[bytes]:
        """Return what one file has from this record on; empty where none has it."""
        index, offset = divmod(at, WIDTH)
        width = self._widest.get(index)
        if width == WIDTH:
            try:
                return self._bundle(index, width)[offset:]
            except RecordsMissing:
                # A process that was killed may have left it half written, beside a segment with
                # all of it: the next one writes it again.
                found = self._of_segment(at)
                if not found:
                    raise
                return found
        found = self._of_segment(at)
        if found or width is None:
            return found
        try:
            return self._bundle(index, width)[offset:]
        except RecordsMissing:
            if not self._segments or self._segments[0] > at:
                raise
            return ()

    def _of_segment(self, at: int) -> Sequence[bytes]:
        """Return what the segment has in which this record should be."""
        place = bisect_right(self._segments, at)
        if not place:
            return ()
        first = self._segments[place - 1]
        found = self._segment(first)[at - first :]
        # Behind the next one's first record stands what an abandoned segment had too much.
        return found[: self._segments[place] - at] if place < len(self._segments) else found

    def _bundle(self, index: int, width: int) -> list[bytes]:
        path = bundle_path(index, width)
        try:
            entries = entries_of(self._files.read(path, MOST_BUNDLE))
        except (FileFault, TileError) as fault:
            raise RecordsMissing(f"{path}: {fault}") from None
        if len(entries) != width:
            raise RecordsMissing(f"{path}: it holds {len(entries)} records")
        return entries

    def _segment(self, first: int) -> list[bytes]:
        path = segment_path(first)
        try:
            return read_lines(self._files.read(path, MOST_SEGMENT), first).entries
        except FileFault as fault:
            raise RecordsMissing(f"{path}: {fault}") from None
