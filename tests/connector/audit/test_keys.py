from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.audit.checkpoint import NoteVerifier, open_note, sign_note
from connector.audit.key_document import AuditKeyError, read_document
from connector.audit.keys import KEYS, VKEYS, load_or_make_keys, load_redactors, rotate_keys

if TYPE_CHECKING:
    from pathlib import Path

NAME = "shop-1/0"
TEXT = "shop-1/0\n1\nAAAA\n"


def at(moment: int) -> Any:
    return lambda: moment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "below" / "audit-keys"


def files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def content(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / KEYS).read_bytes())
    return found


def secrets_in(folder: Path) -> list[str]:
    found = content(folder)
    return [each["seed"] for each in found["checkpoint"]] + [
        each["key"] for each in found["redaction"]
    ]


def test_the_first_start_makes_keys_that_are_its_owners_alone(folder: Path) -> None:
    before = os.umask(0)
    try:
        keys = load_or_make_keys(folder, NAME, at(1_767_225_600))
    finally:
        os.umask(before)
    assert keys.made
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / KEYS).stat().st_mode & 0o777 == 0o600
    assert sorted(files(folder)) == [VKEYS, KEYS]
    found = content(folder)
    assert [each["name"] for each in found["checkpoint"]] == [NAME]
    assert [each["id"] for each in found["redaction"]] == ["h1"]
    assert found["checkpoint"][0]["created"] == "2026-01-01T00:00:00Z"


def test_the_second_start_finds_the_same_keys(folder: Path) -> None:
    first = load_or_make_keys(folder, NAME)
    second = load_or_make_keys(folder, NAME)
    assert not second.made
    assert second.vkeys == first.vkeys
    assert second.redactor.hash("peer", "x") == first.redactor.hash("peer", "x")


def test_what_stands_beside_the_keys_verifies_what_they_sign(folder: Path) -> None:
    keys = load_or_make_keys(folder, NAME)
    (vkey,) = (folder / VKEYS).read_text().splitlines()
    assert [vkey] == keys.vkeys
    note = sign_note(TEXT, keys.signers)
    assert open_note(note, [NoteVerifier.parse(vkey)]) == TEXT


def test_another_log_gets_a_key_of_its_own_and_shares_the_redaction_key(folder: Path) -> None:
    first = load_or_make_keys(folder, NAME)
    other = load_or_make_keys(folder, "shop-1/1")
    assert other.made
    assert [each.name for each in other.signers] == ["shop-1/1"]
    assert other.redactor.hash("peer", "x") == first.redactor.hash("peer", "x")
    assert load_or_make_keys(folder, NAME).vkeys == first.vkeys
    assert sorted((folder / VKEYS).read_text().splitlines()) == sorted(first.vkeys + other.vkeys)


def test_of_many_that_start_at_once_all_have_the_same_keys(folder: Path) -> None:
    found = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        found.append(load_or_make_keys(folder, NAME))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({tuple(each.vkeys) for each in found}) == 1
    assert sum(each.made for each in found) == 1


def test_rotation_puts_new_keys_in_front_and_keeps_the_old(folder: Path) -> None:
    before = load_or_make_keys(folder, NAME)
    rotated = rotate_keys(folder, checkpoint=True, redaction=True)
    after = load_or_make_keys(folder, NAME)
    assert after.vkeys == [*rotated.made, *before.vkeys] == rotated.vkeys
    assert len(rotated.made) == 1
    assert rotated.redaction == after.redactor.key_id == "h2"
    assert [each.key_id for each in after.older] == ["h1"]
    assert after.older[0].hash("peer", "x") == before.redactor.hash("peer", "x")
    assert (folder / VKEYS).read_text().splitlines() == rotated.vkeys
    assert (folder / KEYS).stat().st_mode & 0o777 == 0o600


def test_a_verifier_with_the_old_key_accepts_after_a_rotation(folder: Path) -> None:
    (vkey,) = load_or_make_keys(folder, NAME).vkeys
    rotate_keys(folder, checkpoint=True, redaction=False)
    note = sign_note(TEXT, load_or_make_keys(folder, NAME).signers)
    assert open_note(note, [NoteVerifier.parse(vkey)]) == TEXT


def test_only_what_was_asked_for_is_rotated(folder: Path) -> None:
    load_or_make_keys(folder, NAME)
    load_or_make_keys(folder, "shop-1/1")
    assert rotate_keys(folder, checkpoint=False, redaction=True).made == []
    assert rotate_keys(folder, checkpoint=True, redaction=False).redaction is None
    names = [each["name"] for each in content(folder)["checkpoint"]]
    assert names == ["shop-1/1", NAME, "shop-1/1", NAME]
    assert [each.key_id for each in load_redactors(folder)] == ["h2", "h1"]


def test_a_redaction_id_is_never_used_again(folder: Path) -> None:
    load_or_make_keys(folder, NAME)
    rotate_keys(folder, checkpoint=False, redaction=True)
    found = content(folder)
    found["redaction"] = found["redaction"][:1]
    (folder / KEYS).write_text(json.dumps(found))
    assert rotate_keys(folder, checkpoint=False, redaction=True).redaction == "h3"


def test_there_is_nothing_to_rotate_before_the_first_start(folder: Path) -> None:
    with pytest.raises(AuditKeyError, match="is not there"):
        rotate_keys(folder, checkpoint=True, redaction=True)
    with pytest.raises(AuditKeyError, match="is not there"):
        load_redactors(folder)
    assert not folder.exists()


