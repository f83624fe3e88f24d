"""Checks one log, offline: every octet of every file is accounted for. Pure over files.

Records are read in order, from bundles as far as there are some and then from segments, and hashed
once. Tiles have to be what follows from them, and the root what was signed. What is there already
behind the last checkpoint is held against the tiles and segments that there are.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from connector.audit.checkpoint import Checkpoint
from connector.audit.files import FileFault
from connector.audit.inventory import (
    CHECKPOINT,
    LOCK,
    MOST_BUNDLE,
    PRUNED,
    UNFINISHED,
    bundle_path,
    segment_path,
    take_inventory,
)
from connector.audit.problems import Problems
from connector.audit.pruned import Pruned
from connector.audit.record_check import RecordCheck
from connector.audit.segment_check import SegmentCheck
from connector.audit.signed_files import check_signatures, read_signed
from connector.audit.tiles import WIDTH, bundle, whole_entries
from connector.audit.tree import EMPTY, leaf_hash
from connector.audit.tree_check import TreeCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from connector.audit.checkpoint import NoteVerifier
    from connector.audit.files import Files
    from connector.audit.inventory import Inventory
    from connector.audit.problems import Problem
    from connector.audit.signed_files import SignedFile

    Progress = Callable[[int, int], None]
    """Told how many records are done, and how many there are."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the check of one log."""

    origin: str
    """Empty where no checkpoint says it."""
    size: int
    """Records that the checkpoint covers."""
    behind: int
    """Records behind it: nothing signed says yet that they are what was written."""
    pruned: int
    """The first record that is still there."""
    keys: tuple[str, ...]
    """Who signed the checkpoint, as ``NAME+HASH``."""
    trusted: bool
    """Whether keys were given to check it with; else those were taken that the log names."""
    unknown: int
    """Signatures of keys that neither were given nor are named by a record that is still there."""
    problems: tuple[Problem, ...]
    more: int
    """Problems that are not listed."""
    first_bad: int | None
    """The lowest index that a problem is known to concern."""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(
    files: Files,
    verifiers: Sequence[NoteVerifier],
    *,
    since: Checkpoint | Sequence[Checkpoint] = (),
    progress: Progress | None = None,
) -> Report:
    """Check the log whose folder these files are.

    ``since`` are checkpoints that were saved before and are known to be good: the log has to have
    grown out of each. Raises OSError where the folder itself cannot be read.
    """
    saved = [since] if isinstance(since, Checkpoint) else sorted(since, key=lambda each: each.size)
    return _Verification(files, verifiers, saved, progress).report()


def origin_of(files: Files) -> str:
    """Return what a log calls itself, whoever signed that; empty where it does not."""
    _, found = read_signed(files, CHECKPOINT, Checkpoint.parse, Problems())
    return "" if found is None else found.origin


