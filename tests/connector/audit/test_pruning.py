"""What goes from a log goes by whole bundles and under a signature, and leaves the rest good."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.audit.files import Directory
from connector.audit.pruning import Prunable, PruneError, origin_in, prunable
from connector.audit.reading import read_records
from connector.audit.receipts import prove
from connector.audit.removal import alone, remove
from connector.audit.tiles import ENTRIES, bundle, entries_of, tile_path
from connector.audit.verification import verify
from tests.connector.audit.log_files import (
    ORIGIN,
    OTHER,
    SIGNER,
    VERIFIER,
    MemoryFiles,
    audit_id,
    log_files,
    record,
    run,
    signer,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENTRIES_THERE = run(1100)
LATER = "2026-11-21T11:00:00.000000000Z"


def time_of(order: int) -> str:
    return f"2026-11-21T10:{order // 60:02d}:{order % 60:02d}.000000000Z"


def found(files: dict[str, bytes], before: str = LATER) -> Prunable:
    return prunable(MemoryFiles(files), [VERIFIER], before)


@pytest.mark.parametrize(
    ("before", "first"),
    [
        (time_of(0), 0),
        (time_of(255), 0),
        (time_of(256), 256),
        (time_of(511), 256),
        (time_of(512), 512),
        (LATER, 768),
    ],
)
def test_whole_bundles_go_whose_every_record_is_older(before: str, first: int) -> None:
    files = log_files(ENTRIES_THERE, segments=(768,))
    assert found(files, before) == Prunable(ORIGIN, 0, first, tuple(range(first // 256)))


def test_what_a_segment_has_stays() -> None:
    assert found(log_files(ENTRIES_THERE, segments=(512, 1024))).first == 512
    assert found(log_files(ENTRIES_THERE)).first == 0


def test_what_no_checkpoint_covers_stays() -> None:
    files = log_files(ENTRIES_THERE, segments=(768,))
    files["checkpoint"] = log_files(ENTRIES_THERE[:700])["checkpoint"]
    assert found(files).first == 512


def test_a_newer_record_keeps_its_bundle_and_all_behind_it() -> None:
    entries = [*ENTRIES_THERE]
    entries[300] = record("denied", 3000)
    assert found(log_files(entries, segments=(1024,)), time_of(1100)).first == 256


def test_what_is_left_of_an_earlier_time_goes_with_the_next() -> None:
    files = log_files(ENTRIES_THERE, segments=(768,), pruned=512)
    whole = log_files(ENTRIES_THERE, segments=(768,))
    files[tile_path(ENTRIES, 1)] = whole[tile_path(ENTRIES, 1)]
    assert found(files, time_of(0)) == Prunable(ORIGIN, 512, 512, (1,))
    assert found(files) == Prunable(ORIGIN, 512, 768, (1, 2))


def changed(files: dict[str, bytes], path: str, octets: bytes | None) -> dict[str, bytes]:
    rest = {name: each for name, each in files.items() if name != path}
    return rest if octets is None else {**rest, path: octets}


def test_what_was_changed_is_evidence_and_stays() -> None:
    files = log_files(ENTRIES_THERE, segments=(768,))
    path = tile_path(ENTRIES, 1)
    entries = entries_of(files[path])
    other = bundle([*entries[:-1], entries[-1].replace(b"shop", b"flop")])
    short = bundle(entries[:-1])
    for octets in (None, b"", other, short, files[path] + b"\0", bytes(1 << 22)):
        with pytest.raises(PruneError, match=r"tile/entries/001.*see audit verify"):
            found(changed(files, path, octets))
    with pytest.raises(PruneError, match="see audit verify"):
        found(changed(files, tile_path(0, 1), None))


@pytest.mark.parametrize("entry", [b"x", b"1", b"{}", b'{"time":1}', b"[" * 5000])
def test_a_record_without_a_time_stays(entry: bytes) -> None:
    entries = [*ENTRIES_THERE]
    entries[5] = entry
    with pytest.raises(PruneError, match="without a time"):
        found(log_files(entries, segments=(768,)))


def test_only_a_log_that_its_own_keys_have_signed_is_pruned() -> None:
    files = log_files(ENTRIES_THERE, segments=(768,), pruned=256)
    for path in ("checkpoint", "pruned"):
        with pytest.raises(PruneError, match=f"^{path}: "):
            found(changed(files, path, files[path].replace(b"shop-1", b"shop-2")))
    with pytest.raises(PruneError, match="checkpoint: "):
        found(changed(files, "checkpoint", None))
    with pytest.raises(PruneError, match="not text"):
        found(changed(files, "checkpoint", b"\xff"))
    forged = log_files(ENTRIES_THERE, signers=[signer(b"o", ORIGIN)])["checkpoint"]
    with pytest.raises(PruneError, match="checkpoint: signed by nobody"):
        found(changed(files, "checkpoint", forged))
    far = log_files(run(1), signers=[SIGNER], pruned=2048)["pruned"]
    with pytest.raises(PruneError, match="of another log"):
        found(changed(files, "pruned", far))


def test_a_logs_name_is_read_from_its_checkpoint() -> None:
    assert origin_in(MemoryFiles(log_files(run(3)))) == ORIGIN
    for octets in (b"", b"x", b"\n\n", OTHER.vkey.encode()):
        with pytest.raises(PruneError, match=r"^checkpoint: "):
            origin_in(MemoryFiles({"checkpoint": octets}))


def pruned(folder: Path, before: str) -> Prunable:
    with alone(folder):
        what = prunable(Directory(folder), [VERIFIER], before)
        remove(folder, what, [SIGNER])
    return what


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 1100), min_size=1, max_size=4))
def test_the_rest_is_good_and_proven_however_often_it_is_pruned(
    tmp_path_factory: pytest.TempPathFactory, times: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    entries = [*ENTRIES_THERE]
    # The record that the log begins with may be pruned, which names the keys.
    entries[1050] = record(
        "administration", 1050, action="prune", details={"first": 256, "keys": [SIGNER.vkey]}
    )
    MemoryFiles(log_files(entries, segments=(768,))).put(folder)
    for time in times:
        pruned(folder, time_of(time))
        report = verify(Directory(folder), [VERIFIER])
        assert report.problems == ()
        assert verify(Directory(folder), []).problems == ()
    first = min(max(times) // 256, 3) * 256
    assert report.pruned == first
    assert [index for index, _ in read_records(Directory(folder))] == list(range(first, 1100))
    receipt, _ = prove(Directory(folder), audit_id(500))
    assert [each["index"] for each in receipt["records"]] == [999, 1000]


class Stopped(Exception):  # noqa: N818 - the process is gone
    """Nothing is done any more."""


def stop_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so many calls through that change what is on disk."""
    left = iter(range(steps))

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def once_less(*given: Any, **named: Any) -> Any:
            if next(left, None) is None:
                raise Stopped
            return act(*given, **named)

        return once_less

    for name in ("fsync", "replace", "unlink"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))


