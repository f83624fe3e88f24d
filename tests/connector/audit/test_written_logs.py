"""What the writer leaves behind is good to the verifier, whatever happened on the way."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any

import pytest

from connector.audit.disk import Disk
from connector.audit.errors import AuditUnavailable
from connector.audit.files import Directory
from connector.audit.log import AuditLog
from connector.audit.verification import verify
from tests.connector.audit.log_files import (
    ORIGIN,
    SIGNER,
    VERIFIER,
    audit_id,
    closed,
    completed,
    opened,
    received,
    record,
)
from tests.connector.moved_time import until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from connector.audit.writer import Abandoned


class Run:
    """One process's records."""

    def __init__(self) -> None:
        self.order = 0

    def next(self) -> int:
        self.order += 1
        return self.order

    def resumed(self, abandoned: Abandoned, reason: str) -> bytes:
        details = {"segment": abandoned.segment, "octets": abandoned.octets, "reason": reason}
        return record("administration", self.next(), action="segment_abandoned", details=details)


def write(
    folder: Path,
    act: Callable[[AuditLog, Run], Coroutine[Any, Any, None]],
    disk: Disk | None = None,
) -> None:
    async def main() -> None:
        told = Run()
        log = AuditLog(folder, ORIGIN, [SIGNER], resumed=told.resumed, disk=disk, timeout=15.0)
        found = log.open([VERIFIER])
        log.note(opened(told.next()))
        for orphan in found.orphans:
            number = int(orphan.audit_id.rpartition("-")[2])
            log.note(completed(told.next(), number, recovered=True), closes=orphan.audit_id)
        await act(log, told)
        assert await log.aclose(closed(told.next(), log.size), 10.0)

    asyncio.run(main())


def requests(first: int, end: int) -> Callable[[AuditLog, Run], Coroutine[Any, Any, None]]:
    async def act(log: AuditLog, told: Run) -> None:
        for number in range(first, end):
            await log.append(received(told.next(), number), audit_id(number))
            log.note(completed(told.next(), number), closes=audit_id(number))

    return act


def test_what_several_runs_wrote_is_good(tmp_path: Path) -> None:
    for first in (0, 150, 151, 400):
        write(tmp_path, requests(first, first + 120))
    report = verify(Directory(tmp_path), [VERIFIER])
    assert report.problems == ()
    assert (report.size, report.behind) == (4 * 242, 0)


def test_a_log_that_was_cut_off_is_good_again_when_a_process_has_repaired_it(
    tmp_path: Path,
) -> None:

    write(tmp_path, requests(0, 200))
    write(tmp_path, requests(200, 201))
    segment = max((tmp_path / "segments").iterdir())
    octets = segment.read_bytes()
    segment.write_bytes(octets + b"torn")
    assert verify(Directory(tmp_path), [VERIFIER]).problems
    write(tmp_path, requests(201, 300))
    assert verify(Directory(tmp_path), [VERIFIER]).problems == ()


class FailingDisk(Disk):
    """Fails to put on disk where it is told to, after everything was written."""

    failing = False

    def write(self, descriptor: int, octets: bytes, room: int = 0) -> int:
        beyond = super().write(descriptor, octets, room)
        if self.failing:
            raise OSError(errno.EIO, "broken")
        return beyond


@pytest.mark.parametrize("before", [0, 3, 200])
def test_a_segment_that_was_abandoned_leaves_a_good_log(tmp_path: Path, before: int) -> None:
    disk = FailingDisk(tmp_path)

    async def act(log: AuditLog, told: Run) -> None:
        await requests(0, before)(log, told)
        disk.failing = True
        with pytest.raises(AuditUnavailable):
            await log.append(received(told.next(), 1000), audit_id(1000))
        disk.failing = False
        await until(lambda: log.problem is None)
        await requests(2000, 2003)(log, told)
        log.note(completed(told.next(), 1000), closes=audit_id(1000))

    write(tmp_path, act, disk)
    assert verify(Directory(tmp_path), [VERIFIER]).problems == ()
