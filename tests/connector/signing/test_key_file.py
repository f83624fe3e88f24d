"""Key files on disk: whose they are, and that nobody ever sees half of one."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from connector.signing.key_document import KeyFileError, new_document, rotated, write_document
from connector.signing.key_file import change, create, load_document, load_keys, stamp
from tests.connector.signing.samples import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from connector.signing.key_document import Document


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "keys.json"
    create(made, new_document(NOW, "ES256"))
    return made


def refusal(path: Path) -> str:
    with pytest.raises(KeyFileError) as caught:
        load_keys(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


def rotate(document: Document) -> Document:
    return rotated(document, NOW, "ES256")[0]


def test_a_new_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create(tmp_path / "keys.json", new_document(NOW, "ES256"))
        change(tmp_path / "keys.json", rotate)
    finally:
        os.umask(before)
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    assert len(load_keys(tmp_path / "keys.json")) == 2
    assert [each.name for each in tmp_path.iterdir()] == ["keys.json"]


def test_a_file_that_is_there_is_not_made_again(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        create(path, new_document(NOW, "ES256"))
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]


def test_of_many_that_make_a_file_one_succeeds(tmp_path: Path) -> None:
    outcomes: list[bool] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        document = new_document(NOW, "ES256")
        barrier.wait()
        try:
            create(tmp_path / "keys.json", document)
            outcomes.append(True)
        except FileExistsError:
            outcomes.append(False)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]
    assert len(load_keys(tmp_path / "keys.json")) == 1


def test_no_folder_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be made: No such file"):
        create(tmp_path / "none" / "keys.json", new_document(NOW, "ES256"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700 | 0o001])
def test_a_file_that_others_may_use_is_refused_with_the_remedy(mode: int, path: Path) -> None:
    path.chmod(mode)
    assert f"others may use it (mode {mode:04o}): chmod 600 {path}" in refusal(path)
    path.chmod(0o400)
    assert len(load_keys(path)) == 1


@pytest.mark.parametrize(
    ("owner", "we", "mode", "good"),
    [
        (0, 10001, 0o440, True),
        (0, 10001, 0o640, True),
        (0, 10001, 0o460, False),
        (0, 10001, 0o444, False),
        (0, 0, 0o440, False),
        (10001, 10001, 0o440, False),
        (10001, 10001, 0o600, True),
    ],
)
def test_root_may_give_a_file_to_our_group(
    owner: int,
    we: int,
    mode: int,
    good: bool,  # noqa: FBT001 - data
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A Secret that Kubernetes mounts is root's, and the group of the pod's volumes may read it."""
    path.chmod(mode)
    real = os.fstat

    def owned(descriptor: int) -> os.stat_result:
        found = list(real(descriptor))
        found[4] = owner
        return os.stat_result(found)

    monkeypatch.setattr("connector.signing.key_file.os.fstat", owned)
    monkeypatch.setattr("connector.signing.key_file.os.geteuid", lambda: we)
    if good:
        assert len(load_keys(path)) == 1
    else:
        assert "chmod 600" in refusal(path)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refusal(tmp_path / "none.json")


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert "is not a file" in refusal(pipe)
    assert "is not a file" in refusal(tmp_path)


def test_a_file_without_end_is_not_read_to_it(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(1 << 30)
    assert "octets" in refusal(path)


def test_what_is_wrong_inside_names_the_file(path: Path) -> None:
    path.write_bytes(b"{")
    assert refusal(path) == f"{path}: is not JSON"


def test_a_change_that_fails_leaves_everything_as_it_was(path: Path) -> None:
    before = path.read_bytes()

    def refuse(_: Document) -> Document:
        raise KeyFileError("no")

    def break_off(_: Document) -> Document:
        raise RuntimeError("a mistake of ours")

    with pytest.raises(KeyFileError, match=r"keys\.json: no"):
        change(path, refuse)
    with pytest.raises(RuntimeError):
        change(path, break_off)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]


def test_two_changes_never_overwrite_each_other(path: Path) -> None:
    def meanwhile(document: Document) -> Document:
        with pytest.raises(KeyFileError, match="another command is changing it"):
            change(path, rotate)
        return rotate(document)

    change(path, meanwhile)
    assert len(load_keys(path)) == 2
    change(path, rotate)
    assert len(load_keys(path)) == 3


def test_a_linked_file_is_changed_where_it_is(path: Path) -> None:
    link = path.with_name("link.json")
    link.symlink_to(path)
    change(link, rotate)
    assert link.is_symlink()
    assert len(load_keys(path)) == 2


def test_every_way_of_changing_a_file_shows(path: Path) -> None:
    stamps = [stamp(path)]
    change(path, rotate)
    stamps.append(stamp(path))
    path.chmod(0o640)
    stamps.append(stamp(path))
    path.write_bytes(write_document(new_document(NOW, "ES256")) + b" ")
    stamps.append(stamp(path))
    path.unlink()
    stamps.append(stamp(path))
    assert len(set(stamps)) == 5
    assert stamps[-1] is None


def test_what_root_changes_stays_its_owners(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    real = os.stat

    def owned(asked: Path, **options: bool) -> os.stat_result:
        found = list(real(asked, **options))
        found[4:6] = 10001, 10002
        return os.stat_result(found)

    monkeypatch.setattr("connector.signing.key_file.os.geteuid", lambda: 0)
    monkeypatch.setattr(
        "connector.signing.key_file.os.fchown", lambda _, owner, group: given.append((owner, group))
    )
    monkeypatch.setattr("pathlib.os.stat", owned)
    change(path, rotate)
    monkeypatch.undo()
    assert given == [(10001, 10002)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_is_given_to_another_shows(path: Path) -> None:
    before = stamp(path)
    os.chown(path, 10001, 10001)
    assert stamp(path) != before
    change(path, rotate)
    assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (10001, 0o600)


def test_a_document_comes_back_as_it_was_written(path: Path) -> None:
    document = load_document(path)
    change(path, lambda same: same)
    assert load_document(path) == document
