"""What stands in a log's folder, told by its paths alone: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from connector.audit.segment import FOLDER, MOST_RECORD, first_of, segment_name
from connector.audit.tiles import ENTRIES, HASH, WIDTH, TileError, parse_path, tile_path

if TYPE_CHECKING:
    from collections.abc import Iterable

CHECKPOINT: Final = "checkpoint"
PRUNED: Final = "pruned"
LOCK: Final = "lock"
UNFINISHED: Final = ".new"
"""How files end that were not put in their place."""
MOST_NOTE: Final = 65_536
MOST_BUNDLE: Final = WIDTH * (2 + MOST_RECORD)
MOST_TILE: Final = WIDTH * HASH
MOST_SEGMENT: Final = 128 << 20
"""Octets: it is full at 64 MiB, and the last batch may have gone over that."""

_SINGLE: Final = (CHECKPOINT, PRUNED, LOCK)


class Inventory(NamedTuple):
    """The paths of one log."""

    tiles: dict[tuple[int, int], list[int]]
    """Level and index to the widths that are there, the widest first."""
    bundles: dict[int, list[int]]
    segments: list[int]
    """Their first records, in order."""
    single: frozenset[str]
    strays: list[str]

    @property
    def bundled(self) -> int:
        """The first index behind all bundles."""
        return max((index * WIDTH + widths[0] for index, widths in self.bundles.items()), default=0)


def take_inventory(paths: Iterable[str]) -> Inventory:
    """Sort the paths of one log by what they are."""
    paths = list(paths)
    found = Inventory({}, {}, [], frozenset(_SINGLE).intersection(paths), [])
    for path in paths:
        if path in found.single:
            continue
        if not (_segment(path, found) or _tile(path, found)):
            found.strays.append(path)
    for widths in (*found.tiles.values(), *found.bundles.values()):
        widths.sort(reverse=True)
    found.segments.sort()
    return found


def _segment(path: str, found: Inventory) -> bool:
    folder, _, name = path.partition("/")
    first = first_of(name) if folder == FOLDER else None
    if first is None:
        return False
    found.segments.append(first)
    return True


def _tile(path: str, found: Inventory) -> bool:
    try:
        level, index, width = parse_path(path)
    except TileError:
        return False
    if isinstance(level, int):
        found.tiles.setdefault((level, index), []).append(width)
    else:
        found.bundles.setdefault(index, []).append(width)
    return True


def segment_path(first: int) -> str:
    """Return where the segment that begins with this record stands."""
    return f"{FOLDER}/{segment_name(first)}"


def bundle_path(index: int, width: int = WIDTH) -> str:
    """Return where a bundle stands."""
    return tile_path(ENTRIES, index, width)


class Logs(NamedTuple):
    """The logs of a folder: by name where they have folders of their own, as ``""`` where not."""

    paths: dict[str, list[str]]
    strays: list[str]


def split_logs(paths: Iterable[str]) -> Logs:
    """Tell one log from a folder of logs, whose names are numbers."""
    paths = list(paths)
    heads = {path.partition("/")[0] for path in paths}
    if not heads.isdisjoint({*_SINGLE, FOLDER, "tile"}):
        return Logs({"": paths}, [])
    found = Logs({}, [])
    for path in paths:
        worker, slash, _ = path.partition("/")
        if slash and _is_worker(worker):
            found.paths.setdefault(worker, []).append(path)
        else:
            found.strays.append(path)
    return found


def _is_worker(name: str) -> bool:
    short = name.isascii() and name.isdigit() and len(name) <= 5
    return short and str(int(name)) == name