@pytest.mark.parametrize("steps", range(12))
def test_whenever_it_ends_the_log_is_good_and_the_next_time_goes_on(
    tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    MemoryFiles(log_files(ENTRIES_THERE, segments=(768,))).put(tmp_path)
    with monkeypatch.context() as patched:
        stop_after(steps, patched)
        with pytest.raises(Stopped):
            pruned(tmp_path, LATER)
    report = verify(Directory(tmp_path), [VERIFIER])
    assert {each.path for each in report.problems} <= {"pruned.new"}
    assert pruned(tmp_path, LATER).first == 768
    assert verify(Directory(tmp_path), [VERIFIER]).problems == ()
    names = sorted(path.name for path in (tmp_path / "tile" / "entries").iterdir())
    assert names == ["003", "004.p"]


def test_the_note_is_there_before_the_first_bundle_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    MemoryFiles(log_files(ENTRIES_THERE, segments=(768,))).put(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        pruned(tmp_path, LATER)
    monkeypatch.undo()
    assert {"000", "001", "002"} <= {p.name for p in (tmp_path / "tile" / "entries").iterdir()}


def test_the_folder_of_a_thousand_bundles_goes_with_the_last_one(tmp_path: Path) -> None:
    entries = tmp_path / "tile" / "entries"
    for index in (1998, 1999, 2000):
        for level in (ENTRIES, 0):
            path = tmp_path / tile_path(level, index)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    remove(tmp_path, Prunable(ORIGIN, 256, 256, (1998,)), [])
    assert [path.name for path in (entries / "x001").iterdir()] == ["999"]
    remove(tmp_path, Prunable(ORIGIN, 256, 256, (1999,)), [])
    assert [path.name for path in entries.iterdir()] == ["x002"]


def test_two_do_not_prune_one_log_at_once(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(PruneError, match="already"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass
