"""Registrations in a folder: read as those of the list are, and named by their files."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

import connector.settings.registrations as module
from connector.settings.loading import ConfigurationError
from connector.settings.registrations import Configuration, RegistrationFiles
from tests.connector.settings.documents import KEY, MERCHANT, OTHER_KEY

if TYPE_CHECKING:
    from pathlib import Path

ACME = "https://acme.example/.well-known/ucp"
BETA = "https://beta.example/.well-known/ucp"
PINNED = {"profile": ACME, "keys": [KEY], "version": "2026-08-25"}


def put(folder: Path, name: str, registration: dict[str, Any]) -> Path:
    """Put a registration in place, whole: what is JSON is YAML, too."""
    folder.mkdir(exist_ok=True)
    whole = folder / f".{name}.new"
    whole.write_text(json.dumps(registration))
    return whole.rename(folder / name)


def configure(tmp_path: Path, *merchants: dict[str, Any]) -> Path:
    path = tmp_path / "connector.yaml"
    listed = merchants or ({"platforms": {"directory": "platforms"}},)
    document = {
        "merchants": [
            MERCHANT | {"id": f"m{number}", "authorities": [f"m{number}.example"]} | each
            for number, each in enumerate(listed)
        ]
    }
    path.write_text(json.dumps(document))
    return path


def problems(path: Path, files: RegistrationFiles | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        (files or RegistrationFiles()).load(path, {})
    return list(caught.value.problems)


def profiles(loaded: Configuration, merchant: int = 0) -> list[str]:
    return [each.profile for each in loaded.settings.merchants[merchant].platforms.registered]


def test_registrations_of_a_folder_stand_behind_those_of_the_list(tmp_path: Path) -> None:
    path = configure(
        tmp_path, {"platforms": {"directory": "platforms", "registered": [{"profile": BETA}]}}
    )
    acme = put(tmp_path / "platforms", "acme.yaml", PINNED)
    loaded = RegistrationFiles().load(path, {})
    assert profiles(loaded) == [BETA, ACME]
    assert loaded.files == {"m0": (acme,)}
    assert loaded.settings.merchants[0].platforms.registered[1].keys == (KEY,)


def test_a_merchant_without_a_folder_has_its_list_alone(tmp_path: Path) -> None:
    path = configure(tmp_path, {"platforms": {"registered": [{"profile": BETA}]}}, {})
    loaded = RegistrationFiles().load(path, {})
    assert (profiles(loaded), profiles(loaded, 1)) == ([BETA], [])
    assert loaded.files == {"m0": (), "m1": ()}


def test_merchants_may_share_a_folder(tmp_path: Path) -> None:
    shared = {"platforms": {"directory": "platforms"}}
    path = configure(tmp_path, shared, shared)
    put(tmp_path / "platforms", "acme.yml", PINNED)
    loaded = RegistrationFiles().load(path, {})
    assert (profiles(loaded), profiles(loaded, 1)) == ([ACME], [ACME])


@pytest.mark.parametrize("name", [".hidden.yaml", "acme.yaml~", "README.md", "acme.json"])
def test_other_files_are_left_alone(tmp_path: Path, name: str) -> None:
    path = configure(tmp_path)
    put(tmp_path / "platforms", name, {"nonsense": True})
    assert profiles(RegistrationFiles().load(path, {})) == []


def test_a_folder_of_links_is_read_as_kubernetes_mounts_it(tmp_path: Path) -> None:
    path = configure(tmp_path)
    folder = tmp_path / "platforms"
    (folder / "..2026_11").mkdir(parents=True)
    put(folder / "..2026_11", "acme.yaml", PINNED)
    (folder / "..data").symlink_to("..2026_11")
    (folder / "acme.yaml").symlink_to("..data/acme.yaml")
    assert profiles(RegistrationFiles().load(path, {})) == [ACME]


@pytest.mark.parametrize(
    ("registration", "says"),
    [
        ({}, "profile: is missing"),
        ({"profile": ACME, "colour": "red"}, "colour: unknown key"),
        ({"profile": ACME, "operation": []}, "operation: unknown key; did you mean operations?"),
        ({"profile": ACME, "rates": {"reads": "fast"}}, "rates.reads: 'fast' is not a rate"),
        ({"profile": ACME, "keys": [KEY]}, "version: is missing"),
        ({"profile": ACME, "schemes": ["talos"]}, "schemes: talos is only for platforms with"),
        ({"profile": ACME, "operations": ["fly"]}, "operations: no operation is called 'fly'"),
        ({"profile": ACME, "freshness": {"nonce": 1}}, "freshness.nonce: is neither true nor"),
        ({"profile": "http://acme.example/"}, "profile: is not an https URL"),
        ({"profile": "https://acme.example/../x"}, "profile: "),
    ],
)
def test_a_problem_names_the_file_and_the_place_in_it(
    tmp_path: Path, registration: dict[str, Any], says: str
) -> None:
    path = configure(tmp_path)
    file = put(tmp_path / "platforms", "acme.yaml", registration)
    (problem,) = problems(path)
    assert problem.startswith(f"{file}: {says}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("- a\n", "is not a mapping of settings of one platform"),
        ("profile: [", "line 1: not YAML"),
        ("profile: a\nprofile: b\n", "line 2: the key 'profile' stands twice"),
        ("#" * 70_000, "has more than 65536 octets"),
    ],
)
def test_a_file_that_is_no_registration_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = configure(tmp_path)
    file = put(tmp_path / "platforms", "acme.yaml", {})
    file.write_text(text)
    (problem,) = problems(path)
    assert problem.startswith(f"{file}: {says}")


FORGED = "a\x1b[2J\nconnector.yaml: ok\u202e"
SHOWN = r"a\x1b[2J\nconnector.yaml: ok\u202e"


@pytest.mark.parametrize(
    ("registration", "place"),
    [
        ({"profile": ACME, FORGED: 1}, SHOWN),
        ({"profile": ACME, "rates": {FORGED: 1}}, f"rates.{SHOWN}"),
    ],
)
def test_a_key_forges_no_line(tmp_path: Path, registration: dict[str, Any], place: str) -> None:
    path = configure(tmp_path)
    file = put(tmp_path / "platforms", "acme.yaml", registration)
    assert problems(path) == [f"{file}: {place}: unknown key"]


@pytest.mark.parametrize(("name", "shown"), [(FORGED, SHOWN), ("b\udcff", r"b\udcff")])
def test_a_files_name_forges_no_line(tmp_path: Path, name: str, shown: str) -> None:
    path = configure(tmp_path)
    put(tmp_path / "platforms", f"{name}.yaml", {})
    assert problems(path) == [f"{tmp_path}/platforms/{shown}.yaml: profile: is missing"]


def test_letters_of_any_language_are_shown_as_they_are(tmp_path: Path) -> None:
    path = configure(tmp_path)
    file = put(tmp_path / "platforms", "blüten.yaml", {})
    assert problems(path) == [f"{file}: profile: is missing"]


def test_every_bad_file_is_named_at_once(tmp_path: Path) -> None:
    shared = {"platforms": {"directory": "platforms"}}
    path = configure(tmp_path, shared, shared)
    files = [put(tmp_path / "platforms", name, {}) for name in ("a.yaml", "b.yaml")]
    assert problems(path) == [f"{file}: profile: is missing" for file in files]


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    path = configure(tmp_path)
    assert problems(path) == [f"{tmp_path}/platforms: cannot be read: No such file or directory"]


def test_a_pipe_in_the_folder_is_not_waited_for(tmp_path: Path) -> None:
    path = configure(tmp_path)
    (tmp_path / "platforms").mkdir()
    os.mkfifo(tmp_path / "platforms" / "acme.yaml")
    assert problems(path) == [f"{tmp_path}/platforms/acme.yaml: is no file"]


def test_a_file_that_became_a_pipe_behind_the_look_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = configure(tmp_path)
    (tmp_path / "platforms").mkdir()
    os.mkfifo(tmp_path / "platforms" / "acme.yaml")
    monkeypatch.setattr(module, "stamp_of", lambda _: (1, 1, 1, 1))
    assert problems(path) == [f"{tmp_path}/platforms/acme.yaml: is no file"]


def test_a_folder_has_only_so_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    path = configure(tmp_path)
    for number in range(3):
        profile = f"https://p{number}.example/"
        put(tmp_path / "platforms", f"{number}.yaml", {"profile": profile})
    assert problems(path) == [f"{tmp_path}/platforms: has more than 2 files"]


def test_merchants_of_the_environment_have_folders_too(tmp_path: Path) -> None:
    folder = tmp_path / "platforms"
    merchants = json.dumps([MERCHANT | {"platforms": {"directory": str(folder)}}])
    file = put(folder, "acme.yaml", PINNED)
    loaded = RegistrationFiles().load(None, {"UCP_CONNECTOR__MERCHANTS": merchants})
    assert profiles(loaded) == [ACME]
    assert loaded.files == {"flower-shop": (file,)}


# One platform, one registration


@pytest.mark.parametrize("spelled", [ACME, ACME.replace("acme.example", "ACME.example:443")])
def test_one_identity_in_the_list_and_in_a_file_is_a_problem(tmp_path: Path, spelled: str) -> None:
    path = configure(
        tmp_path, {"platforms": {"directory": "platforms", "registered": [{"profile": spelled}]}}
    )
    file = put(tmp_path / "platforms", "acme.yaml", PINNED)
    assert problems(path) == [f"{file}: profile: is already registered as registered[0]"]


def test_one_identity_in_two_files_is_a_problem(tmp_path: Path) -> None:
    path = configure(tmp_path)
    first = put(tmp_path / "platforms", "a.yaml", PINNED)
    second = put(tmp_path / "platforms", "b.yaml", {"profile": ACME})
    assert problems(path) == [f"{second}: profile: is already registered as {first}"]


def test_one_key_in_two_compat_registrations_is_a_problem(tmp_path: Path) -> None:
    path = configure(tmp_path)
    compat = PINNED | {"coverage": "compat"}
    first = put(tmp_path / "platforms", "a.yaml", compat)
    second = put(tmp_path / "platforms", "b.yaml", compat | {"profile": BETA})
    assert problems(path) == [f"{second}: keys[0]: the same key is pinned in {first}"]


# Reading again


def test_only_files_that_changed_are_read_again(tmp_path: Path) -> None:
    path = configure(tmp_path)
    put(tmp_path / "platforms", "acme.yaml", PINNED)
    put(tmp_path / "platforms", "beta.yaml", {"profile": BETA})
    files = RegistrationFiles()
    before = files.load(path, {}).settings.merchants[0].platforms.registered
    put(tmp_path / "platforms", "acme.yaml", PINNED | {"keys": [OTHER_KEY]})
    after = files.load(path, {}).settings.merchants[0].platforms.registered
    assert after[0].keys == (OTHER_KEY,)
    assert after[1] is before[1]


def test_a_file_that_went_is_no_registration_any_more(tmp_path: Path) -> None:
    path = configure(tmp_path)
    put(tmp_path / "platforms", "beta.yaml", {"profile": BETA})
    acme = put(tmp_path / "platforms", "acme.yaml", PINNED)
    files = RegistrationFiles()
    files.load(path, {})
    acme.unlink()
    assert profiles(files.load(path, {})) == [BETA]
