from __future__ import annotations

import io
import json
import shlex
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from connector.cli.main import main
from connector.diagnosis.generator import keys
from connector.diagnosis.generator.documents import DOCUMENTS, PLATFORM, url
from connector.diagnosis.generator.recipes import NOW, POST, Recipe, change, send
from connector.diagnosis.generator.topics import signature_agents
from tests.connector.audit.test_records import AUDIT_ID, received

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
        "scheme": "rfc9421",
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


def _curl(recipe: Recipe) -> bytes:
    sent = send(recipe, ())
    words = ["curl", "-X", sent.method, f"https://shop.example.com{sent.target}"]
    for name, value in sent.headers:
        words += ["-H", f"{name}: {value}"]
    return shlex.join([*words, "--data-raw", sent.body.decode()]).encode()


def _har(*recipes: Recipe) -> bytes:
    entries = []
    for recipe in recipes:
        sent = send(recipe, ())
        lines = [{"name": name, "value": value} for name, value in sent.headers]
        request = {
            "method": sent.method,
            "url": f"https://shop.example.com{sent.target}",
            "headers": [*lines, {"name": ":method", "value": sent.method}],
            "postData": {"text": sent.body.decode()},
        }
        entries.append({"request": request})
    return json.dumps({"log": {"entries": entries}}).encode()


@pytest.mark.parametrize(
    ("data", "options", "kind"),
    [
        (_curl(POST), [], "curl"),
        (_har(POST), [], "har"),
        (_har(POST.replaced("Host", "other"), POST), ["--entry", "2"], "har"),
        (_raw(POST), ["--input", "raw"], "raw"),
    ],
)
def test_every_kind_of_input_is_explained_alike(
    data: bytes,
    options: list[str],
    kind: str,
    tmp_path: Path,
    profile: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    request = _file(tmp_path, data)
    common = ["--profile", profile, "--now", str(NOW), "--json"]

    assert main(["explain", request, *common, *options]) == 0
    assert json.loads(capsys.readouterr().out)["input"] == kind


def test_a_body_in_a_file_is_read_as_curl_reads_it(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "body.json").write_bytes(POST.body)
    command = shlex.split(_curl(POST).decode())[:-2]
    line = shlex.join([*command, "--data-binary", f"@{tmp_path / 'body.json'}"])
    request = _file(tmp_path, line.encode())

    assert main(["explain", request, "--profile", profile, "--now", str(NOW)]) == 0
    assert capsys.readouterr().out.startswith("accepted")


def test_an_audit_record_is_verified_without_the_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = send(POST, ()).bases[0]
    record = received(keys.private_jwk("platform-2026"))
    record["signature"] = {
        "value": b64encode(keys.sign("platform-2026", base)).decode(),
        "hash": "sha-256",
        "base_hash": b64encode(sha256(base).digest()).decode(),
    }
    theirs = tmp_path / "base.txt"
    theirs.write_bytes(base)
    options = ["explain", _file(tmp_path, json.dumps(record).encode())]

    assert main([*options, "--their-base", str(theirs)]) == 0
    assert capsys.readouterr().out.startswith(f"verified: audit record {AUDIT_ID}\n")

    theirs.write_bytes(base + b"x")
    assert main([*options, "--their-base", str(theirs), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["decision"]["decision"] == "reject"


def test_a_cause_is_proven_and_said_how_to_mend(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = send(POST, ())
    mistaken = sent.bases[0].replace(b"example.com", b"example.com:443")
    value = b64encode(keys.sign("platform-2026", mistaken)).decode()
    recipe = POST._replace(signatures=())
    signed = recipe._replace(
        headers=(*recipe.headers, sent.headers[-2], ("Signature", f"sig1=:{value}:"))
    )
    theirs = tmp_path / "base.txt"
    theirs.write_bytes(mistaken)
    options = ["--profile", profile, "--now", str(NOW), "--their-base", str(theirs)]

    assert main(["explain", _file(tmp_path, _raw(signed)), *options]) == 1
    output = capsys.readouterr().out
    assert "  proven  default-port-kept: " in output
    assert "          repair: Leave :443 out with https and :80 with http." in output
    assert 'differs first in line 2, "@authority", column 31' in output
    assert "  the signature verifies over the signer's base" in output


def test_a_default_port_in_host_is_no_fault(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _raw(POST.replaced("Host", "shop.example.com:443")))

    assert main(["explain", request, "--profile", profile, "--now", str(NOW)]) == 0
    assert '"@authority": shop.example.com\n' in capsys.readouterr().out


def test_neither_secrets_nor_bodies_are_shown(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = ("Authorization", "Bearer s3cret")
    covers = (*POST.signatures[0].components, "authorization", "@query")
    recipe = POST._replace(
        headers=(*POST.headers, secret), target=f"{POST.target}?token=s3cret"
    ).covering(*covers)
    theirs = tmp_path / "base.txt"
    theirs.write_bytes(send(recipe, ()).bases[0].replace(b"s3cret", b"S3cret"))
    request = _file(tmp_path, _raw(recipe, change(method="PUT")))
    options = ["--profile", profile, "--now", str(NOW), "--their-base", str(theirs)]

    for form in ([], ["--json"]):
        assert main(["explain", request, *options, *form]) == 1
        output = capsys.readouterr().out
        assert "[masked]" in output
        assert "s3cret" not in output.lower()
        assert "item_123" not in output


def test_a_base_that_belongs_to_no_signature_is_said_to(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _raw(POST._replace(signatures=())))
    options = ["--profile", profile, "--their-base", request]

    assert main(["explain", request, *options]) == 1
    assert "note: there is no signature that the signer's base" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--profile", "x", "--key", "y"], "not allowed with"),
        (["--key", "KEY"], "neither a JWK nor PEM"),
        (["--input", "har"], "not JSON"),
        (["--their-base", "/nowhere/x"], "No such file"),
        (["--their-base", "LARGE"], "more than 65536 octets"),
    ],
)
def test_what_cannot_be_used_is_wrong_usage(
    options: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "KEY").write_text("no key")
    (tmp_path / "LARGE").write_bytes(bytes(65537))
    given = [str(tmp_path / word) if word.isupper() else word for word in options]

    assert main(["explain", _file(tmp_path, _raw(POST)), *given]) == 2
    assert says in capsys.readouterr().err


def test_signature_agent_is_judged_as_a_merchant_would_who_uses_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (case,) = (each for each in signature_agents.TOPIC.cases if each.id == "lookup-elsewhere")
    document = tmp_path / "bot.json"
    document.write_text(json.dumps(DOCUMENTS[url("web-bot-auth-es256")]["json"]))
    request = _file(tmp_path, _raw(case.recipe))
    line = ["explain", request, "--profile", str(document), "--now", str(NOW)]

    assert main(line) == 0
    capsys.readouterr()
    assert main([*line, "--signature-agent"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "refused: profile_not_trusted (signature_agent_elsewhere)"
    assert any("signature-agent-elsewhere" in each for each in lines)