def test_more_keys_than_there_is_room_for_are_not_made(folder: Path) -> None:
    load_or_make_keys(folder, NAME)
    for _ in range(31):
        rotate_keys(folder, checkpoint=True, redaction=False)
    before = (folder / KEYS).read_bytes()
    with pytest.raises(AuditKeyError, match="take the oldest out"):
        rotate_keys(folder, checkpoint=True, redaction=False)
    assert (folder / KEYS).read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_file_that_others_may_use_is_refused(mode: int, folder: Path) -> None:
    load_or_make_keys(folder, NAME)
    (folder / KEYS).chmod(mode)
    with pytest.raises(AuditKeyError, match=r"others may use it .*: chmod 600"):
        load_or_make_keys(folder, NAME)


@pytest.mark.parametrize("mode", [0o770, 0o702])
def test_a_folder_that_others_may_write_to_is_refused(mode: int, folder: Path) -> None:
    load_or_make_keys(folder, NAME)
    folder.chmod(mode)
    with pytest.raises(AuditKeyError, match=r"others may write to its folder .*: chmod 700"):
        load_or_make_keys(folder, NAME)


def test_a_folder_that_others_may_write_to_gets_no_keys(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    with pytest.raises(AuditKeyError, match="others may write"):
        load_or_make_keys(folder, NAME)
    assert files(folder) == {}


@pytest.mark.parametrize("where", [".", KEYS])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_belongs_to_another_user_is_refused(
    where: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_or_make_keys(folder, NAME)
    for each in (folder, folder / KEYS):
        os.chown(each, 4001, 4001)
    os.chown(folder / where, 4002, 4002)
    monkeypatch.setattr(os, "geteuid", lambda: 4001)
    with pytest.raises(AuditKeyError, match="belongs to another user"):
        load_or_make_keys(folder, NAME)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_rotates_stays_the_services(folder: Path) -> None:
    load_or_make_keys(folder, NAME)
    for each in (folder, folder / KEYS, folder / VKEYS):
        os.chown(each, 4001, 4002)
    rotate_keys(folder, checkpoint=True, redaction=True)
    for each in (folder / KEYS, folder / VKEYS):
        assert (each.stat().st_uid, each.stat().st_gid) == (4001, 4002)


def test_a_failed_write_leaves_everything_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_or_make_keys(folder, NAME)
    before = files(folder)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AuditKeyError, match="cannot be changed: No space left on device"):
        rotate_keys(folder, checkpoint=True, redaction=True)
    assert files(folder) == before


def test_a_linked_file_is_changed_where_it_is(folder: Path, tmp_path: Path) -> None:
    load_or_make_keys(folder, NAME)
    elsewhere = tmp_path / "elsewhere.json"
    (folder / KEYS).rename(elsewhere)
    (folder / KEYS).symlink_to(elsewhere)
    rotate_keys(folder, checkpoint=False, redaction=True)
    assert (folder / KEYS).is_symlink()
    assert len(json.loads(elsewhere.read_bytes())["redaction"]) == 2


def test_a_name_that_no_key_can_have_is_refused(folder: Path) -> None:
    with pytest.raises(AuditKeyError, match="other characters"):
        load_or_make_keys(folder, "shop+1/0")


def bad(change: Any) -> Any:
    def apply(found: dict[str, Any]) -> dict[str, Any]:
        change(found)
        return found

    return apply


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: [], "it is not an object"),
        (lambda found: found | {"more": 1}, "exactly the members checkpoint, redaction"),
        (lambda found: found | {"checkpoint": []}, '"checkpoint" is no list of keys'),
        (lambda found: found | {"redaction": {}}, '"redaction" is no list of keys'),
        (lambda found: found | {"checkpoint": [1]}, r"checkpoint\[0\] is not an object"),
        (bad(lambda found: found["checkpoint"][0].pop("created")), "exactly the members"),
        (bad(lambda found: found["checkpoint"][0].update(name="a b")), '"name" is none'),
        (bad(lambda found: found["redaction"][0].update(id="1")), '"id" is none'),
        (bad(lambda found: found["redaction"][0].update(created="now")), '"created" is no time'),
        (bad(lambda found: found["redaction"][0].update(key="c2VjcmV0")), "32 octets in base64"),
        (bad(lambda found: found["checkpoint"][0].update(seed=7)), "32 octets in base64"),
        (lambda found: found | {"redaction": found["redaction"] * 2}, "stands twice"),
        (lambda found: found | {"checkpoint": found["checkpoint"] * 2}, "stands twice"),
    ],
)
def test_a_malformed_file_is_refused_by_what_is_wrong_and_stays(
    change: Any, said: str, folder: Path
) -> None:
    load_or_make_keys(folder, NAME)
    hidden = secrets_in(folder)
    (folder / KEYS).write_text(json.dumps(change(content(folder))))
    before = (folder / KEYS).read_bytes()
    with pytest.raises(AuditKeyError, match=said) as caught:
        load_or_make_keys(folder, NAME)
    assert str(caught.value).startswith(str(folder / KEYS))
    assert not any(each in str(caught.value) for each in [*hidden, "c2VjcmV0"])
    assert (folder / KEYS).read_bytes() == before


@given(st.one_of(st.binary(max_size=200), st.just(b'{"redaction":1,"redaction":2}')))
def test_only_one_kind_of_error_comes_of_a_bad_file(data: bytes) -> None:
    with pytest.raises(AuditKeyError):
        read_document(data)


def test_no_secret_is_in_what_a_key_looks_like(folder: Path) -> None:
    load_or_make_keys(folder, NAME)
    document = read_document((folder / KEYS).read_bytes())
    shown = repr(document)
    assert not any(repr(key[1]) in shown for key in (*document.checkpoint, *document.redaction))