class _Verification:
    """One run over the files of one log."""

    def __init__(
        self,
        files: Files,
        verifiers: Sequence[NoteVerifier],
        since: Sequence[Checkpoint],
        progress: Progress | None,
    ) -> None:
        self._files = files
        self._verifiers = verifiers
        self._since = since
        self._progress = progress
        self._problems = Problems()
        self._there: Inventory = take_inventory(files.paths())
        tiles = max((index for level, index in self._there.tiles if not level), default=-1)
        self._reach = max(self._there.bundled, (tiles + 1) * WIDTH)
        self._signed: list[SignedFile] = []
        self._checkpoint = self._read_checkpoint()
        self._pruned = self._read_pruned()
        origin = None if self._checkpoint is None else self._checkpoint.origin
        self._size = 0 if self._checkpoint is None else self._checkpoint.size
        self._records = RecordCheck(origin, self._problems)
        self._segments = SegmentCheck(files, self._there.segments, self._problems)
        sizes = [self._size, *(each.size for each in since)]
        self._tree = TreeCheck(
            files, self._there.tiles, self._problems, signed=self._size, sizes=sizes
        )

    def report(self) -> Report:
        """Check everything."""
        self._walk()
        self._tree.finish()
        self._segments.finish(self._records.abandoned)
        self._leftovers()
        keys, unknown = self._signatures()
        self._roots()
        return Report(
            origin="" if self._checkpoint is None else self._checkpoint.origin,
            size=self._size,
            behind=max(self._tree.size - self._size, 0),
            pruned=self._pruned,
            keys=keys,
            trusted=bool(self._verifiers),
            unknown=unknown,
            problems=self._problems.in_order(),
            more=self._problems.more,
            first_bad=self._problems.first,
        )

    def _walk(self) -> None:
        """Take all records, up to where there are none."""
        end = max(self._there.bundled, self._size)
        done = 0
        while done < end or self._segments.more:
            if done >= self._reach and not self._segments.more:
                # Whatever size was signed: nothing that is there reaches so far.
                self._problems(CHECKPOINT, done, f"the records from {done} on are missing")
                return
            self._block(done // WIDTH)
            done += WIDTH
            if self._progress is not None:
                self._progress(min(self._tree.size, self._size), self._size)
            if self._tree.size < done and (done < end or self._segments.more):
                at = self._tree.size
                self._problems(self._segment_of(at), at, f"the records from {at} on are missing")
                return

    def _block(self, number: int) -> None:
        """Take the records of one bundle, from wherever they are."""
        first = number * WIDTH
        path, records = self._bundle(number)
        held = self._segments.take(first + WIDTH)
        bundled = len(records)
        while first + len(records) in held:
            records.append(held[first + len(records)])
        leaves = list(map(leaf_hash, records))
        self._records.take(path, first, records[:bundled])
        if len(records) > bundled:
            at = first + bundled
            self._records.take(self._segment_of(at), at, records[bundled:])
        wanted = min(max(self._size - first, 0), WIDTH)
        if first >= self._pruned and len(leaves) < max(wanted, max(held, default=first) - first):
            at = first + len(leaves)
            self._problems(path, at, f"the record {at} is missing")
        if len(leaves) < wanted:
            # Whether the other records are right, the hashes of the missing ones tell.
            leaves += self._tree.stored(number, wanted)[len(leaves) :]
            leaves += [EMPTY] * (wanted - len(leaves))
        self._compare(first, records, leaves, held)
        self._tree.add(leaves)

    def _bundle(self, number: int) -> tuple[str, list[bytes]]:
        """Return the records of the widest bundle; the other ones have to be its beginning."""
        widths = self._there.bundles.pop(number, [])
        first = number * WIDTH
        needed = min(self._size - first, WIDTH)
        if needed > 0 and first >= self._pruned and not {needed, WIDTH}.intersection(widths):
            self._problems(bundle_path(number, needed), first, "the bundle is missing")
        records: list[bytes] = []
        for width in widths:
            path = bundle_path(number, width)
            try:
                octets = self._files.read(path, MOST_BUNDLE)
            except FileFault as fault:
                self._problems(path, first, str(fault))
                continue
            entries, used = whole_entries(octets)
            if len(entries) != width or used != len(octets):
                at = first + min(len(entries), width)
                self._problems(path, at, f"not a bundle of {width} records")
            if not records:
                records = entries[:width]
            elif octets != bundle(records[:width]):
                self._problems(path, first + _same(entries, records), "other records")
        return bundle_path(number, widths[0] if widths else WIDTH), records

    def _compare(
        self,
        first: int,
        records: Sequence[bytes],
        leaves: Sequence[bytes],
        held: Mapping[int, bytes],
    ) -> None:
        """Hold what segments have against what bundles, or only tiles, have of it."""
        for index, record in held.items():
            at = index - first
            if at < len(records):
                same = records[at] == record
            else:
                same = at < len(leaves) and leaves[at] == leaf_hash(record)
            if not same:
                text = f"the record {index} is another one than in the log's other files"
                self._problems(self._segment_of(index), index, text)
                return

    def _segment_of(self, index: int) -> str:
        firsts = self._there.segments
        return segment_path(firsts[max(bisect_right(firsts, index) - 1, 0)] if firsts else 0)

    def _leftovers(self) -> None:
        """Tell of what is not part of the log, or not all of it."""
        for path in self._there.strays:
            text = "a file that no log has"
            if path.endswith(UNFINISHED):
                text = "a file that was not finished: a gateway that starts removes it"
            self._problems(path, None, text)
        for number, widths in self._there.bundles.items():
            for width in widths:
                self._problems(bundle_path(number, width), number * WIDTH, "records of nowhere")
        held = self._segments.end
        if held < max(self._size, self._there.bundled):
            path = segment_path(self._there.segments[-1]) if self._there.segments else "segments"
            self._problems(path, held, f"the segments have no record {held}")
        if LOCK in self._there.single:
            try:
                self._files.read(LOCK, 0)
            except FileFault as fault:
                self._problems(LOCK, None, str(fault))

    def _read_checkpoint(self) -> Checkpoint | None:
        if CHECKPOINT not in self._there.single:
            self._problems(CHECKPOINT, None, "there is no checkpoint")
            return None
        return self._read(CHECKPOINT, Checkpoint.parse)

    def _read_pruned(self) -> int:
        found = self._read(PRUNED, Pruned.parse)
        if found is None:
            return 0
        if self._checkpoint is None or found.origin != self._checkpoint.origin:
            self._problems(PRUNED, None, "of another log")
        elif found.first > self._checkpoint.size:
            self._problems(PRUNED, None, "more records than there were")
        else:
            return found.first
        return 0

    def _read(self, path: str, parse: Callable[[str], T]) -> T | None:
        if path not in self._there.single:
            return None
        file, said = read_signed(self._files, path, parse, self._problems)
        if file is not None:
            self._signed.append(file)
        return said

    def _signatures(self) -> tuple[tuple[str, ...], int]:
        """Check who signed what; return that of the checkpoint, and how many nobody knows."""
        keys: tuple[str, ...] = ()
        unknown = 0
        for file in self._signed:
            found = check_signatures(
                file, self._verifiers, self._records.verifiers.values(), self._problems
            )
            if file.path == CHECKPOINT:
                keys = found.known
            unknown += found.unknown
            if found.unknown and not self._pruned:
                self._problems(file.path, None, "signed by a key that the log does not name")
        return keys, unknown

    def _roots(self) -> None:
        """Compare the tree with what was signed of it."""
        confirmed = 0
        for saved in self._since:
            if self._checkpoint is None or saved.origin != self._checkpoint.origin:
                self._problems(CHECKPOINT, None, f"not of the log {saved.origin} as before")
            elif saved.size > self._size:
                text = f"the log was rolled back: it had {saved.size} records"
                self._problems(CHECKPOINT, self._size, text)
            elif self._tree.roots.get(saved.size) != saved.root:
                text = f"the first {saved.size} records are not those that were there before"
                self._whole(confirmed, saved.size, text)
            else:
                confirmed = saved.size
        each = self._checkpoint
        if each is not None and self._tree.roots.get(each.size) != each.root:
            text = f"the tree of the first {each.size} records is not the one that was signed"
            self._whole(confirmed, each.size, text)

    def _whole(self, begin: int, size: int, text: str) -> None:
        """Note that a tree is another one: from ``begin`` on, where nothing tells it better."""
        first = self._problems.first
        told = first is not None and first < size
        self._problems(CHECKPOINT, None if told else begin, text)


def _same(entries: Sequence[bytes], records: Sequence[bytes]) -> int:
    """Return how many entries are the same from the start."""
    pairs = zip(entries, records, strict=False)
    return next((at for at, (mine, theirs) in enumerate(pairs) if mine != theirs), len(entries))
