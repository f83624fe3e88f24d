"""The log of one worker, as the event loop sees it: append and wait, or append and go on.

Records that come while the writing thread is busy go out together behind it, in one write, and so
do those that come as long as each turn of the loop brings others: a commit costs the processor as
much as a request.
Nobody waits longer than the deadline; whatever goes wrong, a record either is on disk or its
request is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from typing import TYPE_CHECKING, Final

from connector.audit.disk import Disk
from connector.audit.errors import AuditLogError, AuditUnavailable
from connector.audit.evidence import Evidence
from connector.audit.recovery import recover
from connector.audit.segment import FOLDER, MOST_RECORD
from connector.audit.writer import Writer
from connector.time_limit import within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from connector.audit.checkpoint import NoteSigner, NoteVerifier
    from connector.audit.recovery import Recovered
    from connector.audit.writer import Abandoned

LINGER: Final = 0.01
"""Seconds that records nobody waits for are kept, so that they go out with others."""
MOST_TOGETHER: Final = 64
"""Records after which those who wait for them wait for no others."""
MOST_WAITING: Final = 16 << 20
"""Octets of records that may wait for the disk."""
MOST_BEHIND: Final = 200_000
"""Records that may wait for their evidence."""
_RETRY: Final = 0.25
LOCK: Final = "lock"

_logger: Final = logging.getLogger(__name__)


class _Batch:
    """Records that go out together, and who waits for them."""

    __slots__ = ("deadline", "octets", "records", "waiter")

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.octets = 0
        self.waiter: asyncio.Future[None] | None = None
        self.deadline: asyncio.TimerHandle | None = None

    def release(self, error: AuditUnavailable | None) -> None:
        """Let go who waits: the records are on disk, or nobody knows."""
        waiter, self.waiter = self.waiter, None
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
        if waiter is None or waiter.done():
            return
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)


class AuditLog:
    """One log in one folder, opened for as long as the process runs.

    It belongs to the event loop that opens it. ``resumed`` makes the record with which the log goes
    on in another segment after its writer has failed. ``timeout`` are the seconds that a record is
    waited for.
    """

    def __init__(
        self,
        folder: Path,
        origin: str,
        signers: Sequence[NoteSigner],
        *,
        resumed: Callable[[Abandoned, str], bytes],
        durable: bool = True,
        timeout: float = 0.25,
        disk: Disk | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._origin = origin
        self._signers = signers
        self._resumed = resumed
        self._durable = durable
        self._timeout = timeout
        self._disk = disk or Disk(folder)
        self._clock = clock
        self._lock = -1
        self._loop: asyncio.AbstractEventLoop
        self._writer: Writer
        self._evidence: Evidence
        self._batch = _Batch()
        self._flying: _Batch | None = None
        self._flush: asyncio.Handle | None = None
        self._seen = 0
        self._open: dict[str, int] = {}
        self._index = 0
        self._failure: str | None = None
        self._closing = False
        self._idle = asyncio.Event()
        self.commits = 0
        """What was synced since the start: each one holds the records of all who waited."""
        self.records = 0
        self.failures = 0

    @property
    def problem(self) -> str | None:
        """Why nothing is known to be written, for operators; None where all is well."""
        if self._failure is not None:
            return f"the audit log cannot be written: {self._failure}"
        if self._evidence.problem is not None:
            return f"the audit log's evidence cannot be written: {self._evidence.problem}"
        if self._evidence.waiting > MOST_BEHIND:
            return "the audit log's evidence does not keep up"
        return None

    @property
    def size(self) -> int:
        """How many records there are, with those that are on their way."""
        flying = 0 if self._flying is None else len(self._flying.records)
        return self._index + flying + len(self._batch.records)

    @property
    def behind(self) -> int:
        """Records on disk that no checkpoint covers yet."""
        return self._evidence.behind

    def open(self, verifiers: Sequence[NoteVerifier]) -> Recovered:
        """Lock the folder, recover what is in it and begin to write; raises AuditLogError."""
        self._loop = asyncio.get_running_loop()
        self._lock = _lock(self._folder)
        try:
            found = recover(self._folder, self._origin, verifiers)
            for path, octets in found.files:
                self._disk.put(path, octets)
        except AuditLogError:
            self._unlock()
            raise
        except OSError as error:
            self._unlock()
            raise AuditLogError(f"{self._folder} cannot be written to: {error}") from error
        self._index = found.growth.size
        self._open = {orphan.audit_id: orphan.since for orphan in found.orphans}
        self._evidence = Evidence(
            self._disk,
            found.growth,
            self._origin,
            self._signers,
            segments=found.segments,
            partial=found.partial,
            unsettled=[path for path, _ in found.files],
            open_from=self._open_from,
            clock=self._clock,
        )
        self._writer = Writer(
            self._disk,
            self._index,
            found.tail,
            written=self._evidence.take,
            done=self._done,
            durable=self._durable,
            clock=self._clock,
        )
        self._idle.set()
        self._evidence.start()
        self._writer.start()
        return found

    def append(self, record: bytes, audit_id: str = "") -> asyncio.Future[None]:
        """Return what is done when the record is on disk; it, or this, raises AuditUnavailable.

        With ``audit_id`` it is a request's, which stays open until ``note`` closes it.
        """
        problem = self.problem
        if problem is not None:
            raise AuditUnavailable(problem)
        batch = self._take(record, MOST_WAITING)
        if audit_id:
            self._open[audit_id] = self._index
        waiter = batch.waiter
        if waiter is None:
            waiter = batch.waiter = self._loop.create_future()
            # Whoever waited may be gone by the time that it fails.
            waiter.add_done_callback(_look_away)
            batch.deadline = self._loop.call_later(self._timeout, self._late, batch)
            if self._flying is None:
                self._gather()
        return waiter

    def is_open(self, audit_id: str) -> bool:
        """Whether a request was written down and not closed."""
        return audit_id in self._open

    def note(self, record: bytes, *, opens: str = "", closes: str = "") -> None:
        """Append a record that nobody waits for; it may open or close a request.

        It goes out with the next one that somebody waits for, or soon. While nothing can be
        written it is kept, up to a bound, beyond which it is lost and counted: after a restart the
        request is closed as one of unknown outcome.
        """
        try:
            self._take(record, 2 * MOST_WAITING)
        except AuditUnavailable:
            self.failures += 1
            return
        if opens:
            self._open[opens] = self._index
        if closes:
            self._open.pop(closes, None)
        if self._flying is None and self._flush is None:
            self._flush = self._loop.call_later(LINGER, self._go)

    async def aclose(self, last: bytes, patience: float) -> bool:
        """Write what waits and a last record, sign a last checkpoint; False where that fails."""
        self.note(last)
        if self._flying is None:
            self._go()
        with contextlib.suppress(TimeoutError):
            await within(patience, self._idle.wait())
        # Until now it was tried again and again.
        self._closing = True
        well = await asyncio.to_thread(self._writer.close, patience)
        well = await asyncio.to_thread(self._evidence.close, patience) and well
        if self._flush is not None:
            self._flush.cancel()
        self._unlock()
        return well and self._failure is None

    # Batches

    def _take(self, record: bytes, most: int) -> _Batch:
        if len(record) > MOST_RECORD:
            raise AuditUnavailable(f"a record of {len(record)} octets is too long for the log")
        batch = self._batch
        if batch.octets + len(record) > most:
            raise AuditUnavailable("too much waits for the disk")
        batch.records.append(record)
        batch.octets += len(record)
        self._idle.clear()
        return batch

    def _gather(self) -> None:
        """Hand what waits to the writer soon: others may append before the loop waits again.

        They do so when a commit lets many go at once, and then share the next one.
        """
        if self._flush is not None:
            self._flush.cancel()
        self._seen = 0
        self._flush = self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Hand over what waits once a turn of the loop has brought no more."""
        waiting = len(self._batch.records)
        if self._seen < waiting < MOST_TOGETHER:
            self._seen = waiting
            self._flush = self._loop.call_soon(self._look)
        else:
            self._go()

    def _go(self) -> None:
        """Hand what waits to the writer."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        batch = self._batch
        if self._flying is not None or not batch.records:
            return
        for each in self._writer.abandoned:
            # Behind what is written again, so that it has the same place in both segments.
            batch.records.append(self._resumed(each, self._failure or ""))
        self._writer.abandoned.clear()
        self._flying, self._batch = batch, _Batch()
        self._writer.write(batch.records)

    def _done(self, error: OSError | None) -> None:
        """Hear from the writer, in its thread."""
        try:
            self._loop.call_soon_threadsafe(self._landed, error)
        except RuntimeError:
            # The loop is closed: the process ends.
            _logger.warning("the audit log ended before its last record was on disk")

    def _landed(self, error: OSError | None) -> None:
        batch, self._flying = self._flying, None
        assert batch is not None  # noqa: S101 - one batch flies at a time
        if error is None:
            try:
                self._writer.land()
            except OSError as gone:
                error = gone
        if error is None:
            self._well(batch)
            batch.release(None)
            if self._evidence.has_work:
                # Behind those who were just let go: it takes the interpreter from them.
                self._loop.call_soon(self._evidence.wake)
        else:
            self._ill(batch, error)
            for each in (batch, self._batch):
                each.release(AuditUnavailable(self.problem or ""))
        if self._batch.records and self._failure is None:
            self._gather()
        elif not self._batch.records:
            self._idle.set()
            self._writer.spare()

    def _well(self, batch: _Batch) -> None:
        self.commits += 1
        self.records += len(batch.records)
        self._index += len(batch.records)
        if self._failure is not None:
            _logger.info("the audit log can be written again")
            self._failure = None

    def _ill(self, batch: _Batch, error: OSError) -> None:
        """Refuse who waits for a batch, and try to write it again: the log is to be whole."""
        self.failures += 1
        if self._failure is None:
            _logger.error("the audit log cannot be written: %s", error)
        self._failure = f"{error.strerror or error} ({error.filename or self._folder})"
        self._batch.records[:0] = batch.records
        self._batch.octets += batch.octets
        if not self._closing:
            self._flush = self._loop.call_later(_RETRY, self._go)

    def _late(self, batch: _Batch) -> None:
        """Let nobody wait longer than the deadline; the batch may land all the same."""
        self.failures += 1
        batch.release(AuditUnavailable("the disk did not answer in time"))

    def _open_from(self) -> int:
        """Return the index of the oldest record whose request is open; asked by a thread."""
        return next(iter(list(self._open.values())), self._index)

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _look_away(waiter: asyncio.Future[None]) -> None:
    waiter.exception()


def _lock(folder: Path) -> int:
    """Make the folder and lock it against a second process; raises AuditLogError."""
    try:
        (folder / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise AuditLogError(f"{folder} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise AuditLogError(f"{folder} is in use by another gateway") from error
    return descriptor
