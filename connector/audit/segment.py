"""Segments: records as lines, in the order in which they were written: pure.

A line is ``INDEX HASH RECORD``, where HASH are the first 16 hex digits of the record's leaf hash: a
line that was not written to its end, or that the disk has lost a page of, is none. Behind the last
line may stand zeros: room for the next ones.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from connector.audit.tree import leaf_hash

FOLDER: Final = "segments"
MOST_RECORD: Final = 8192
"""Octets of a record."""
_HASH: Final = 8
_NAME: Final = re.compile(r"([0-9]{20})\.log")


class Lines(NamedTuple):
    """What a segment holds, up to the first line that is none."""

    entries: list[bytes]
    octets: int
    """How much of the segment they are."""
    used: int
    """The octets without the zeros at the end."""
    fault: str | None
    """What is wrong behind them; None where nothing but zeros is."""


def segment_name(first: int) -> str:
    """Return the name of the segment that begins with this record."""
    return f"{first:020d}.log"


def first_of(name: str) -> int | None:
    """Return the first record's index of a segment by this name; None for another file's."""
    match = _NAME.fullmatch(name)
    return None if match is None else int(match[1])


def line(index: int, leaf: bytes, record: bytes) -> bytes:
    """Return a record as it stands in a segment."""
    return b"%d %b %b\n" % (index, leaf[:_HASH].hex().encode("ascii"), record)


def read_lines(octets: bytes, first: int) -> Lines:
    """Read a segment that begins with the record ``first``."""
    entries: list[bytes] = []
    at, end = 0, len(octets.rstrip(b"\0"))
    fault = None
    while at < end:
        stop = octets.find(b"\n", at, end)
        if stop < 0:
            fault = "a record is cut short"
            break
        fault = _fault(octets[at:stop], first + len(entries), entries)
        if fault is not None:
            break
        at = stop + 1
    return Lines(entries, at, end, fault)


def _fault(text: bytes, index: int, entries: list[bytes]) -> str | None:
    """Take one line, or say what is wrong with it."""
    number, _, rest = text.partition(b" ")
    digits, space, record = rest.partition(b" ")
    if not space or not record or len(record) > MOST_RECORD:
        return "a line that is no record"
    if number != b"%d" % index:
        return f"not the record {index}"
    if digits != leaf_hash(record)[:_HASH].hex().encode("ascii"):
        return "a record that is not what was written"
    entries.append(record)
    return None
