"""Reads the records that segments hold, in order, and accounts for every octet: pure over files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connector.audit.files import FileFault
from connector.audit.inventory import MOST_SEGMENT, segment_path
from connector.audit.segment import Lines, line, read_lines
from connector.audit.tree import EMPTY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from connector.audit.files import Files
    from connector.audit.problems import Problems


class _Rest(NamedTuple):
    """What stands in a segment behind the last record that counts."""

    first: int
    end: int
    """Where the next segment begins."""
    kept: int
    octets: int


class SegmentCheck:
    """The segments of one log, by the indices of their first records, in order."""

    def __init__(self, files: Files, firsts: Sequence[int], problems: Problems) -> None:
        self._files = files
        self._firsts = firsts
        self._problems = problems
        self._rests: list[_Rest] = []
        self._records = self._read()
        self._ahead = next(self._records, None)
        self.end = 0
        """The index behind the last record that was taken."""

    @property
    def more(self) -> bool:
        """Whether there are records that were not taken."""
        return self._ahead is not None

    def take(self, end: int) -> dict[int, bytes]:
        """Return the records below ``end`` that were not taken yet, by index."""
        found = {}
        ahead = self._ahead
        while ahead is not None and ahead[0] < end:
            found[ahead[0]] = ahead[1]
            self.end = ahead[0] + 1
            ahead = next(self._records, None)
        self._ahead = ahead
        return found

    def finish(self, abandoned: Mapping[int, int]) -> None:
        """Account for what does not count: ``abandoned`` has, by segment, the octets kept."""
        for rest in self._rests:
            if abandoned.get(rest.first) != rest.kept:
                self._problems(
                    segment_path(rest.first),
                    rest.end,
                    f"{rest.octets - rest.kept} octets behind the record {rest.end - 1}"
                    " that no record says were abandoned",
                )

    def _read(self) -> Iterator[tuple[int, bytes]]:
        ends = [*self._firsts[1:], None]
        for first, end in zip(self._firsts, ends, strict=False):
            path = segment_path(first)
            try:
                octets = self._files.read(path, MOST_SEGMENT)
            except FileFault as fault:
                self._problems(path, first, str(fault))
                continue
            lines = read_lines(octets, first)
            if end is None:
                self._open_end(path, first, lines, len(octets))
            else:
                self._closed_end(path, first, end, lines, len(octets))
            yield from enumerate(lines.entries[: None if end is None else end - first], first)

    def _open_end(self, path: str, first: int, lines: Lines, octets: int) -> None:
        if lines.fault is not None:
            rest = octets - lines.octets
            last = f"{lines.fault}, and {rest} octets from there on are none that count"
            self._problems(path, first + len(lines.entries), last)

    def _closed_end(self, path: str, first: int, end: int, lines: Lines, octets: int) -> None:
        """Check a segment behind which another one stands."""
        count = len(lines.entries)
        if first + count < end:
            fault = lines.fault or "the records up to the next segment are missing"
            self._problems(path, first + count, fault)
            return
        beyond = lines.entries[end - first :]
        kept = lines.octets - sum(
            len(line(index, EMPTY, record)) for index, record in enumerate(beyond, end)
        )
        if kept < octets:
            self._rests.append(_Rest(first, end, kept, octets))
