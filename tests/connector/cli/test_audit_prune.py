"""The command audit prune: what it removes, what it says, and what it refuses."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from connector.audit.keys import VKEYS, load_or_make_keys
from connector.audit.removal import alone
from connector.cli.main import main
from tests.connector.audit.log_files import MemoryFiles, log_files, opened, run

if TYPE_CHECKING:
    from pathlib import Path

NAME = "shop-1/0"
SECOND = "shop-1/1"
ENTRIES = run(600)
CONFIGURATION = """
audit: {directory: audit, keys: keys}
merchants:
  - id: shop
    authorities: [shop.example.com]
    upstream: {url: "http://127.0.0.1:8182"}
"""


class Command:
    """The command on two logs, and what it last said."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = root / "audit"
        self.keys = root / "keys"
        self.config = root / "connector.yaml"
        self.config.write_text(CONFIGURATION)
        self._capsys = capsys
        self.told = ""
        for number, (name, begin) in enumerate(((NAME, 512), (SECOND, 256))):
            signers = load_or_make_keys(self.keys, name).signers
            entries = [opened(0, signers), *ENTRIES[1:]]
            files = log_files(entries, segments=(begin,), signers=signers)
            MemoryFiles(files).put(self.folder / str(number))

    def __call__(self, *words: object, status: int = 0) -> str:
        assert main(["audit", *map(str, words)]) == status
        said = self._capsys.readouterr()
        self.told = said.err
        return said.out

    def prune(self, *words: str, status: int = 0) -> str:
        return self("prune", "-c", self.config, "--before", "2026-11-22", *words, status=status)

    def bundles(self, log: str = "0") -> list[str]:
        return sorted(path.name for path in (self.folder / log / "tile" / "entries").iterdir())

    def verify(self) -> str:
        return self("verify", self.folder, "--key", self.keys / VKEYS)


@pytest.fixture
def audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


def test_old_records_go_and_the_log_stays_good(audit: Command) -> None:
    assert audit.prune().splitlines() == [
        "shop-1/0: 512 records removed: the first one is 512 then",
        "shop-1/1: 256 records removed: the first one is 256 then",
    ]
    assert audit.told == ""
    assert (audit.bundles(), audit.bundles("1")) == (["002.p"], ["001", "002.p"])
    assert "the records before 512 were pruned" in audit.verify()
    assert "nothing removed: the first record is 512" in audit.prune()


def test_a_dry_run_removes_nothing(audit: Command) -> None:
    assert "512 records would be removed" in audit.prune("--dry-run")
    document = json.loads(audit.prune("--dry-run", "--json"))
    assert document["logs"]["0"] == {
        "origin": NAME, "records": 512, "bundles": 2, "first": 512,
    }  # fmt: skip
    assert document["removed"] is False
    assert audit.bundles() == ["000", "001", "002.p"]
    assert "pruned" not in audit.verify()


def test_machines_are_told_what_went(audit: Command) -> None:
    document = json.loads(audit.prune("--json"))
    assert document["removed"] is True
    assert document["logs"]["1"] == {
        "origin": SECOND, "records": 256, "bundles": 1, "first": 256,
    }  # fmt: skip


def test_one_log_is_pruned_with_the_keys_that_sign_it(audit: Command) -> None:
    words = ("prune", audit.folder / "0", "--before", "2026-11-21T10:04:16Z")
    assert "256 records removed" in audit(*words, "--keys", audit.keys)
    assert audit.bundles() == ["001", "002.p"]
    audit.verify()


def test_while_one_log_is_not_what_it_should_be_nothing_is_removed(audit: Command) -> None:
    path = audit.folder / "1" / "tile" / "entries" / "000"
    path.write_bytes(path.read_bytes().replace(b"flower", b"flowen", 1))
    audit.prune(status=1)
    assert "not what its hashes say: see audit verify" in audit.told
    assert audit.told.count("\n") == 1
    assert audit.bundles() == ["000", "001", "002.p"]


def test_two_do_not_prune_at_once(audit: Command) -> None:
    with alone(audit.folder / "1"):
        audit.prune(status=1)
    assert "it is being pruned already" in audit.told


def test_a_log_of_other_keys_is_refused(audit: Command, tmp_path: Path) -> None:
    load_or_make_keys(tmp_path / "others", "bakery/0")
    words = ("prune", audit.folder, "--before", "2026-11-22", "--keys")
    audit(*words, tmp_path / "others", status=1)
    assert "has no key of the log shop-1/0" in audit.told
    load_or_make_keys(tmp_path / "others", NAME)
    audit(*words, tmp_path / "others", status=1)
    assert "signed by nobody who is known" in audit.told
    audit(*words, tmp_path / "nowhere", status=1)


def test_wrong_usage_is_told_apart(audit: Command, tmp_path: Path) -> None:
    config, folder = audit.config, audit.folder
    audit("prune", folder, "--before", "2026-11-22", status=2)
    assert "--keys" in audit.told
    audit("prune", "-c", config, "--before", "2026-11-22", "--keys", audit.keys, status=2)
    audit("prune", "-c", config, folder, "--before", "2026-11-22", status=2)
    audit("prune", "-c", config, status=2)
    audit("prune", "-c", config, "--before", "long ago", status=2)
    audit("prune", "--before", "2026-11-22", status=2)
    (tmp_path / "empty").mkdir()
    words = ("--before", "2026-11-22", "--keys", audit.keys)
    audit("prune", tmp_path / "empty", *words, status=1)
    assert "there is no log" in audit.told
    config.write_text("merchants: []")
    audit.prune(status=1)


def test_a_terminal_is_told_how_far_it_is(audit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.cli.audit_prune._PROGRESS", 256)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    audit.prune("--dry-run")
    assert audit.told.startswith("\r256 records looked at\r512 records looked at\r\x1b[K")
