"""A gateway that cannot start says why in one line, and ends with status 1."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.end_to_end.client import HOST
from tests.end_to_end.gateway import run_to_its_end

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

SHOP: Final = {
    "id": "shop",
    "authorities": ["shop.example.com"],
    "upstream": {"url": "http://127.0.0.1:9"},
}
FREE: Final[dict[str, Any]] = {"listen": {"port": 0}, "admin": {"port": 0}, "merchants": [SHOP]}


def complaint(ended: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that a user is told."""
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("ucp-connector: ")
    assert ended.stderr.endswith("\n")
    assert ended.stderr.count("\n") == 1
    return ended.stderr


def _written(path: Path, content: str | bytes | dict[str, Any]) -> Path:
    if isinstance(content, dict):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


BAD: Final[dict[str, tuple[str | bytes | dict[str, Any], tuple[str, ...]]]] = {
    "empty": ("", ("is empty",)),
    "a comment only": ("# nothing yet\n", ("is empty",)),
    "not YAML": ("merchants: [\n", ("line ",)),
    "a tab": ("listen:\n\tport: 1\n", ("line ",)),
    "not a mapping": ("- a\n- b\n", ("is not a mapping",)),
    "not text": (b"\x00\xff\xfe", ()),
    "an object of Python's": ("merchants: !!python/object/apply:os.getcwd []\n", ()),
    "a key twice": ("listen: {port: 0}\nlisten: {port: 1}\n", ("listen", "twice")),
    "an unknown key": ({**FREE, "merchant": []}, ("merchant", "unknown key", "merchants")),
    "an unknown key deep down": (
        {**FREE, "merchants": [{**SHOP, "upstream": {"url": "http://127.0.0.1:9", "tries": 3}}]},
        ("merchants[0].upstream.tries", "unknown key"),
    ),
    "an unparsable duration": (
        {**FREE, "limits": {"header_timeout": "10 seconds"}},
        ("limits.header_timeout", "10 seconds", "duration"),
    ),
    "an unparsable size": ({**FREE, "limits": {"body": "1 MB"}}, ("limits.body", "1 MB", "size")),
    "an unparsable rate": ({**FREE, "rates": {"reads": "many"}}, ("rates.reads", "many", "rate")),
    "one authority twice": (
        {**FREE, "merchants": [SHOP, {**SHOP, "id": "other"}]},
        ("merchants[1].authorities[0]", "shop.example.com", "merchants[0]"),
    ),
    "one authority twice, by its default port": (
        {
            **FREE,
            "merchants": [SHOP, {**SHOP, "id": "other", "authorities": ["Shop.example.com:443"]}],
        },
        ("merchants[1].authorities[0]", "shop.example.com"),
    ),
    "no merchant": ({"listen": {"port": 0}}, ("merchants", "is missing")),
    "an upstream that is no origin": (
        {**FREE, "merchants": [{**SHOP, "upstream": {"url": "http://127.0.0.1:9/api"}}]},
        ("merchants[0].upstream.url",),
    ),
    "an address of nobody here": (
        {**FREE, "listen": {"host": "192.0.2.1", "port": 0}},
        ("192.0.2.1", "listen"),
    ),
    "certificates that are not there": (
        {**FREE, "listen": {"port": 0, "tls": {"certificate": "no.pem", "key": "no.pem"}}},
        ("tls",),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_configuration_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    content, words = BAD[name]
    line = complaint(run_to_its_end(_written(tmp_path / "connector.yaml", content)))
    for word in words:
        assert word in line


def test_a_missing_configuration_is_told_in_one_line(tmp_path: Path) -> None:
    line = complaint(run_to_its_end(tmp_path / "none.yaml"))
    assert "none.yaml: cannot be read: No such file or directory" in line


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    assert "Is a directory" in complaint(run_to_its_end(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_configuration_is_told_in_one_line(tmp_path: Path) -> None:
    path = _written(tmp_path / "connector.yaml", FREE)
    path.chmod(0)
    assert "Permission denied" in complaint(run_to_its_end(path))


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    content = {**FREE, "surplus": 1, "limits": {"body": "big"}}
    line = complaint(run_to_its_end(_written(tmp_path / "connector.yaml", content)))
    assert "surplus" in line
    assert "limits.body" in line


@pytest.mark.parametrize("section", ["listen", "admin"])
def test_a_port_in_use_is_told_in_one_line(section: str, tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        content = {**FREE, section: {"port": port}}
        ended = run_to_its_end(_written(tmp_path / "connector.yaml", content))
    line = complaint(ended)
    assert f"{HOST}:{port}" in line
    assert f"({section})" in line
    assert "in use" in line


def test_wrong_usage_is_told_apart_from_a_bad_configuration(tmp_path: Path) -> None:
    ended = run_to_its_end(_written(tmp_path / "connector.yaml", FREE), "--surplus")
    assert ended.returncode == 2
    assert "--surplus" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_secret_in_a_bad_configuration_is_not_told(tmp_path: Path) -> None:
    content = {**FREE, "audit": {"evidence_key": "not-a-key-but-secret"}}
    line = complaint(run_to_its_end(_written(tmp_path / "connector.yaml", content)))
    assert "audit.evidence_key" in line
    assert "not-a-key-but-secret" not in line


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        ("{}", 0o644, "others may use it (mode 0644): chmod 600"),
        ("{", 0o600, "is not JSON"),
        ('{"keys": []}', 0o600, "has no key that signs now"),
        ('{"keys": [{"kty": "oct", "kid": "k"}]}', 0o600, "is a symmetric key"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_told_in_one_line(
    content: str, mode: int, says: str, tmp_path: Path
) -> None:
    path = _written(tmp_path / "keys.json", content)
    path.chmod(mode)
    line = complaint(run_to_its_end(_written(tmp_path / "connector.yaml", FREE)))
    assert f"{path}: " in line
    assert says in line
    assert path.read_text() == content


def test_a_key_file_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    content = {**FREE, "signing": {"keys": "none/keys.json"}}
    line = complaint(run_to_its_end(_written(tmp_path / "connector.yaml", content)))
    assert "none/keys.json: cannot be made: No such file or directory" in line
