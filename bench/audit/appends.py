"""Appending to the log as requests do, beside one fdatasync for each of them.

A request appends its first record and waits; then it appends its second one and goes. Records are
put together before a run: only the log itself is measured.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.audit.results import EACH, OS, PACE, Appended, Disk, percentile
from bench.audit.traffic import SCRIBE
from bench.machine import BenchError
from connector.audit.checkpoint import NoteSigner, NoteVerifier
from connector.audit.ledger import resumed
from connector.audit.log import AuditLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from bench.audit.traffic import Written

ORIGIN: Final = "bench/0"
_TICK: Final = 0.001
"""Seconds; uvloop has no shorter timers."""
_THREADS: Final = 32
_SEED: Final = 1
_PATIENCE: Final = 30.0


class _Contender(Protocol):
    commits: int

    def append(self, record: bytes, audit_id: str) -> asyncio.Future[None]: ...

    def note(self, record: bytes, *, closes: str) -> None: ...


class _Each:
    """Writes each record that somebody waits for in a thread, and syncs it there."""

    def __init__(self, path: Path) -> None:
        self.commits = 0
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(_THREADS)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def append(self, record: bytes, audit_id: str) -> asyncio.Future[None]:
        del audit_id
        self.commits += 1
        return self._loop.run_in_executor(self._pool, self._write, record)

    def note(self, record: bytes, *, closes: str) -> None:
        del closes
        os.write(self._descriptor, record)

    def close(self) -> None:
        self._pool.shutdown()
        os.close(self._descriptor)

    def _write(self, record: bytes) -> None:
        os.write(self._descriptor, record)
        os.fdatasync(self._descriptor)


def measure_disk(path: Path, requests: Iterator[Written], seconds: float) -> Disk:
    """Append and sync in one thread, with nothing else to do."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    spent: list[float] = []
    began = time.perf_counter()
    try:
        while time.perf_counter() - began < seconds:
            os.write(descriptor, next(requests).received)
            at = time.perf_counter()
            os.fdatasync(descriptor)
            spent.append(time.perf_counter() - at)
    finally:
        os.close(descriptor)
    return Disk(1 / (sum(spent) / len(spent)), percentile(spent, 0.5), percentile(spent, 0.99))


def measure_appends(
    folder: Path, mode: str, waiters: int, requests: list[Written], seconds: float
) -> Appended:
    """Run one mode for some seconds, or until the requests are used up."""

    async def run() -> Appended:
        async with _opened(folder, mode) as contender:
            before, began = contender.commits, time.perf_counter()
            if waiters:
                spent = await _closed_loop(contender, waiters, requests, began + seconds)
            else:
                spent = await _paced(contender, requests, seconds)
            wall = time.perf_counter() - began
            return Appended(
                mode=mode,
                waiters=waiters,
                requests=len(spent),
                rate=len(spent) / wall,
                p50=percentile(spent, 0.5),
                p99=percentile(spent, 0.99),
                commits=contender.commits - before,
            )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


@asynccontextmanager
async def _opened(folder: Path, mode: str) -> AsyncIterator[_Contender]:
    folder.mkdir()  # noqa: ASYNC240 - nothing runs yet that would wait for it
    if mode == EACH:
        each = _Each(folder / "records")
        try:
            yield each
        finally:
            each.close()
        return
    async with opened_log(folder, durable=mode != OS) as log:
        yield log


@asynccontextmanager
async def opened_log(folder: Path, *, durable: bool) -> AsyncIterator[AuditLog]:
    """Open a new log as the gateway does, and end it in order; raises BenchError."""
    signer = NoteSigner(ORIGIN, Ed25519PrivateKey.generate())
    log = AuditLog(
        folder, ORIGIN, [signer], resumed=resumed(SCRIBE), durable=durable, timeout=_PATIENCE
    )
    log.open([NoteVerifier.parse(signer.vkey)])
    log.note(SCRIBE.other("opened", origin=ORIGIN, keys={"checkpoint": [signer.vkey]}))
    yield log
    if not await log.aclose(SCRIBE.other("closed", records=log.size), _PATIENCE):
        raise BenchError(f"the audit log did not end in order: {log.problem}")


async def _closed_loop(
    contender: _Contender, waiters: int, requests: list[Written], until: float
) -> list[float]:
    """Keep so many requests under way; return how long each one waited."""
    spent: list[float] = []
    waiting = iter(requests)

    async def append_some() -> None:
        for request in waiting:
            at = time.perf_counter()
            await contender.append(request.received, request.audit_id)
            now = time.perf_counter()
            spent.append(now - at)
            contender.note(request.completed, closes=request.audit_id)
            if now > until:
                return

    await asyncio.gather(*(append_some() for _ in range(waiters)))
    return spent


async def _paced(contender: _Contender, requests: list[Written], seconds: float) -> list[float]:
    """Append so many a second, at random moments and whether or not those before are done."""
    spent: list[float] = []
    left = asyncio.Semaphore(0)
    moments = random.Random(_SEED)  # noqa: S311 - when requests come
    began = time.perf_counter()
    due, count = 0.0, 0

    def landed(request: Written, at: float, waiter: asyncio.Future[None]) -> None:
        waiter.result()
        spent.append(time.perf_counter() - at)
        contender.note(request.completed, closes=request.audit_id)
        left.release()

    for request in requests:
        due += moments.expovariate(PACE)
        if due > seconds:
            break
        while time.perf_counter() - began < due:  # noqa: ASYNC110 - for a moment, not for another
            await asyncio.sleep(_TICK)
        at = time.perf_counter()
        waiter = contender.append(request.received, request.audit_id)
        waiter.add_done_callback(partial(landed, request, at))
        count += 1
    for _ in range(count):
        await left.acquire()
    return spent
