from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from connector.cli.main import main
from connector.diagnosis.generator.documents import DOCUMENTS, PLATFORM
from connector.diagnosis.generator.recipes import NOW, POST, Recipe, change, send

if TYPE_CHECKING:
    from pathlib import Path

    from connector.diagnosis.generator.recipes import Edit


@pytest.fixture
def profile(tmp_path: Path) -> str:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(DOCUMENTS[PLATFORM]["json"]))
    return str(path)


def _raw(recipe: Recipe, *edits: Edit) -> bytes:
    sent = send(recipe, edits)
    head = [f"{sent.method} {sent.target} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in sent.headers]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + sent.body


def _file(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "request.http"
    path.write_bytes(data)
    return str(path)


def test_a_good_request_is_accepted_and_its_base_shown(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _raw(POST))

    assert main(["explain", request, "--profile", profile, "--now", str(NOW)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"accepted: {PLATFORM}, keyid 'platform-2026', label sig1"
    assert "  ok     signature" in lines
    assert '  1  "@method": POST' in lines
    assert not any("FAULT" in line for line in lines)


def test_the_fault_is_named_and_the_status_is_1(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _raw(POST, change(target="/carts")))

    assert main(["explain", request, "--profile", profile, "--now", str(NOW)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "refused: signature_invalid (signature_mismatch)"
    assert any(line.startswith("  FAULT  signature: signature_invalid (") for line in lines)
    assert "  -      version" in lines


def test_json_says_the_same(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _raw(POST))

    assert main(["explain", request, "--profile", profile, "--now", str(NOW), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["decision"] == {
        "decision": "accept",
        "identity": PLATFORM,
        "keyid": "platform-2026",
        "label": "sig1",
    }
    (candidate,) = document["candidates"]
    assert {check["outcome"] for check in candidate["checks"]} == {"ok"}
    assert candidate["base"][0] == '"@method": POST'


def test_the_request_can_come_from_standard_input(
    profile: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(_raw(POST))))

    assert main(["explain", "--profile", profile, "--now", str(NOW)]) == 0
    assert capsys.readouterr().out.startswith("accepted")


@pytest.mark.parametrize(
    ("target", "options", "status"),
    [
        ("/ucp/v1/checkout-sessions", [], 0),
        ("/ucp/v1/checkout-sessions", ["--endpoint", "/ucp/v1"], 0),
        ("/ucp/v1/checkout-sessions", ["--endpoint", "/ucp/v2"], 1),
        ("/things", [], 1),
    ],
)
def test_the_endpoint_is_told_by_the_path_or_given(
    target: str,
    options: list[str],
    status: int,
    tmp_path: Path,
    profile: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    request = _file(tmp_path, _raw(POST._replace(target=target)))

    assert main(["explain", request, "--profile", profile, "--now", str(NOW), *options]) == status
    assert ("unknown_operation" in capsys.readouterr().out) is (status == 1)


def test_without_a_profile_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", _file(tmp_path, _raw(POST)), "--now", str(NOW)]) == 1

    assert f"{PLATFORM} was not given here" in capsys.readouterr().out


def test_versions_of_the_merchant_can_be_given(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _raw(POST))
    options = ["--profile", profile, "--now", str(NOW), "--version", "2026-04-08"]

    assert main(["explain", request, *options]) == 1
    assert "version_unsupported" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (b"hello\n", [], "the first line"),
        (b"GET / HTTP/1.1\nHost: a b\n\n", [], "authorities"),
        (b"GET / HTTP/1.1\nHost: x\n\n", ["--endpoint", "no slash"], "endpoints.rest"),
        (b"GET / HTTP/1.1\nHost: x\n\n", ["--profile", "/nowhere/x"], "No such file"),
    ],
)
def test_what_cannot_be_explained_is_one_line(
    data: bytes,
    options: list[str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", _file(tmp_path, data), *options]) == 2
    captured = capsys.readouterr()

    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err
