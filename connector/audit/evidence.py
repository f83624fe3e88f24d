"""The thread that makes evidence of what is written: tiles, bundles, checkpoints.

It comes behind the writer; a checkpoint may be up to a second late. What it writes is not
synced: the segments are, and everything here follows from them. They are removed once what took
their place is on disk.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from connector.audit.checkpoint import Checkpoint, sign_note
from connector.audit.segment import FOLDER, segment_name
from connector.audit.tiles import WIDTH
from connector.audit.writer import MOST_AGE
from connector.background import give_way

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector.audit.checkpoint import NoteSigner
    from connector.audit.disk import Disk
    from connector.audit.growth import Growth
    from connector.audit.writer import Written

CHECKPOINT: Final = "checkpoint"
LATEST: Final = 1.0
"""Seconds that a checkpoint may be late."""
_RETRY: Final = 0.25
_SETTLE: Final = 64 * WIDTH
"""Records behind which full tiles are put on disk for good, so that segments can go; and of fewer
ones when a segment is too old, too."""


class Evidence:
    """Grows the tree by what ``take`` is given, in the order of the log.

    ``open_from`` returns the index of the oldest record whose request is not closed, and
    ``segments`` are the first indices of those that stand there, and ``partial`` the paths of tiles
    that the next checkpoint makes superfluous, ``unsettled`` those of full ones that were
    written again. ``problem`` says what is wrong.
    """

    def __init__(
        self,
        disk: Disk,
        growth: Growth,
        origin: str,
        signers: Sequence[NoteSigner],
        *,
        segments: Sequence[int],
        partial: Sequence[str] = (),
        unsettled: Sequence[str] = (),
        open_from: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._disk = disk
        self._growth = growth
        self._origin = origin
        self._signers = signers
        self._segments = list(segments)
        self._open_from = open_from
        self._clock = clock
        self._signed_size = -1
        self._settled = growth.size // WIDTH * WIDTH
        self._settle_by = clock() + MOST_AGE
        # What the process before has left was not necessarily put on disk for good.
        self._replaced = 0
        self._unsettled = list(unsettled)
        self._partial = list(partial)
        self._failed: list[tuple[str, bytes]] = []
        # It begins with a checkpoint of what is there.
        self._since = clock() - LATEST
        self._written = growth.size
        self._taken: deque[Written] = deque()
        self._records: list[bytes] = []
        self._leaves: list[bytes] = []
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._runner = threading.Thread(target=self._run, name="audit-evidence", daemon=True)
        self.problem: str | None = None
        self.has_work = False
        """Something was taken for which to ``wake`` the thread."""

    def start(self) -> None:
        """Begin to take records."""
        self._runner.start()

    def take(self, written: Written) -> None:
        """Take what is on disk; called on the loop.

        There is work where that fills a bundle, or where there was nothing to do: each time that
        the thread goes to work it takes the interpreter from the loop.
        """
        before = self._written
        idle = before == self._signed_size
        if idle:
            self._since = self._clock()
        self._taken.append(written)
        self._written = before + len(written.records)
        if idle or self._written // WIDTH != before // WIDTH:
            self.has_work = True

    def wake(self) -> None:
        """Have the thread go to work; called on the loop."""
        self.has_work = False
        self._wake.put(True)

    @property
    def waiting(self) -> int:
        """Records on disk that are not hashed yet."""
        return self._written - self._growth.size

    @property
    def behind(self) -> int:
        """Records on disk that no checkpoint covers."""
        return self._written - max(self._signed_size, 0)

    def close(self, patience: float) -> bool:
        """End with a checkpoint of everything; False where that takes longer."""
        self._wake.put(False)
        self._runner.join(patience)
        return not self._runner.is_alive() and self.problem is None

    def _run(self) -> None:
        give_way()
        going = True
        while going or self.problem is not None:
            late = self._written != self._signed_size
            wait = max(self._since + LATEST - self._clock(), 0.0) if late else LATEST
            with contextlib.suppress(Empty):
                going = self._wake.get(timeout=_RETRY if self.problem else wait) and going
            due = not going or self._clock() >= self._since + LATEST
            self._hash(everything=due)
            try:
                self._put_failed()
                size = self._growth.size
                if due and size != self._signed_size:
                    self._checkpoint()
                if self._must_settle():
                    self._settle()
                self._remove_segments()
                self.problem = None
            except OSError as error:
                self.problem = f"{error.strerror or error} ({error.filename or self._origin})"
                if not going:
                    return

    def _hash(self, *, everything: bool) -> None:
        """Grow the tree by whole bundles, or by everything: a last, partial one costs files."""
        while self._taken:
            written = self._taken.popleft()
            if not self._segments or written.segment > self._segments[-1]:
                self._segments.append(written.segment)
            self._records += written.records
            self._leaves += written.leaves
        size = self._growth.size
        count = len(self._records)
        if not everything:
            count = max((size + count) // WIDTH * WIDTH - size, 0)
        self._failed += self._growth.extend(self._records[:count], self._leaves[:count])
        del self._records[:count], self._leaves[:count]

    def _put_failed(self) -> None:
        """Write the full tiles that are not written yet, in order."""
        while self._failed:
            path, octets = self._failed[0]
            self._disk.put(path, octets)
            self._unsettled.append(path)
            self._failed.pop(0)

    def _checkpoint(self) -> None:
        files = self._growth.partial()
        for path, octets in files:
            if path not in self._partial:
                # Where this checkpoint fails, the next one removes it.
                self._partial.append(path)
            self._disk.put(path, octets)
        size = self._growth.size
        text = Checkpoint(self._origin, size, self._growth.root()).text()
        self._disk.replace(CHECKPOINT, sign_note(text, self._signers).encode())
        before, self._partial = self._partial, [path for path, _ in files]
        for path in set(before) - set(self._partial):
            self._disk.remove(path)
        self._signed_size, self._since = size, self._clock()

    def _must_settle(self) -> bool:
        full = self._growth.size // WIDTH * WIDTH - self._settled
        return full >= _SETTLE or (full > 0 and self._clock() >= self._settle_by)

    def _settle(self) -> None:
        """Put full tiles on disk for good."""
        size = self._growth.size // WIDTH * WIDTH
        self._disk.settle(self._unsettled)
        self._unsettled, self._settled, self._replaced = [], size, size
        self._settle_by = self._clock() + MOST_AGE

    def _remove_segments(self) -> None:
        """Remove the segments that full tiles have replaced for good."""
        if len(self._segments) > 1 and self._segments[1] <= self._replaced:
            keep_from = min(self._replaced, self._open_from())
            while len(self._segments) > 1 and self._segments[1] <= keep_from:
                self._disk.remove(f"{FOLDER}/{segment_name(self._segments.pop(0))}")
