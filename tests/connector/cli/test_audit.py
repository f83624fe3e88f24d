"""The command audit: what it prints, and how it ends."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from connector.cli.main import main
from tests.connector.audit.log_files import (
    IDENTITY,
    OTHER,
    SIGNER,
    MemoryFiles,
    audit_id,
    closed,
    completed,
    log_files,
    opened,
    received,
    record,
    run,
    signer,
)

if TYPE_CHECKING:
    from pathlib import Path

SECOND = signer(b"2", "shop-1/1")
ENTRIES = [
    opened(0),
    received(1, 1),
    received(2, 2, merchant="bakery", request={"operation": "complete_checkout"}),
    completed(3, 2, merchant="bakery", decision="replay", status=200),
    record("denied", 4, merchant="bakery", audit_id=audit_id(4), status=401, code="x\x1b[2J"),
    completed(5, 1),
    record("administration", 6, action="resolve_claim", details={"audit_id": audit_id(1)}),
    closed(7, 7),
]
MORE = [opened(0, [SECOND]), received(61, 9), completed(62, 9)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    MemoryFiles(log_files(ENTRIES)).put(tmp_path / "audit" / "0")
    MemoryFiles(log_files(MORE, 2, signers=[SECOND])).put(tmp_path / "audit" / "1")
    return tmp_path / "audit"


class Command:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.told = ""

    def __call__(self, *words: object, status: int = 0) -> str:
        assert main(["audit", *map(str, words)]) == status
        said = self._capsys.readouterr()
        self.told = said.err
        return said.out

    def json(self, *words: object) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*words).splitlines()]


@pytest.fixture
def audit(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "audit.vkey"
    path.write_text(f"{SIGNER.vkey}\n{SECOND.vkey}\n")
    return path


def test_a_good_log_is_summed_up(audit: Command, folder: Path, keys: Path) -> None:
    said = audit("verify", folder, "--key", keys)
    assert "shop-1/0: good: 8 records" in said
    assert "shop-1/1: good: 2 records" in said
    assert "nothing signed covers yet: 1" in said
    assert "--key" not in said
    assert audit.told == ""
    assert "shop-1/0: good" in audit("verify", folder / "0", "--key", SIGNER.vkey)


def test_without_a_key_it_is_said_what_that_is_worth(audit: Command, folder: Path) -> None:
    assert "no --key was given" in audit("verify", folder)


def test_what_is_wrong_is_named_and_the_command_fails(
    audit: Command, folder: Path, keys: Path
) -> None:
    path = folder / "0" / "tile" / "entries" / "000.p" / "8"
    path.write_bytes(path.read_bytes().replace(b"bakery", b"butchr", 1))
    (folder / "0" / "stray\x1b[2J").write_bytes(b"")
    said = audit("verify", folder, "--key", keys, status=1)
    assert "shop-1/0: NOT GOOD" in said
    assert "first bad record: 2" in said
    assert "stray?[2J: a file that no log has" in said
    report = json.loads(audit("verify", folder, "--key", keys, "--json", status=1))
    assert (report["good"], report["logs"]["0"]["good"]) == (False, False)
    assert report["logs"]["0"]["first_bad"] == 2
    assert report["logs"]["1"]["good"]


def test_a_saved_checkpoint_finds_a_log_that_was_rolled_back(
    audit: Command, folder: Path, keys: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "saved"
    saved.write_bytes((folder / "0" / "checkpoint").read_bytes())
    audit("verify", folder, "--key", keys, "--since", saved)
    older = tmp_path / "older"
    MemoryFiles(log_files(ENTRIES[:4])).put(older)
    audit("verify", older, "--key", keys)
    assert "rolled back" in audit("verify", older, "--since", saved, status=1)
    audit("verify", folder, "--key", OTHER.vkey, "--since", saved, status=1)
    assert "signed by nobody" in audit.told


def test_wrong_usage_is_told_apart(audit: Command, folder: Path, tmp_path: Path) -> None:
    audit("verify", status=2)
    audit("verify", folder, "--key", "shop+1+x", status=2)
    audit("verify", tmp_path / "nowhere", status=2)
    audit("show", status=2)
    audit("show", folder, "--from", "yesterday", status=2)
    audit("show", folder, "--after", "x", status=2)
    audit("show", folder, "--limit", "0", status=2)
    audit("verify-receipt", folder / "0" / "checkpoint", status=2)
    (tmp_path / "empty").mkdir()
    audit("verify", tmp_path / "empty", status=1)
    audit("show", tmp_path / "empty", status=1)
    audit("prove", audit_id(1), tmp_path / "empty", status=1)


def test_records_are_shown_as_lines_with_cursors(audit: Command, folder: Path) -> None:
    shown = audit.json("show", folder)
    assert [each["cursor"] for each in shown] == [
        *(f"0:{index}" for index in range(8)), "1:0", "1:1", "1:2"
    ]  # fmt: skip
    assert shown[3]["record"] == json.loads(ENTRIES[3])


@pytest.mark.parametrize(
    ("words", "cursors"),
    [
        (["--merchant", "bakery"], ["0:2", "0:3", "0:4"]),
        (["--operation", "complete_checkout"], ["0:2", "0:3"]),
        (["--identity", IDENTITY], ["0:1", "0:2", "0:3", "0:5", "1:1", "1:2"]),
        (["--decision", "reject"], ["0:4"]),
        (["--decision", "replay"], ["0:3"]),
        (["--decision", "claimed", "--merchant", "bakery"], ["0:2"]),
        (["--audit-id", audit_id(1)], ["0:1", "0:5", "0:6"]),
        (["--from", "2026-11-21T10:00:06Z"], ["0:6", "0:7", "1:1", "1:2"]),
        (["--from", "2026-11-21T12:00:06+02:00", "--to", "2026-11-21 10:01"], ["0:6", "0:7"]),
        (["--merchant", "bakery", "--operation", "create_checkout"], []),
    ],
)
def test_records_are_found_by_what_people_ask_for(
    audit: Command, folder: Path, words: list[str], cursors: list[str]
) -> None:
    assert [each["cursor"] for each in audit.json("show", folder, *words)] == cursors


def test_pages_follow_each_other_without_a_gap(audit: Command, folder: Path) -> None:
    words = ["show", folder, "--identity", IDENTITY]
    whole = audit.json(*words)
    assert audit.told == ""
    pages: list[dict[str, Any]] = []
    after: list[str] = []
    while page := audit.json(*words, "--limit", "1", *after):
        assert ("there are more" in audit.told) == (len(pages) + 1 < len(whole))
        pages += page
        after = ["--after", page[-1]["cursor"]]
    assert pages == whole
    single = [each["cursor"] for each in audit.json("show", folder / "0", "--after", "5")]
    assert single == ["6", "7"]


def test_a_terminal_gets_a_table_that_cannot_steer_it(
    audit: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "0" / "lock").write_bytes(b"")
    hostile = [opened(0), record("denied", 1, merchant="x\x1b[2J", status=401)]
    MemoryFiles(log_files(hostile)).put(folder.parent / "hostile")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    head, *rows = audit("show", folder, "--operation", "complete_checkout").splitlines()
    assert head.split()[:4] == ["time", "type", "decision", "status"]
    assert rows[1].split()[1:6] == ["completed", "replay", "200", "bakery", "complete_checkout"]
    assert "x?[2J" in audit("show", folder.parent / "hostile")


def test_progress_is_told_on_a_terminal(
    audit: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    MemoryFiles(log_files(run(300))).put(tmp_path / "long")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    audit("verify", tmp_path / "long")
    assert "] 300 of 300 records" in audit.told
    audit("show", folder)
    assert "records looked at" in audit.told


def test_records_of_a_configuration_are_shown(audit: Command, folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "connector.yaml"
    config.write_text(
        "audit: {directory: ./audit}\n"
        "merchants:\n"
        "  - id: shop\n"
        "    authorities: [shop.example.com]\n"
        '    upstream: {url: "http://127.0.0.1:8182"}\n'
    )
    assert audit("show", "-c", config) == audit("show", folder)


def test_a_log_with_missing_records_says_so(audit: Command, folder: Path) -> None:
    (folder / "0" / "tile" / "entries" / "000.p" / "8").write_bytes(b"x")
    for path in (folder / "0" / "segments").iterdir():
        path.unlink()
    audit("show", folder, status=1)
    assert "audit verify" in audit.told


def test_a_receipt_proves_what_the_log_says(
    audit: Command, folder: Path, keys: Path, tmp_path: Path
) -> None:
    receipt = tmp_path / "receipt.json"
    receipt.write_text(audit("prove", audit_id(1), folder))
    said = audit("verify-receipt", receipt, "--key", keys)
    assert said.startswith(f"proven: 3 records of {audit_id(1)} in the log shop-1/0")
    document = json.loads(audit("verify-receipt", receipt, "--key", SIGNER.vkey, "--json"))
    assert [each["index"] for each in document["records"]] == [1, 5, 6]
    audit("verify-receipt", receipt, "--key", OTHER.vkey, status=1)
    receipt.write_text(receipt.read_text().replace("claimed", "replays"))
    audit("verify-receipt", receipt, "--key", keys, status=1)
    assert "not in the tree" in audit.told


def test_what_is_not_covered_yet_is_said(audit: Command, folder: Path) -> None:
    assert len(json.loads(audit("prove", audit_id(9), folder))["records"]) == 1
    assert "no checkpoint covers yet" in audit.told
    audit("prove", audit_id(77), folder, status=1)
    assert "no record of this audit id" in audit.told
