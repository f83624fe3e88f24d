"""The thread that writes: once to the disk for all records that came while the last write ran.

It belongs to one event loop, which hands it a batch at a time and is told when that is on disk.
"""

from __future__ import annotations

import contextlib
import errno
import threading
import time
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.audit.segment import FOLDER, line, segment_name
from connector.audit.tiles import WIDTH
from connector.audit.tree import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector.audit.disk import Disk

MOST_OCTETS: Final = 64 << 20
MOST_RECORDS: Final = 65_536
"""Of a segment."""
ROOM: Final = 1 << 18
"""Octets by which a segment is made longer, before those from before are written over: no more
than a slow disk takes while somebody waits."""
_LITTLE: Final = ROOM // 2
"""Octets of room below which more is made when there is nothing to write."""
LEAST_FREE: Final = 64 << 20
"""Octets: where less is free on the disk, none are taken for room."""
MOST_AGE: Final = 86_400.0
"""Seconds behind which the next batch begins another segment: where little happens there is
something to prune, too."""


class _Batch(NamedTuple):
    """Records that are to be written, their leaf hashes, and both as lines."""

    records: "Sequence[bytes]"
    leaves: "Sequence[bytes]"
    lines: bytes


_ROOM_ALONE: Final = _Batch((), (), b"")
"""Nothing to write: there is time to make room."""


class Written(NamedTuple):
    """Records that are on disk: where they and their segment begin, and their leaf hashes."""

    first: int
    segment: int
    records: "Sequence[bytes]"
    leaves: "Sequence[bytes]"


class Abandoned(NamedTuple):
    """A segment in which something went wrong, and how much of it counts."""

    segment: int
    octets: int


class Writer:
    """Appends batches to segments from the record ``first`` on.

    ``tail`` are the records since the last multiple of a bundle's width: every segment begins
    there, with copies, so that what is not in a full bundle always stands in one segment.
    ``done`` is called in the thread with the error, or None, of each batch; without one the loop
    calls ``land``, which calls ``written`` with what is on disk.

    After an error the segment is abandoned and never written to again: a write that failed may have
    dropped pages that are not written a second time. The batch is handed over again, and opens
    another one; ``abandoned`` says what counts of those before.
    """

    def __init__(
        self,
        disk: Disk,
        first: int,
        tail: Sequence[bytes] = (),
        *,
        written: Callable[[Written], None],
        done: Callable[[OSError | None], None],
        durable: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._disk = disk
        self._clock = clock
        self._until = 0.0
        self._next = first
        self._tail = list(tail)
        self._written = written
        self._done = done
        self._durable = durable
        self._descriptor = -1
        self._identity = (0, 0)
        self._path = ""
        self._segment = -1
        self._octets = self._begun = self._room = 0
        self._over = False
        """The segment is full or old: the next batch begins another one."""
        self._careful = False
        """No room since a segment was abandoned, until one ends in order: it may be what failed."""
        self._flying = _batch(first, [])
        self.abandoned: list[Abandoned] = []
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._runner = threading.Thread(target=self._run, name="audit-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._runner.start()

    def write(self, records: Sequence[bytes]) -> None:
        """Hand over a batch; the one before has to be done."""
        self._flying = _batch(self._next, records)
        self._batches.put(self._flying)

    def close(self, patience: float) -> bool:
        """End behind what was handed over; False where that takes longer than some seconds."""
        self._batches.put(None)
        self._runner.join(patience)
        return not self._runner.is_alive()

    def land(self) -> None:
        """Take note of the batch that is done, on the loop; OSError where its segment is not there.

        What the thread does not do it need not wait for the interpreter for.
        """
        try:
            if not self._disk.is_at(self._identity, self._path):
                raise FileNotFoundError(errno.ENOENT, "the segment was taken away", self._path)
        except OSError:
            self._abandon()
            raise
        records, leaves, lines = self._flying
        written = Written(self._next, self._segment, records, leaves)
        self._next += len(records)
        self._octets += len(lines) + self._begun
        self._begun = 0
        self._tail += records
        del self._tail[: len(self._tail) - self._next % WIDTH]
        self._written(written)
        full = self._octets >= MOST_OCTETS or self._next - self._segment >= MOST_RECORDS
        self._over = full or self._clock() >= self._until

    def spare(self) -> None:
        """Hear that there is nothing to write; called on the loop behind ``land``.

        Whoever comes while room is made waits less than one in whose write it is made.
        """
        lines = len(self._flying.lines)
        if self._room < _LITTLE and not self._over and self._room_helps(lines):
            self._batches.put(_ROOM_ALONE)

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            if batch is _ROOM_ALONE:
                self._make_room()
                continue
            try:
                self._commit(batch.lines)
            except OSError as error:
                self._abandon()
                self._done(error)
            else:
                self._done(None)
        self._leave()

    def _commit(self, lines: bytes) -> None:
        if self._descriptor >= 0 and not self._over:
            self._append(lines)
            return
        if self._over:
            self._leave()
            self._over = self._careful = False
        copies = self._open()
        self._begun = len(copies)
        self._append(copies + lines)
        self._disk.publish(self._path)

    def _append(self, lines: bytes) -> None:
        if len(lines) <= self._room:
            self._disk.write(self._descriptor, lines)
            self._room -= len(lines)
        else:
            room = ROOM if self._room_helps(len(lines)) and self._is_free() else 0
            self._room = self._disk.write(self._descriptor, lines, room)

    def _make_room(self) -> None:
        try:
            if self._is_free():
                self._room = self._disk.extend(self._descriptor, ROOM)
        except OSError:
            # What is written does not suffer; should the next batch, it is told.
            self._careful = True

    def _room_helps(self, octets: int) -> bool:
        """Not what is not waited for, nor batches that would soon fill it."""
        return self._durable and not self._careful and octets <= ROOM // 4

    def _is_free(self) -> bool:
        return self._disk.space()[0] > LEAST_FREE

    def _open(self) -> bytes:
        """Begin a segment, and return the lines that it begins with."""
        # One that was abandoned may stand there until this one, which has all of it, is written.
        first = self._next - len(self._tail)
        self._segment, self._octets, self._room = first, 0, 0
        self._until = self._clock() + MOST_AGE
        self._path = f"{FOLDER}/{segment_name(first)}"
        self._descriptor = self._disk.create(self._path, durable=self._durable)
        self._identity = self._disk.identity(self._descriptor)
        return _batch(first, self._tail).lines

    def _leave(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                # Where it cannot be, they are in nobody's way.
                self._disk.trim(descriptor)
            self._disk.close(descriptor)

    def _abandon(self) -> None:
        if self._descriptor < 0:
            return
        self._careful, self._over = True, False
        if self._octets:
            self.abandoned.append(Abandoned(self._segment, self._octets))
        descriptor, self._descriptor = self._descriptor, -1
        with contextlib.suppress(OSError):
            self._disk.close(descriptor)


def _batch(first: int, records: Sequence[bytes]) -> _Batch:
    leaves = list(map(leaf_hash, records))
    return _Batch(records, leaves, b"".join(map(line, count(first), leaves, records)))
