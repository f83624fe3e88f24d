"""Tiles: paths, bundles and hashes as C2SP tlog-tiles has them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.audit.tiles import (
    ENTRIES,
    TileError,
    TileReader,
    bundle,
    entries_of,
    hashes_of,
    parse_path,
    tile_path,
    tile_root,
)
from connector.audit.tree import leaf_hash, root
from tests.connector.audit.test_tree import entries_of as numbered
from tests.connector.audit.test_tree import mth

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        (0, 273, 112, "tile/0/273.p/112"),
        (1, 1, 17, "tile/1/001.p/17"),
        (ENTRIES, 1000, 256, "tile/entries/x001/000"),
    ],
)
def test_a_tile_stands_where_the_specification_says(
    level: int | str, index: int, width: int, path: str
) -> None:
    assert tile_path(level, index, width) == path
    assert parse_path(path) == (level, index, width)


@given(
    st.one_of(st.just(ENTRIES), st.integers(0, 63)),
    st.integers(0, 10**12),
    st.integers(1, 256),
)
def test_every_path_says_which_tile_it_is(level: int | str, index: int, width: int) -> None:
    assert parse_path(tile_path(level, index, width)) == (level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/00", "tile/0/0000", "tile/00/000", "tile/0/x000/001", "tile/0/000.p/0",
        "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000/", "tile/0/000.p", "tile/100/000",
        "tile/entries/000.tmp", "checkpoint", "tile/0/../0/000",
    ],
)  # fmt: skip
def test_anything_else_is_the_path_of_no_tile(path: str) -> None:
    with pytest.raises(TileError):
        parse_path(path)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_holds_its_entries(entries: list[bytes]) -> None:
    assert entries_of(bundle(entries)) == entries


@given(st.binary(max_size=100))
def test_whatever_is_no_bundle_is_refused(octets: bytes) -> None:
    with contextlib.suppress(TileError):
        assert bundle(entries_of(octets)) == octets


def tiles(entries: list[bytes]) -> Callable[[int, int, int], bytes]:
    """Return what loads the tiles of a log: whatever level, from the definition."""

    def load(level: int, index: int, width: int) -> bytes:
        step = 256**level
        first = index * 256 * step
        return b"".join(
            mth(entries[first + at * step : first + (at + 1) * step]) for at in range(width)
        )

    return load


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 700])
def test_the_root_of_a_log_is_read_from_its_tiles(size: int) -> None:
    entries = numbered(size)
    assert root(size, TileReader(size, tiles(entries))) == mth(entries)


def test_a_full_tile_is_one_hash_in_the_tile_above() -> None:
    entries = numbered(256)
    assert tile_root([leaf_hash(entry) for entry in entries]) == mth(entries)


def test_what_is_not_there_is_not_read() -> None:
    with pytest.raises(TileError, match="has no tile"):
        TileReader(256, tiles(numbered(256)))(0, 256)
    with pytest.raises(TileError, match="too short"):
        TileReader(256, lambda *_: b"\0" * 32)(0, 1)
    with pytest.raises(TileError, match="cut short"):
        TileReader(1, lambda *_: b"\0" * 31)(0, 0)
    with pytest.raises(TileError, match="cut short"):
        hashes_of(b"\0" * 33)
