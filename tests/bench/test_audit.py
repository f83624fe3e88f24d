"""The audit log's bench: what it runs, and what it judges by."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import pytest

from bench.audit.appends import measure_appends, measure_disk
from bench.audit.results import EACH, FSYNC, MODES, OS, Appended, AuditResults, Disk, Verified
from bench.audit.table import audit_verdicts, tables
from bench.audit.traffic import traffic
from bench.audit.verifying import measure_verifying
from bench.requests import Platform
from connector.audit.files import Directory
from connector.audit.records import parse_record
from connector.audit.verification import verify

if TYPE_CHECKING:
    from pathlib import Path

REQUESTS: Final = list(islice(traffic(Platform()), 600))
DISK: Final = Disk(1_000, 0.001, 0.002)
PACED: Final = Appended(FSYNC, 0, 2_000, 1_000, 0.002, 0.006, 500)


def test_records_are_those_of_the_gateway() -> None:
    for request in REQUESTS[:4]:
        for octets in request[1:]:
            assert parse_record(octets).model_dump()["audit_id"] == request.audit_id
    assert len({request.audit_id for request in REQUESTS}) == len(REQUESTS)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("waiters", [0, 1, 32])
def test_every_request_is_appended_once(tmp_path: Path, mode: str, waiters: int) -> None:
    folder = tmp_path / "log"
    found = measure_appends(folder, mode, waiters, REQUESTS, 0.05)
    assert found.requests > 0
    assert 0 < found.commits <= 2 * found.requests + 2
    if mode == EACH:
        assert found.commits == found.requests
    else:
        # Put together before the log was opened, they are out of order; they are all there.
        assert verify(Directory(folder), []).size == 2 * found.requests + 2


def test_the_disk_alone_is_measured(tmp_path: Path) -> None:
    found = measure_disk(tmp_path / "disk", iter(REQUESTS), 0.01)
    assert 0 < found.p50 <= found.p99


def test_a_log_is_written_and_verified_by_the_command(tmp_path: Path) -> None:
    told: list[str] = []
    found = measure_verifying(tmp_path / "log", traffic(Platform()), 1_000, told.append)
    assert (found.records, found.good) == (1_000, True)
    assert told[-1] == "verifying 1,000 records"


@pytest.mark.parametrize(("p99", "passed"), [(0.006, True), (0.0061, False)])
def test_what_a_record_adds_is_held_against_the_disk(p99: float, *, passed: bool) -> None:
    results = AuditResults([DISK], [PACED._replace(p99=p99)], [])
    assert [each.passed for each in audit_verdicts(results)] == [passed]


@pytest.mark.parametrize(
    ("seconds", "good", "outcome"),
    [
        (20.0, True, "reached."),
        (20.1, True, "MISSED."),
        (20.0, False, "FOUND NOT TO BE GOOD."),
    ],
)
def test_verification_has_a_floor(seconds: float, *, good: bool, outcome: str) -> None:
    verified = Verified(1_000_000, 900_000_000, 60.0, seconds, good)
    (verdict,) = audit_verdicts(AuditResults([], [], [verified]))
    assert verdict.text.endswith(outcome)
    assert verdict.passed == (outcome == "reached.")


def test_the_table_has_the_disk_and_each_mode_beside_it() -> None:
    modes = [PACED._replace(mode=mode, waiters=32) for mode in (FSYNC, OS, EACH)]
    lines = tables(AuditResults([DISK], [PACED, *modes], [])).splitlines()
    assert lines[2].startswith("| one after the other | the disk alone")
    assert [line.split(" | ")[0] for line in lines[3:7]] == [
        *(["| 32 at a time"] * 3),
        "| 1,000 a second, at random",
    ]
    assert lines[6].split(" | ")[2:7] == ["1,000", "2.00 ms", "6.00 ms", "3.00", "4.0 |"]
