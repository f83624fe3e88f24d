from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.audit.files import FileFault
from connector.audit.reading import RecordsMissing, read_records
from connector.audit.segment import FOLDER, line, segment_name
from connector.audit.tiles import ENTRIES, WIDTH, bundle, tile_path
from connector.audit.tree import leaf_hash

RECORDS = [b'{"record":%d}' % index for index in range(3 * WIDTH)]


class Files:
    """Files in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def paths(self) -> list[str]:
        return [*self.files]

    def read(self, path: str, most: int) -> bytes:
        octets = self.files[path]
        if len(octets) > most:
            raise FileFault("is too large")
        return octets

    def segment(self, first: int, end: int, rest: bytes = b"") -> None:
        lines = [line(at, leaf_hash(RECORDS[at]), RECORDS[at]) for at in range(first, end)]
        self.files[f"{FOLDER}/{segment_name(first)}"] = b"".join(lines) + rest

    def bundle(self, index: int, width: int = WIDTH) -> None:
        entries = RECORDS[index * WIDTH :][:width]
        self.files[tile_path(ENTRIES, index, width)] = bundle(entries)

    def records(self) -> list[tuple[int, bytes]]:
        return list(read_records(self))


def expected(first: int, end: int) -> list[tuple[int, bytes]]:
    return list(enumerate(RECORDS[first:end], first))


@given(
    end=st.integers(1, len(RECORDS)),
    cuts=st.sets(st.integers(1, len(RECORDS) - 1), max_size=4),
    removed=st.integers(0, 4),
)
def test_every_record_comes_once_wherever_it_stands(end: int, cuts: set[int], removed: int) -> None:
    files = Files()
    for index in range(end // WIDTH):
        files.bundle(index)
    if end % WIDTH:
        files.bundle(end // WIDTH, end % WIDTH)
    firsts = [0, *sorted(cut for cut in cuts if cut < end)]
    for first, stop in zip(firsts, [*firsts[1:], end], strict=True):
        # A segment goes when all of it is in full bundles.
        if stop > end // WIDTH * WIDTH or removed == 0:
            files.segment(first, stop)
        else:
            removed -= 1
    assert files.records() == expected(0, end)


def test_a_partial_bundle_that_was_not_written_to_its_end_hides_nothing() -> None:
    files = Files()
    files.bundle(0)
    files.segment(0, WIDTH + 20)
    for octets in (b"", b"\x00"):
        files.files[tile_path(ENTRIES, 1, 20)] = octets
        assert files.records() == expected(0, WIDTH + 20)


def test_a_log_without_segments_is_read_to_its_last_bundle() -> None:
    files = Files()
    files.bundle(0)
    files.bundle(1, 17)
    assert files.records() == expected(0, WIDTH + 17)


def test_a_log_without_bundles_is_read_from_its_segments() -> None:
    files = Files()
    files.segment(0, 300)
    assert files.records() == expected(0, 300)


def test_no_files_are_no_records() -> None:
    assert Files().records() == []


def test_what_was_pruned_is_no_gap() -> None:
    files = Files()
    files.bundle(1)
    files.segment(2 * WIDTH, 2 * WIDTH + 3)
    assert files.records() == expected(WIDTH, 2 * WIDTH + 3)


def test_what_stands_behind_the_last_whole_record_is_none() -> None:
    files = Files()
    files.segment(0, 5, b"5 0123")
    assert files.records() == expected(0, 5)


def test_what_an_abandoned_segment_had_too_much_comes_from_the_next() -> None:
    files = Files()
    files.segment(0, 9)
    files.segment(6, 12)
    assert files.records() == expected(0, 12)


def test_a_missing_bundle_is_said() -> None:
    files = Files()
    files.bundle(0)
    files.bundle(2)
    with pytest.raises(RecordsMissing, match="the record 256 is missing"):
        files.records()


def test_a_gap_between_segments_is_said() -> None:
    files = Files()
    files.segment(0, 5, b"damaged\n")
    files.segment(7, 9)
    with pytest.raises(RecordsMissing, match="the record 5 is missing"):
        files.records()


@pytest.mark.parametrize("octets", [b"", bundle(RECORDS[:WIDTH])[:-1], bundle(RECORDS[:7])])
def test_a_bundle_that_is_cut_short_is_said(octets: bytes) -> None:
    files = Files()
    path = tile_path(ENTRIES, 0)
    files.files[path] = octets
    with pytest.raises(RecordsMissing, match=path):
        files.records()


@pytest.mark.parametrize("octets", [b"", bundle(RECORDS[:WIDTH])[:-1], bundle(RECORDS[:7])])
def test_a_bundle_that_a_killed_process_left_half_written_hides_nothing(octets: bytes) -> None:
    files = Files()
    files.segment(0, WIDTH + 5)
    files.files[tile_path(ENTRIES, 0)] = octets
    assert files.records() == expected(0, WIDTH + 5)
