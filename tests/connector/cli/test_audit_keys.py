from __future__ import annotations

import argparse
import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from connector.audit.key_document import read_document
from connector.audit.keys import KEYS, VKEYS, load_or_make_keys
from connector.cli import audit_hash_value, audit_rotate_keys
from connector.cli.failure import CommandError

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = """
audit: {keys: keys-of-the-log}
merchants:
  - id: shop
    authorities: [shop.example.com]
    upstream: {url: "http://127.0.0.1:8182"}
"""
NAME = "shop-1/0"


class Commands:
    """The commands in a folder with a configuration."""

    def __init__(
        self, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.folder = root / "keys-of-the-log"
        self.config = root / "connector.yaml"
        self.config.write_text(CONFIGURATION)
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, module: Any, *words: str, given: bytes = b"") -> str:
        parser = argparse.ArgumentParser()
        module.configure(parser)
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        assert module.run(parser.parse_args([*words, "-c", str(self.config)])) == 0
        out, err = self._capsys.readouterr()
        assert not err
        document = json.loads((self.folder / KEYS).read_bytes())
        for key in document["checkpoint"]:
            assert key["seed"] not in out
        for key in document["redaction"]:
            assert key["key"] not in out
        return out


@pytest.fixture
def commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    return Commands(tmp_path, capsys, monkeypatch)


def test_a_value_is_found_by_its_hash(commands: Commands) -> None:
    redactor = load_or_make_keys(commands.folder, NAME).redactor
    said = commands(audit_hash_value, "peer", given=b"203.0.113.7\n")
    assert said == f"{redactor.hash('peer', '203.0.113.7')}\n"


def test_a_value_is_found_under_every_key_that_there_was(commands: Commands) -> None:
    before = load_or_make_keys(commands.folder, NAME).redactor
    commands(audit_rotate_keys, "--redaction")
    now = load_or_make_keys(commands.folder, NAME).redactor
    said = json.loads(commands(audit_hash_value, "path", "--json", given=b"chk_1"))
    assert said == {
        "field": "path",
        "hashes": [now.hash("path", "chk_1"), before.hash("path", "chk_1")],
    }


@pytest.mark.parametrize("given", [b"a b", b" a", b"\xff\xfe", b"", b"a\nb"])
def test_a_value_is_hashed_as_its_octets_are(given: bytes, commands: Commands) -> None:
    redactor = load_or_make_keys(commands.folder, NAME).redactor
    for end in (b"", b"\n", b"\r\n"):
        said = commands(audit_hash_value, "query", given=given + end)
        assert said == f"{redactor.hash('query', given)}\n"


def test_a_value_is_never_taken_from_the_command_line(commands: Commands) -> None:
    load_or_make_keys(commands.folder, NAME)
    with pytest.raises(SystemExit):
        commands(audit_hash_value, "peer", "203.0.113.7")


def test_a_field_that_nothing_is_hashed_in_is_refused(commands: Commands) -> None:
    load_or_make_keys(commands.folder, NAME)
    with pytest.raises(SystemExit):
        commands(audit_hash_value, "adress")


def test_a_value_without_end_is_refused(commands: Commands) -> None:
    load_or_make_keys(commands.folder, NAME)
    with pytest.raises(CommandError, match="at most"):
        commands(audit_hash_value, "peer", given=bytes((1 << 20) + 1))


@pytest.mark.parametrize(
    ("module", "words"), [(audit_hash_value, ["peer"]), (audit_rotate_keys, ["--checkpoint"])]
)
def test_without_keys_it_is_said_that_there_are_none(
    module: Any, words: list[str], commands: Commands
) -> None:
    with pytest.raises(CommandError, match="is not there") as caught:
        commands(module, *words)
    assert caught.value.status == 1
    assert not commands.folder.exists() or list(commands.folder.iterdir()) == []


def test_new_keys_are_told_and_stand_in_front(commands: Commands) -> None:
    load_or_make_keys(commands.folder, NAME)
    said = commands(audit_rotate_keys, "--checkpoint", "--redaction")
    document = read_document((commands.folder / KEYS).read_bytes())
    assert [key.id for key in document.redaction] == ["h2", "h1"]
    assert len(document.checkpoint) == 2
    assert f"{document.vkeys()[0]} signs, too" in said
    assert f"{commands.folder / VKEYS} has it" in said
    assert "h2 hashes" in said


def test_new_keys_are_told_to_machines(commands: Commands) -> None:
    load_or_make_keys(commands.folder, NAME)
    said = json.loads(commands(audit_rotate_keys, "--checkpoint", "--json"))
    vkeys = (commands.folder / VKEYS).read_text().splitlines()
    assert said == {"vkeys": vkeys, "made": vkeys[:1], "redaction": None}


def test_which_keys_has_to_be_said(commands: Commands) -> None:
    load_or_make_keys(commands.folder, NAME)
    with pytest.raises(CommandError, match="say which keys") as caught:
        commands(audit_rotate_keys)
    assert caught.value.status == 2
