from __future__ import annotations

import argparse
import copy
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from canonical import canonicalize
from connector.audit.segment import line
from connector.audit.tree import leaf_hash
from connector.cli import audit_reverify
from connector.cli.failure import CommandError
from tests.connector.audit.test_records import AUDIT_ID, EVIDENCE_KEY, EXAMPLES, received
from tests.connector.authentication.platform import ED25519, KEY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SEGMENT = "segments/00000000000000000000.log"
ENCODED = b64encode(EVIDENCE_KEY).decode()


def write(folder: Path, examples: Iterable[dict[str, Any]]) -> str:
    records = [canonicalize(example) for example in examples]
    path = folder / SEGMENT
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(line(at, leaf_hash(each), each) for at, each in enumerate(records)))
    return str(folder)


def command(*words: str) -> int:
    parser = argparse.ArgumentParser()
    audit_reverify.configure(parser)
    return audit_reverify.run(parser.parse_args(words))


def wrong() -> dict[str, Any]:
    example = copy.deepcopy(received(KEY))
    example["caller"]["thumbprint"] = "x" * 43
    return example


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "evidence.key"
    path.write_text(f"{b64encode(bytes(32)).decode()}\n{ENCODED}\n")
    return str(path)


def test_without_the_evidence_key_ed25519_is_told_and_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = write(tmp_path / "log", EXAMPLES.values())
    assert command(directory) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "4 signed requests: 2 verified, 2 unverifiable, 0 wrong"
    assert f"1  {AUDIT_ID}  unverifiable: an Ed25519 signature needs its base" in out
    assert not err


def test_with_a_file_of_evidence_keys_every_signature_is_verified(
    tmp_path: Path, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = write(tmp_path / "log", [received(KEY), received(ED25519)])
    assert command(directory, "--evidence-key-file", key_file) == 0
    said = capsys.readouterr().out
    assert said == "2 signed requests: 2 verified, 0 unverifiable, 0 wrong\n"


def test_the_configuration_has_the_evidence_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = write(tmp_path / "log", [received(ED25519)])
    config = tmp_path / "connector.yaml"
    config.write_text(
        f"audit: {{evidence_key: '{ENCODED}'}}\n"
        "merchants: [{id: shop, authorities: [a.example],"
        ' upstream: {url: "http://127.0.0.1:8182"}}]\n'
    )
    assert command(directory, "-c", str(config)) == 0
    assert "1 verified" in capsys.readouterr().out


def test_a_wrong_signature_is_named_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = write(tmp_path / "log", [received(KEY), wrong()])
    assert command(directory) == 1
    out = capsys.readouterr().out
    assert f"1  {AUDIT_ID}  wrong: its thumbprint is not that of its key" in out


def test_what_is_no_record_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = write(tmp_path / "log", [{"type": "received", "secret": "4111"}])
    assert command(directory) == 1
    out = capsys.readouterr().out
    assert "0  -  wrong: not a record" in out
    assert "4111" not in out


def test_every_log_of_a_folder_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "audit" / "0", [received(KEY)])
    write(tmp_path / "audit" / "1", [wrong()])
    assert command(str(tmp_path / "audit"), "--json") == 1
    found = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert [(each["log"], each["record"], each["result"]) for each in found] == [
        ("0", 0, "verified"),
        ("1", 0, "wrong"),
    ]
    assert all(each["audit_id"] == AUDIT_ID for each in found)


def test_a_folder_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no log"):
        command(str(tmp_path))


def test_a_key_file_that_is_none_is_refused_without_being_shown(tmp_path: Path) -> None:
    path = tmp_path / "evidence.key"
    for content in (ENCODED[:-4], "", "x" * 44):
        path.write_text(content)
        with pytest.raises(CommandError) as caught:
            command(str(tmp_path), "--evidence-key-file", str(path))
        assert not content or content not in str(caught.value)


def test_a_missing_record_is_said(tmp_path: Path) -> None:
    directory = write(tmp_path / "log", [received(KEY)])
    path = tmp_path / "log" / SEGMENT
    path.with_name("00000000000000000002.log").write_bytes(b"")
    with pytest.raises(CommandError, match="the record 1 is missing") as caught:
        command(directory)
    assert caught.value.status == 1
