"""Verification: a log as it was written is good, and whatever is done to it is found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connector.audit.checkpoint import Checkpoint, NoteVerifier, sign_note
from connector.audit.directory_check import verify_directory
from connector.audit.files import Directory
from connector.audit.inventory import bundle_path, segment_path
from connector.audit.pruned import Pruned
from connector.audit.tiles import ENTRIES, bundle, entries_of, tile_path
from connector.audit.verification import verify
from tests.connector.audit.log_files import (
    ORIGIN,
    OTHER,
    SIGNER,
    VERIFIER,
    MemoryFiles,
    checkpoint_of,
    closed,
    completed,
    log_files,
    opened,
    received,
    record,
    run,
    segment,
    signer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from connector.audit.verification import Report

ENTRIES_600 = run(600)
LOG = log_files(ENTRIES_600, 560, segments=(0, 300, 530))
"""Two full bundles, a partial one, and forty records behind the checkpoint."""
NOTE = LOG["checkpoint"].decode()


def check(
    files: Mapping[str, bytes],
    verifiers: Sequence[NoteVerifier] = (VERIFIER,),
    since: Checkpoint | Sequence[Checkpoint] = (),
) -> Report:
    return verify(MemoryFiles(files), verifiers, since=since)


def flipped(octets: bytes, bit: int) -> bytes:
    changed = bytearray(octets)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 600])
@pytest.mark.parametrize("behind", [0, 1, 300])
@pytest.mark.parametrize("segments", [(0,), (0, 1), (255,), (256,)])
def test_a_log_as_it_was_written_is_good(size: int, behind: int, segments: tuple[int, ...]) -> None:
    if segments[-1] >= size:
        segments = (0,)
    report = check(log_files(run(size + behind), size, segments=segments))
    assert report.problems == ()
    assert (report.origin, report.size, report.behind) == (ORIGIN, size, behind)
    assert report.keys == (f"{ORIGIN}+{VERIFIER.id.hex()}",)
    assert report.trusted


def test_a_tree_of_three_levels_is_good() -> None:
    entries = run(65_537 + 256)
    report = check(log_files(entries, segments=(65_600,)))
    assert report.problems == ()


def test_progress_is_told_up_to_the_size() -> None:
    told: list[tuple[int, int]] = []
    verify(MemoryFiles(LOG), [VERIFIER], progress=lambda *each: told.append(each))
    assert told == [(256, 560), (512, 560), (560, 560)]


def test_without_keys_those_are_taken_that_the_log_names_and_trusted_is_none() -> None:
    report = check(LOG, [])
    assert (report.good, report.trusted) == (True, False)
    assert report.keys == (f"{ORIGIN}+{VERIFIER.id.hex()}",)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_flipped_bit_in_any_file_is_found(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(path for path in LOG if LOG[path])))
    bit = data.draw(st.integers(0, len(LOG[path]) * 8 - 1))
    report = check({**LOG, path: flipped(LOG[path], bit)})
    assert report.problems


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 559), st.data())
def test_a_flipped_bit_in_a_record_names_that_record(index: int, data: st.DataObject) -> None:
    number, offset = divmod(index, 256)
    path = bundle_path(number, 256 if number < 2 else 48)
    entries = entries_of(LOG[path])
    entries[offset] = flipped(
        entries[offset], data.draw(st.integers(0, len(entries[offset]) * 8 - 1))
    )
    report = check({**LOG, path: bundle(entries)})
    assert report.first_bad == index


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 599), st.data())
def test_a_flipped_bit_in_a_segment_names_its_line(index: int, data: st.DataObject) -> None:
    first = max(each for each in (0, 300, 530) if each <= index)
    start = len(segment(ENTRIES_600[first:index], first))
    length = len(segment(ENTRIES_600[index : index + 1], index))
    bit = data.draw(st.integers(start * 8, (start + length) * 8 - 1))
    path = segment_path(first)
    report = check({**LOG, path: flipped(LOG[path], bit)})
    assert report.first_bad == index


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(LOG)), st.binary(min_size=1, max_size=40))
def test_octets_behind_the_end_of_a_file_are_found(path: str, more: bytes) -> None:
    # Zeros alone are a segment's room.
    assume(not path.startswith("segments/") or more.strip(b"\0"))
    assert check({**LOG, path: LOG[path] + more}).problems


@pytest.mark.parametrize("first", [0, 300, 530])
def test_zeros_behind_the_last_line_of_a_segment_are_room(first: int) -> None:
    path = segment_path(first)
    assert not check({**LOG, path: LOG[path] + bytes(4096)}).problems


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 4095), st.integers(1, 255))
def test_anything_else_in_that_room_is_found(at: int, octet: int) -> None:
    path = segment_path(530)
    room = bytearray(4096)
    room[at] = octet
    report = check({**LOG, path: LOG[path] + bytes(room)})
    assert report.problems
    assert report.first_bad == 600


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_file_that_is_cut_is_found(data: st.DataObject) -> None:
    # At the end of a line, what is behind the checkpoint can go: nothing says yet it was there.
    covered = log_files(ENTRIES_600, segments=(0, 300, 530))
    path = data.draw(st.sampled_from(sorted(path for path in covered if covered[path])))
    length = data.draw(st.integers(0, len(covered[path]) - 1))
    assert check({**covered, path: covered[path][:length]}).problems


# A segment goes when its records are in full bundles, and the oldest one's are.
@pytest.mark.parametrize("path", sorted(set(LOG) - {"lock", segment_path(0)}))
def test_a_missing_file_is_found(path: str) -> None:
    assert check({each: octets for each, octets in LOG.items() if each != path}).problems


@pytest.mark.parametrize(
    "path",
    [
        "stray", "segments/1.log", "segments/00000000000000000000.log.gz", "tile/0/0",
        "tile/entries/000.p/300", "checkpoint.old", "tile/5/000", "tile/0/003", "tile/entries/004",
        "tile/99/000", "tile/0/000.p/1", "tile/entries/000.p/1",
        "segments/00000000000000000700.log", "checkpoint.new", "pruned",
    ],
)  # fmt: skip
def test_a_stray_file_is_found(path: str) -> None:
    report = check({**LOG, path: b"{}"})
    assert path in {problem.path for problem in report.problems}


def test_what_is_locked_is_no_place_for_data() -> None:
    assert check({**LOG, "lock": b"1"}).problems[0].path == "lock"


def _deleted(entries: list[bytes], at: int) -> None:
    del entries[at]


def _duplicated(entries: list[bytes], at: int) -> None:
    entries.insert(at, entries[at - 1])


def _swapped(entries: list[bytes], at: int) -> None:
    entries[at], entries[at + 1] = entries[at + 1], entries[at]


def _truncated(entries: list[bytes], at: int) -> None:
    entries[at] = entries[at][:-1]


_CHANGES = (_deleted, _duplicated, _swapped, _truncated)


@pytest.mark.parametrize("change", _CHANGES)
@pytest.mark.parametrize("at", [1, 100, 254, 258, 513])
def test_what_is_done_to_a_record_in_its_bundle_names_the_first_bad_index(
    change: Callable[[list[bytes], int], None], at: int
) -> None:
    number, offset = divmod(at, 256)
    path = bundle_path(number, 256 if number < 2 else 48)
    entries = entries_of(LOG[path])
    change(entries, offset)
    assert check({**LOG, path: bundle(entries)}).first_bad == at


@pytest.mark.parametrize("change", _CHANGES)
@pytest.mark.parametrize("at", [1, 100, 254, 310, 513, 535])
def test_what_is_done_to_a_record_in_all_files_but_tiles_names_the_first_bad_index(
    change: Callable[[list[bytes], int], None], at: int
) -> None:
    entries = [*ENTRIES_600]
    change(entries, at)
    forged = log_files(entries, 560, segments=(0, 300, 530))
    tiles = {path: LOG[path] for path in LOG if path.startswith("tile/0/")}
    assert check({**forged, **tiles}).first_bad == at


def test_a_log_made_anew_around_a_changed_record_is_not_the_one_that_was_signed() -> None:
    entries = [*ENTRIES_600]
    entries[400] = completed(400, 200, status=500)
    forged = {**log_files(entries, 560, segments=(0, 300, 530)), "checkpoint": NOTE.encode()}
    report = check(forged)
    assert (report.first_bad, report.problems[0].path) == (0, "checkpoint")
    assert check(forged, since=checkpoint_of(ENTRIES_600[:300])).first_bad == 300


def test_a_checkpoint_of_another_key_is_refused() -> None:
    forged = log_files(ENTRIES_600, 560, segments=(0, 300, 530), signers=[OTHER])
    assert "nobody" in check(forged).problems[0].text
    # It is good by its own word alone only where the records name that key, too.
    entries = [opened(0, [OTHER]), *ENTRIES_600[1:]]
    forged = log_files(entries, 560, signers=[OTHER])
    assert check(forged).problems
    assert check(forged, []).good
    assert check(log_files(ENTRIES_600, 560, signers=[OTHER]), []).problems


def test_each_of_the_keys_that_sign_opens_a_log() -> None:
    newer = signer(b"n")
    entries = [opened(0), closed(1, 1), opened(2, [newer, SIGNER]), record("denied", 3)]
    files = log_files(entries, signers=[newer, SIGNER])
    report = check(files)
    assert report.problems == ()
    assert len(report.keys) == 2
    # The other one is checked, too: every octet is accounted for.
    note = files["checkpoint"].decode()
    lines = note.splitlines(keepends=True)
    assert len(lines) == 6
    for line in (lines[4], lines[5]):
        for changed in ("A" if line[-10] != "A" else "B",):
            bad = note.replace(line, f"{line[:-10]}{changed}{line[-9:]}")
            assert check({**files, "checkpoint": bad.encode()}).problems


def test_a_signature_of_a_key_that_the_log_does_not_name_is_found() -> None:
    files = {**LOG, "checkpoint": (NOTE + OTHER.line(checkpoint_of([]).text())).encode()}
    report = check(files)
    assert report.unknown == 1
    assert [each.path for each in report.problems] == ["checkpoint"]


def test_a_log_that_grew_out_of_a_saved_checkpoint_is_good() -> None:
    for size in (0, 1, 255, 256, 300, 559, 560):
        assert check(LOG, since=checkpoint_of(ENTRIES_600[:size])).good


def test_of_several_saved_checkpoints_each_has_to_hold() -> None:
    entries = [*ENTRIES_600]
    entries[100] = completed(100, 1, status=500)
    saved = [checkpoint_of(entries[:300]), checkpoint_of(ENTRIES_600[:50])]
    assert check(LOG, since=saved).first_bad == 50


def test_a_log_that_was_rolled_back_is_found() -> None:
    saved = Checkpoint.parse(NOTE.partition("\n\n")[0] + "\n")
    older = log_files(ENTRIES_600[:400])
    assert check(older).good
    report = check(older, since=saved)
    assert (report.first_bad, report.problems[0].path) == (400, "checkpoint")
    assert "rolled back" in report.problems[0].text


def test_a_log_with_another_beginning_than_before_is_found() -> None:
    entries = [*ENTRIES_600]
    entries[100] = completed(100, 1, status=500)
    rewritten = log_files(entries, 560)
    assert check(rewritten).good
    assert check(rewritten, since=checkpoint_of(ENTRIES_600[:300])).first_bad == 0
    assert check(rewritten, since=checkpoint_of(ENTRIES_600[:100])).good
    assert check(LOG, since=Checkpoint("shop-2/0", 0, b"r" * 32)).problems


def test_pruned_records_leave_the_rest_verifiable() -> None:
    files = log_files(ENTRIES_600, 560, segments=(530,), pruned=512)
    report = check(files)
    assert report.problems == ()
    assert report.pruned == 512
    assert check(files, []).problems, "the record that names the key is gone"
    # Bundles that are still there are held to their hashes.
    path = bundle_path(1)
    assert check({**files, path: LOG[path]}).good
    assert check({**files, path: flipped(LOG[path], 90)}).problems


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_flipped_bit_in_a_pruned_log_is_found(data: st.DataObject) -> None:
    files = log_files(ENTRIES_600, 560, segments=(530,), pruned=256)
    path = data.draw(st.sampled_from(sorted(path for path in files if files[path])))
    bit = data.draw(st.integers(0, len(files[path]) * 8 - 1))
    report = check({**files, path: flipped(files[path], bit)})
    # A signature by a key whose record is gone may be anybody's: it is counted.
    assert report.problems or report.unknown


@pytest.mark.parametrize(
    "note",
    [
        sign_note(Pruned(ORIGIN, 256).text(), [OTHER]),
        sign_note(Pruned("shop-2/0", 256).text(), [SIGNER]),
        sign_note(Pruned(ORIGIN, 1024).text(), [SIGNER]),
        sign_note(f"{ORIGIN}\npruned\n255\n", [SIGNER]),
        NOTE,
    ],
)
def test_records_are_not_gone_by_anybody_elses_word(note: str) -> None:
    files = log_files(ENTRIES_600, 560, segments=(530,), pruned=256)
    assert check({**files, "pruned": note.encode()}).problems


def test_a_tile_of_a_pruned_bundle_that_is_missing_names_its_first_record() -> None:
    files = log_files(ENTRIES_600, 560, segments=(530,), pruned=512)
    del files["tile/0/001"]
    assert check(files).first_bad == 256


def test_the_rest_of_an_abandoned_segment_is_accounted_for_by_a_record() -> None:
    kept = segment(ENTRIES_600[:5])
    said = {"segment": 0, "octets": len(kept)}
    entries = [
        *ENTRIES_600[:5],
        record("administration", 5, action="segment_abandoned", details=said),
        record("denied", 6),
    ]
    files = log_files(entries, segments=(0, 5))
    for rest in (b"5 torn", segment(ENTRIES_600[5:7], 5), b"\n"):
        abandoned = {**files, segment_path(0): kept + rest}
        assert check(abandoned).problems == ()
        said["octets"] = len(kept) + 1
        more = record("administration", 5, action="segment_abandoned", details=said)
        claimed = log_files([*entries[:5], more, entries[6]], segments=(0, 5))
        assert check({**claimed, segment_path(0): kept + rest}).first_bad == 5
        other = log_files([*entries[:5], record("denied", 5), entries[6]], segments=(0, 5))
        report = check({**other, segment_path(0): kept + rest})
        assert [(each.path, each.index) for each in report.problems] == [(segment_path(0), 5)]
    assert check({**files, segment_path(0): kept[:-1]}).first_bad == 4


def test_a_torn_tail_that_was_not_repaired_is_named() -> None:
    path = segment_path(530)
    report = check({**LOG, path: LOG[path] + b"600 0123"})
    assert [(each.path, each.index) for each in report.problems] == [(path, 600)]
    assert report.behind == 40


def test_records_in_two_segments_have_to_follow_each_other() -> None:
    gap = {**LOG, segment_path(300): segment(ENTRIES_600[300:520], 300)}
    assert check(gap).first_bad == 520
    behind = log_files(ENTRIES_600, 400, segments=(0, 500))
    behind[segment_path(0)] = segment(ENTRIES_600[:450])
    assert check(behind).first_bad == 450


def test_a_segment_begins_with_copies_that_agree_with_the_one_before() -> None:
    files = log_files(ENTRIES_600, 560, segments=(0, 512))
    files[segment_path(0)] = segment(ENTRIES_600[:530])
    assert check(files).problems == ()

    other = [*ENTRIES_600[:520], record("denied", 520), *ENTRIES_600[521:530]]
    report = check({**files, segment_path(0): segment(other)})
    assert [(each.path, each.index) for each in report.problems] == [(segment_path(0), 520)]
    longer = [*ENTRIES_600, record("denied", 600)]
    assert check({**files, segment_path(0): segment(longer)}).first_bad == 600


def test_segments_that_end_before_the_checkpoint_are_found() -> None:
    files = {path: octets for path, octets in LOG.items() if path != segment_path(530)}
    assert check(files).first_bad == 530


def test_tiles_that_were_written_before_their_checkpoint_are_good_where_they_are_right() -> None:
    later = log_files(ENTRIES_600, 590, segments=(0, 300, 530))
    ahead = {**LOG, **{path: later[path] for path in later if path.startswith("tile/")}}
    assert check(ahead).problems == ()
    path = tile_path(ENTRIES, 2, 78)
    for bit in (3, len(later[path]) * 8 - 3):
        assert check({**ahead, path: flipped(later[path], bit)}).problems


def test_a_signed_size_beyond_all_files_is_a_problem_and_no_endless_work() -> None:
    note = sign_note(Checkpoint(ORIGIN, 10**18, b"r" * 32).text(), [SIGNER])
    assert check({**LOG, "checkpoint": note.encode()}).first_bad == 512


@pytest.mark.parametrize(
    ("entries", "bad"),
    [
        ([opened(0), b"[]"], 1),
        ([opened(0), b"{}"], 1),
        ([opened(0), b"\xff"], 1),
        ([opened(0), b"[" * 5000], 1),
        ([opened(0), record("else", 1)], 1),
        ([opened(0), record("denied", 1, type=["denied"])], 1),
        ([opened(0), b'{"order":1,"type":"denied"}'], 1),
        ([opened(5), record("denied", 4)], 1),
        ([opened(0), received(1, 1), received(2, 2), completed(3, 2), closed(4, 4)], 1),
        ([opened(0), closed(1, 2)], 1),
        ([opened(0), opened(1, [signer(name="shop-2/0")])], 1),
        ([opened(0), record("opened", 1, origin=ORIGIN, keys={"checkpoint": [[]]})], 1),
        ([opened(0), record("opened", 1, origin=ORIGIN, keys={"checkpoint": ["x"]})], 1),
    ],
)
def test_records_that_do_not_go_together_are_found(entries: list[bytes], bad: int) -> None:
    report = check(log_files(entries))
    assert report.first_bad == bad
    assert len(report.problems) == 1


def test_a_record_that_is_too_long_is_found() -> None:
    assert check(log_files([opened(0), record("denied", 1, text="x" * 8192)])).first_bad == 1


def test_a_run_may_end_openly_and_the_next_one_begins_with_its_own_clock() -> None:
    entries = [
        opened(100), received(101, 1), received(101, 2), completed(102, 2),
        opened(5), completed(6, 1, recovered=True), closed(7, 6), opened(1), received(2, 3),
    ]  # fmt: skip
    assert check(log_files(entries)).problems == ()


def test_problems_are_bounded_and_the_first_one_is_kept() -> None:
    strays = {f"stray-{number}": b"" for number in range(1500)}
    report = check({**LOG, **strays})
    assert (len(report.problems), report.more) == (1000, 500)


def test_a_folder_is_read_without_following_links(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    MemoryFiles(LOG).put(folder)
    assert verify(Directory(folder), [VERIFIER]).good

    outside = tmp_path / "elsewhere"
    (folder / "tile/0/000").rename(outside)
    (folder / "tile/0/000").symlink_to(outside)
    report = verify(Directory(folder), [VERIFIER])
    assert (report.problems[0].path, report.first_bad) == ("tile/0/000", 0)

    (folder / "tile/0/000").unlink()
    outside.rename(folder / "tile/0/000")
    (folder / "tile/1").rename(outside)
    (folder / "tile/1").symlink_to(outside)
    assert "tile/1" in {each.path for each in verify(Directory(folder), [VERIFIER]).problems}


def test_what_is_no_file_is_no_part_of_a_log(tmp_path: Path) -> None:
    MemoryFiles(LOG).put(tmp_path)
    (tmp_path / "lock").unlink()
    os.mkfifo(tmp_path / "lock")
    (report,) = verify(Directory(tmp_path), [VERIFIER]).problems
    assert (report.path, report.text) == ("lock", "is not a file")


SECOND = signer(b"2", "shop-1/1")
VERIFIERS = (VERIFIER, NoteVerifier.parse(SECOND.vkey))


def workers(**logs: Mapping[str, bytes]) -> MemoryFiles:
    return MemoryFiles(
        {f"{name[1:]}/{path}": log[path] for name, log in logs.items() for path in log}
    )


def test_a_folder_of_logs_is_checked_log_by_log() -> None:
    second = log_files([opened(0, [SECOND]), record("denied", 1)], signers=[SECOND])
    both = workers(_0=LOG, _1=second)
    since = [checkpoint_of(ENTRIES_600[:100]), checkpoint_of(ENTRIES_600[:10])]
    report = verify_directory(both, VERIFIERS, since=since)
    assert report.good
    assert {name: each.size for name, each in report.reports.items()} == {"0": 560, "1": 2}
    assert verify_directory(MemoryFiles(LOG), [VERIFIER]).reports.keys() == {""}

    both.files["1/stray"] = b""
    assert not verify_directory(both, VERIFIERS).good
    assert not verify_directory(workers(_0=LOG, _1=LOG), VERIFIERS).good, "a log in two places"
    assert not verify_directory(workers(_1=second), VERIFIERS, since=since).good, "a log is gone"
    assert not verify_directory(MemoryFiles({}), VERIFIERS).good
    strays = MemoryFiles({**workers(_0=LOG).files, "00/lock": b"", "note": b""}).files
    found = verify_directory(MemoryFiles(strays), VERIFIERS).problems
    assert [problem.path for problem in found] == ["00/lock", "note"]
