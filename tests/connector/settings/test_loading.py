"""Files: what is read, where paths start, and one clear line for each thing that goes wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from connector.settings.loading import MAX_FILE, ConfigurationError, load_settings, settings_from
from tests.connector.settings.documents import MERCHANT

if TYPE_CHECKING:
    from pathlib import Path

MINIMAL = """
merchants:
  - id: flower-shop
    authorities: [shop.example.com]
    upstream: {url: "http://127.0.0.1:8182"}
"""


def problem(path: Path | str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, {})
    (line,) = caught.value.problems
    assert "\n" not in line
    return line


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "config.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_file_with_one_merchant_is_enough(tmp_path: Path) -> None:
    made = load_settings(written(tmp_path, MINIMAL), {})
    assert made.merchants[0].upstream.url == "http://127.0.0.1:8182"
    assert made.store.directory == tmp_path / "store"


def test_paths_start_from_the_files_folder_and_not_from_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    written(tmp_path / "etc", MINIMAL + "audit: {directory: logs}\n")
    monkeypatch.chdir(tmp_path)
    made = load_settings("etc/config.yaml", {})
    assert made.audit.directory == tmp_path / "etc" / "logs"
    assert made.audit.keys == tmp_path / "etc" / "audit-keys"


def test_a_linked_file_keeps_the_links_folder(tmp_path: Path) -> None:
    # A mounted ConfigMap is a link into a folder whose name changes with every update.
    (tmp_path / "..data").mkdir()
    written(tmp_path / "..data", MINIMAL)
    link = tmp_path / "config.yaml"
    link.symlink_to("..data/config.yaml")
    assert load_settings(link, {}).signing.keys == tmp_path / "keys.json"


def test_the_environment_is_applied_to_a_file(tmp_path: Path) -> None:
    made = load_settings(written(tmp_path, MINIMAL), {"UCP_CONNECTOR__LISTEN__PORT": "1"})
    assert made.listen.port == 1


def test_without_a_file_the_environment_may_be_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    merchants = "[{id: a, authorities: [a.example], upstream: {url: 'http://127.0.0.1:1'}}]"
    made = load_settings(None, {"UCP_CONNECTOR__MERCHANTS": merchants})
    assert made.merchants[0].id == "a"
    assert made.store.directory == tmp_path / "store"


def test_without_a_file_and_merchants_one_line_says_so() -> None:
    with pytest.raises(ConfigurationError, match=r"^configuration: merchants: is missing$"):
        load_settings(None, {})


def test_a_caller_may_give_the_merchants(tmp_path: Path) -> None:
    made = settings_from({"merchants": [MERCHANT]}, folder=tmp_path)
    assert made.listen.port == 8080


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    assert problem(path) == f"{path}: cannot be read: No such file or directory"


def test_a_folder_is_one_line(tmp_path: Path) -> None:
    assert problem(tmp_path) == f"{tmp_path}: cannot be read: Is a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL)
    path.chmod(0)
    assert problem(path) == f"{path}: cannot be read: Permission denied"


def test_a_path_that_no_file_can_have_is_one_line() -> None:
    assert "cannot be read" in problem("a\0b")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("- a\n", "is not a mapping of sections"),
        ("just text\n", "is not a mapping of sections"),
        (b"listen:\n  host: \xff\n", "line 2: is not UTF-8"),
        ("merchants: [\n", "line 2: not YAML"),
        ("listen: {port: 1}\nlisten: {port: 2}\n", "line 2: the key 'listen' stands twice"),
        (b"a: " + b"x" * MAX_FILE, f"has more than {MAX_FILE} octets"),
        ("listen: {port: 1}\n", "merchants: is missing"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    tmp_path: Path, content: str | bytes, told: str
) -> None:
    path = written(tmp_path, content)
    assert problem(path).startswith(f"{path}: {told}")


def test_an_endless_file_is_not_read_to_its_end() -> None:
    assert "has more than" in problem("/dev/zero")


def test_yaml_1_1_booleans_are_no_booleans_here(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL + "discovery: {nested_keys: yes}\n")
    assert problem(path) == f"{path}: discovery.nested_keys: is neither true nor false"
    path = written(tmp_path, MINIMAL + "    validation: {requests: off}\n")
    assert load_settings(path, {}).merchants[0].validation.requests == "off"


def test_a_version_needs_no_quotes(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL + "    versions: [2026-08-25]\n")
    assert load_settings(path, {}).merchants[0].versions == ("2026-08-25",)
