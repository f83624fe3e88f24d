from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connector.audit.checkpoint import NoteSigner
from connector.audit.disk import Disk
from connector.audit.evidence import Evidence
from connector.audit.growth import Growth
from connector.audit.segment import FOLDER
from connector.audit.writer import Writer
from connector.background import give_way
from connector.telemetry.decisions import DecisionLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

linux = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="the system knows no SCHED_BATCH")


def policy_in_a_thread(act: Callable[[], None]) -> int:
    found: list[int] = []

    def run() -> None:
        act()
        found.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


@linux
def test_the_calling_thread_gives_way_and_no_other() -> None:
    before = os.sched_getscheduler(0)
    assert policy_in_a_thread(give_way) == os.SCHED_BATCH
    assert os.sched_getscheduler(0) == before


@linux
def test_a_thread_that_may_not_goes_on_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("not in this container")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert policy_in_a_thread(give_way) == os.sched_getscheduler(0)


def test_a_system_without_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "SCHED_BATCH", raising=False)
    give_way()


@linux
def test_who_makes_evidence_and_lines_gives_way_and_who_is_waited_for_does_not(
    tmp_path: Path,
) -> None:
    asked = threading.Semaphore(0)
    found: dict[str, int] = {}

    class Watched(Disk):
        def create(self, path: str, *, durable: bool) -> int:
            note()
            return super().create(path, durable=durable)

        def replace(self, path: str, octets: bytes) -> None:
            note()
            super().replace(path, octets)

    def note() -> None:
        found[threading.current_thread().name] = os.sched_getscheduler(0)
        asked.release()

    disk = Watched(tmp_path)
    (tmp_path / FOLDER).mkdir()
    signer = NoteSigner("bench/0", Ed25519PrivateKey.generate())
    evidence = Evidence(
        disk, Growth(), "bench/0", [signer], segments=[], open_from=lambda: 0, clock=lambda: 0.0
    )
    writer = Writer(disk, 0, written=evidence.take, done=lambda _: None)
    evidence.start()
    writer.start()
    writer.write([b"{}"])
    reading, writing = os.pipe()
    decisions = DecisionLog(writing)
    (thread,) = (each for each in threading.enumerate() if each.name == "decision-log")
    try:
        for _ in range(2):
            assert asked.acquire(timeout=10)
        decisions.write("line")
        assert os.read(reading, 4) == b"line"
        assert thread.native_id is not None
        found[thread.name] = os.sched_getscheduler(thread.native_id)
    finally:
        decisions.close()
        assert writer.close(10)
        assert evidence.close(10)
        os.close(reading)
        os.close(writing)
    assert found == {
        "audit-log": os.SCHED_OTHER,
        "audit-evidence": os.SCHED_BATCH,
        "decision-log": os.SCHED_BATCH,
    }
