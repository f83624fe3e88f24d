"""A log that the gateway's writer wrote, verified by the command."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import uvloop

from bench.audit.appends import opened_log
from bench.audit.results import Verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.audit.traffic import Written

_TOGETHER: Final = 500
_BEHIND: Final = 50_000
"""Records that may wait for their evidence before more are written."""
_LIMIT: Final = 600


def measure_verifying(
    folder: Path, requests: Iterator[Written], records: int, tell: Callable[[str], None]
) -> Verified:
    """Write so many records, then verify them; ``folder`` is made."""
    began = time.perf_counter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_write(folder, requests, records, tell))
    written = time.perf_counter() - began
    tell(f"verifying {records:,} records")
    command = [sys.executable, "-m", "connector.cli.main", "audit", "verify", "--json"]
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - the command stands just above
        [*command, str(folder)], capture_output=True, timeout=_LIMIT, check=False
    )
    seconds = time.perf_counter() - began
    found = json.loads(done.stdout)
    return Verified(
        records=sum(log["size"] for log in found["logs"].values()),
        octets=sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()),
        written=written,
        seconds=seconds,
        good=done.returncode == 0 and found["good"],
    )


async def _write(
    folder: Path, requests: Iterator[Written], records: int, tell: Callable[[str], None]
) -> None:
    async with opened_log(folder, durable=False) as log:
        while log.size < records - 1:
            tell(f"writing {log.size:,} of {records:,} records")
            for _ in range(min(_TOGETHER, (records - log.size) // 2)):
                request = next(requests)
                waiter = log.append(request.received, request.audit_id)
                log.note(request.completed, closes=request.audit_id)
            await waiter
            while log.behind > _BEHIND:  # noqa: ASYNC110 - a thread catches up, and tells nobody
                await asyncio.sleep(0.01)
