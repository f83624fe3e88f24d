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


class _Overlap(NamedTuple):
    """The records of a segment from the one on that the next segment begins with."""

    first: int
    end: int
    """Where the next segment begins."""
    records: Sequence[bytes]
    whole: int
    """The octets of all whole lines."""
    octets: int
    """Of everything but zeros at the end."""


class _Rest(NamedTuple):
    """What stands in a segment behind the last record that counts."""

    first: int
    record: int
    """The index of the first record that does not."""
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
            if abandoned.get(rest.first, rest.octets) > rest.kept:
                self._problems(
                    segment_path(rest.first),
                    rest.record,
                    f"neither the next segment has the last {rest.octets - rest.kept} octets,"
                    " nor does a record say that they were abandoned",
                )

    def _read(self) -> Iterator[tuple[int, bytes]]:
        ends = [*self._firsts[1:], None]
        before: _Overlap | None = None
        for first, end in zip(self._firsts, ends, strict=False):
            path = segment_path(first)
            try:
                octets = self._files.read(path, MOST_SEGMENT)
            except FileFault as fault:
                self._problems(path, first, str(fault))
                before = None
                continue
            lines = read_lines(octets, first)
            if before is not None:
                self._agree(before, lines.entries)
            if end is None:
                self._open_end(path, first, lines)
            else:
                before = self._closed_end(path, first, end, lines)
            yield from enumerate(lines.entries[: None if end is None else end - first], first)

    def _agree(self, before: _Overlap, records: Sequence[bytes]) -> None:
        """Compare what two segments both have: the later one counts."""
        same = 0
        while same < min(len(before.records), len(records)) and (
            before.records[same] == records[same]
        ):
            same += 1
        index = before.end + same
        beyond = enumerate(before.records[same:], index)
        kept = before.whole - sum(len(line(at, EMPTY, record)) for at, record in beyond)
        if kept < before.octets:
            self._rests.append(_Rest(before.first, index, kept, before.octets))

    def _open_end(self, path: str, first: int, lines: Lines) -> None:
        if lines.fault is not None:
            rest = lines.used - lines.octets
            last = f"{lines.fault}, and {rest} octets from there on are none that count"
            self._problems(path, first + len(lines.entries), last)

    def _closed_end(self, path: str, first: int, end: int, lines: Lines) -> _Overlap | None:
        """Check a segment behind which another one stands."""
        count = len(lines.entries)
        if first + count < end:
            fault = lines.fault or "the records up to the next segment are missing"
            self._problems(path, first + count, fault)
            return None
        return _Overlap(first, end, lines.entries[end - first :], lines.octets, lines.used)
