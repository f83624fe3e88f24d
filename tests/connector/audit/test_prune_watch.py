"""That records were removed is written down once, whenever it was done."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from connector.audit import evidence, ledger, writer
from connector.audit.checkpoint import sign_note
from connector.audit.disk import Disk
from connector.audit.files import Directory
from connector.audit.ledger import Ledger, resumed
from connector.audit.log import AuditLog
from connector.audit.prune_watch import PruneWatch
from connector.audit.pruned import Pruned
from connector.audit.pruning import prunable
from connector.audit.reading import read_records
from connector.audit.records import parse_record
from connector.audit.redaction import EvidenceSealer, Redactor
from connector.audit.removal import remove
from connector.audit.rendering import Scribe
from connector.audit.space import Space
from connector.audit.verification import verify
from tests.connector.audit.log_files import ORIGIN, OTHER, SIGNER, VERIFIER
from tests.connector.moved_time import until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

FUTURE = "2999-01-01T00:00:00.000000000Z"


def put(folder: Path, first: int, signer: Any = SIGNER) -> None:
    new = folder / "other"
    new.write_text(sign_note(Pruned(ORIGIN, first).text(), [signer]))
    new.replace(folder / "pruned")


def watch_in(folder: Path, told: int = 0) -> PruneWatch:
    watch = PruneWatch(folder, [VERIFIER])
    watch.begin(told)
    return watch


def test_a_note_is_told_of_once(tmp_path: Path) -> None:
    watch = watch_in(tmp_path)
    assert watch.look() is None
    put(tmp_path, 256)
    assert [watch.look(), watch.look()] == [256, None]
    put(tmp_path, 512)
    assert [watch.look(), watch.look()] == [512, None]


def test_what_a_record_says_already_is_not_told_again(tmp_path: Path) -> None:
    put(tmp_path, 256)
    assert watch_in(tmp_path, 256).look() is None
    assert watch_in(tmp_path).look() == 256
    watch = watch_in(tmp_path, 256)
    os.utime(tmp_path / "pruned", (1, 1))
    assert watch.look() is None


def test_a_note_of_somebody_else_is_told_to_operators_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = watch_in(tmp_path)
    put(tmp_path, 256, OTHER)
    assert [watch.look(), watch.look()] == [None, None]
    assert [each.message for each in caplog.records] == [
        "the note of what was pruned is none: pruned: signed by nobody who is known"
    ]


def with_ledger(folder: Path, act: Callable[[Ledger], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        scribe = Scribe(Redactor("h1", bytes(32)), EvidenceSealer(None), "sha-256:AAAAAAAAAAAAAAAA")
        disk = Disk(folder)
        log = AuditLog(folder, ORIGIN, [SIGNER], resumed=resumed(scribe), disk=disk, timeout=15.0)
        recovered = log.open([VERIFIER])
        told = Ledger(
            log,
            scribe,
            disk=disk,
            space=Space(0),
            prunes=PruneWatch(folder, [VERIFIER]),
            vkeys=[SIGNER.vkey],
            daily=1 << 30,
            shared=bool,
        )
        keys = {"checkpoint": [SIGNER.vkey], "redaction": ["h1"]}
        told.begin(recovered, origin=ORIGIN, software="t", settings="x" * 16, keys=keys)
        await act(told)
        assert await told.aclose(10.0)

    asyncio.run(main())


async def fill(told: Ledger) -> None:
    """Write so much that the first segments go."""
    for _ in range(60):
        await asyncio.gather(
            *(told.administer_durably("keys_changed", "me", {"of": "all"}) for _ in range(50))
        )
    await until(lambda: not told.log.behind)


async def nothing(_: Ledger) -> None:
    await asyncio.sleep(0)


def prune(folder: Path) -> int:
    found = prunable(Directory(folder), [VERIFIER], FUTURE)
    remove(folder, found, [SIGNER])
    return found.first


def told_prunes(folder: Path) -> list[dict[str, Any]]:
    records = [json.loads(record) for _, record in read_records(Directory(folder))]
    return [each for each in records if each.get("action") == "prune"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(writer, "MOST_RECORDS", 300)
    monkeypatch.setattr(evidence, "_SETTLE", 512)
    monkeypatch.setattr(ledger, "_LOOK", 0.01)
    return tmp_path


def test_a_running_gateway_writes_down_that_records_were_removed(folder: Path) -> None:
    async def act(told: Ledger) -> None:
        await fill(told)
        first = prune(folder)
        assert first
        before = told.log.records
        await until(lambda: told.log.records > before)
        await fill(told)
        assert prune(folder) > first
        before = told.log.records
        await until(lambda: told.log.records > before)

    with_ledger(folder, act)
    assert verify(Directory(folder), [VERIFIER]).problems == ()
    assert verify(Directory(folder), []).problems == ()
    # The record of the first time is gone with what is older than it.
    (said,) = told_prunes(folder)
    assert said["details"]["keys"] == [SIGNER.vkey]
    assert said["details"]["first"] == verify(Directory(folder), []).pruned
    parse_record(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())


def test_the_next_start_writes_it_down_once_where_none_ran(folder: Path) -> None:
    with_ledger(folder, fill)
    first = prune(folder)
    assert first
    assert told_prunes(folder) == []
    for _ in range(2):
        with_ledger(folder, nothing)
        assert [each["details"]["first"] for each in told_prunes(folder)] == [first]
    assert verify(Directory(folder), []).problems == ()


def test_a_log_that_was_pruned_goes_on_and_is_pruned_again(folder: Path) -> None:
    firsts = []
    for _ in range(3):
        with_ledger(folder, fill)
        firsts.append(prune(folder))
        assert verify(Directory(folder), [VERIFIER]).problems == ()
    assert firsts == sorted({*firsts})
