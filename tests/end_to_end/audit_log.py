"""The audit log of a gateway that a test runs: what stands in it, and whether it is whole."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from connector.audit.checkpoint import NoteVerifier
from connector.audit.files import Directory
from connector.audit.reading import RecordsMissing, read_records
from connector.audit.records import parse_record
from connector.audit.verification import verify

if sys.platform == "linux":
    import resource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.gateway import RunningGateway

Record = dict[str, Any]
_MOST_LOOKS: Final = 20_000
"""At a log that has not got what a test waits for: it then fails."""


def folder_of(home: Path) -> Path:
    """Return the folder of the log of the gateway that was started in ``home``."""
    return home / "audit" / "0"


def records(home: Path) -> list[Record]:
    """Return all records, each held against its model."""
    found = []
    for _, octets in read_records(Directory(folder_of(home))):
        parse_record(octets)
        found.append(json.loads(octets))
    return found


def await_records(home: Path, wanted: Callable[[Record], bool], count: int = 1) -> list[Record]:
    """Return the records that are wanted once there are so many; they come a moment late."""
    for _ in range(_MOST_LOOKS):
        try:
            found = [each for each in records(home) if wanted(each)]
        except RecordsMissing:
            continue  # a file went while it was read, for one that has more
        if len(found) >= count:
            return found
    raise AssertionError(f"no such records in {records(home)[-20:]}")


def of(home: Path, audit_id: str, count: int = 2) -> list[Record]:
    """Return what stands of one request, which is so many records."""
    return await_records(home, lambda each: each.get("audit_id") == audit_id, count)


def whole(home: Path) -> list[Record]:
    """Return the records of a log whose gateway has ended in order, and check that it is whole.

    Every octet is accounted for by what the keys' file says, the last checkpoint covers all, and
    every request that was received was closed once.
    """
    vkeys = (home / "audit-keys" / "audit.vkey").read_text().splitlines()
    report = verify(Directory(folder_of(home)), [NoteVerifier.parse(vkey) for vkey in vkeys])
    assert report.good, report.problems
    assert (report.trusted, report.behind, report.unknown) == (True, 0, 0)
    found = records(home)
    assert report.size == len(found)
    assert (found[0]["type"], found[-1]["type"]) == ("opened", "closed")
    assert found[-1]["records"] == len(found) - 1
    received = [each["audit_id"] for each in found if each["type"] == "received"]
    completed = [each["audit_id"] for each in found if each["type"] == "completed"]
    assert len(set(received)) == len(received)
    assert sorted(received) == sorted(completed)
    return found


def limit_files(gateway: RunningGateway, octets: int | None) -> None:
    """Bound how long a file of the gateway may become (EFBIG: Python ignores SIGXFSZ)."""
    pid = gateway.process.pid
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most if octets is None else octets, most))
