"""The thread that writes: one fdatasync for all records that came while the last one ran.

It belongs to one event loop, which hands it a batch at a time and is told when that is on disk.
"""

from __future__ import annotations

import contextlib
import errno
import threading
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


class Written(NamedTuple):
    """Records that are on disk: where they and their segment begin, and their leaf hashes."""

    first: int
    segment: int
    records: Sequence[bytes]
    leaves: Sequence[bytes]


class Abandoned(NamedTuple):
    """A segment in which something went wrong, and how much of it counts."""

    segment: int
    octets: int


class Writer:
    """Appends batches to segments from the record ``first`` on.

    ``tail`` are the records since the last multiple of a bundle's width: every segment begins
    there, with copies, so that what is not in a full bundle always stands in one segment.
    ``written`` is called in the thread with what is on disk, ``done`` with the error, or None, of
    each batch.

    After an error the segment is abandoned and never written to again: a failed fdatasync may have
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
    ) -> None:
        self._disk = disk
        self._next = first
        self._tail = list(tail)
        self._written = written
        self._done = done
        self._durable = durable
        self._descriptor = -1
        self._segment = -1
        self._octets = 0
        self.abandoned: list[Abandoned] = []
        self._batches: SimpleQueue[Sequence[bytes] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="audit-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self, batch: Sequence[bytes]) -> None:
        """Hand over a batch; the one before has to be done."""
        self._batches.put(batch)

    def close(self, patience: float) -> bool:
        """End behind what was handed over; False where that takes longer than some seconds."""
        self._batches.put(None)
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            try:
                self._commit(batch)
            except OSError as error:
                self._abandon()
                self._done(error)
            else:
                self._done(None)
        self._leave()

    def _commit(self, batch: Sequence[bytes]) -> None:
        leaves = list(map(leaf_hash, batch))
        lines = _lines(self._next, batch, leaves)
        begins = self._descriptor < 0
        if begins:
            lines = [*self._open(), *lines]
        octets = self._disk.write(self._descriptor, lines)
        if self._durable:
            self._disk.sync(self._descriptor)
        if begins:
            self._disk.publish(self._path)
        if not self._disk.is_at(self._descriptor, self._path):
            raise FileNotFoundError(errno.ENOENT, "the segment was taken away", self._path)
        written = Written(self._next, self._segment, batch, leaves)
        self._next += len(batch)
        self._octets += octets
        self._tail += batch
        del self._tail[: len(self._tail) - self._next % WIDTH]
        self._written(written)
        if self._octets >= MOST_OCTETS or self._next - self._segment >= MOST_RECORDS:
            self._leave()

    def _open(self) -> list[bytes]:
        """Begin a segment, and return the lines that it begins with."""
        # One that was abandoned may stand there until this one, which has all of it, is written.
        first = self._next - len(self._tail)
        self._segment, self._octets = first, 0
        self._descriptor = self._disk.create(self._path)
        return _lines(first, self._tail, list(map(leaf_hash, self._tail)))

    @property
    def _path(self) -> str:
        return f"{FOLDER}/{segment_name(self._segment)}"

    def _leave(self) -> None:
        if self._descriptor >= 0:
            self._disk.close(self._descriptor)
            self._descriptor = -1

    def _abandon(self) -> None:
        if self._descriptor < 0:
            return
        if self._octets:
            self.abandoned.append(Abandoned(self._segment, self._octets))
        descriptor, self._descriptor = self._descriptor, -1
        with contextlib.suppress(OSError):
            self._disk.close(descriptor)


def _lines(first: int, records: Sequence[bytes], leaves: Sequence[bytes]) -> list[bytes]:
    return [
        line(index, leaf, record)
        for index, (record, leaf) in enumerate(zip(records, leaves, strict=True), first)
    ]
