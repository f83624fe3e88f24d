from __future__ import annotations

import io
import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from canonical import (
    Request,
    load_key,
    parse_signatures,
    verify,
    verify_detached,
    verify_envelope,
)
from canonical.envelope import envelope
from canonical.jws import protected_header, signing_input
from connector.cli.main import main
from connector.diagnosis.generator.keys import private_jwk, public_jwk, thumbprint

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://shop.example.com/checkout-sessions?x=1"
PROFILE = "https://platform.example/.well-known/ucp"


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(private_jwk("platform-2026")))
    return str(path)


def _sign(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert main(["sign", *argv, "--format", "json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def _check(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Verify what was printed, and return the signature's parameters."""
    target = document["url"].removeprefix("https://shop.example.com")
    message = Request(
        method=document["method"],
        target=target,
        scheme="https",
        headers=[(line[0], line[1]) for line in document["headers"]],
        body=document.get("body", "").encode(),
    )
    (signature,) = parse_signatures(message)
    verify(message, signature, load_key(public_jwk(name)))
    return signature.parameters


def _complaint(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(["sign", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_write_covers_all_that_must_be_covered(
    key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = _sign(
        capsys, "POST", URL, "--key", key_file, "--profile", PROFILE, "--data", '{"a":1}'
    )

    parameters = _check(document, "platform-2026")
    assert parameters["keyid"] == "platform-2026"
    assert [line.partition(":")[0] for line in document["signature_base"].split("\n")] == [
        '"@method"',
        '"@authority"',
        '"@path"',
        '"@query"',
        '"ucp-agent"',
        '"idempotency-key"',
        '"content-digest"',
        '"content-type"',
        '"@signature-params"',
    ]
    headers = dict(document["headers"])
    assert headers["UCP-Agent"] == f'profile="{PROFILE}"'
    assert len(headers["Idempotency-Key"]) == 36


def test_a_read_has_no_key_and_no_digest(key_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = _sign(capsys, "GET", URL, "--key", key_file)

    assert [name for name, _ in document["headers"]] == ["Host", "Signature-Input", "Signature"]
    _check(document, "platform-2026")


def test_a_given_header_is_never_replaced(
    key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = _sign(
        capsys, "POST", URL, "--key", key_file, "--idempotency-key", "mine",
        "--header", "idempotency-key: theirs", "--header", "X-Trace:1",
    )  # fmt: skip

    assert document["headers"][:3] == [
        ["idempotency-key", "theirs"],
        ["X-Trace", "1"],
        ["Host", "shop.example.com"],
    ]
    _check(document, "platform-2026")


def test_parameters_are_those_asked_for(key_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = _sign(
        capsys, "GET", URL, "--key", key_file, "--created", "1767225600", "--expires", "+60",
        "--nonce", "n-1", "--tag", "test", "--keyid", "other",
    )  # fmt: skip

    assert _check(document, "platform-2026") == {
        "created": 1767225600,
        "expires": 1767225660,
        "keyid": "other",
        "nonce": "n-1",
        "tag": "test",
    }


def test_created_can_be_left_out(key_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = _sign(capsys, "GET", URL, "--key", key_file, "--created", "none")

    assert _check(document, "platform-2026") == {"keyid": "platform-2026"}


def test_components_can_be_chosen(key_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = _sign(
        capsys, "GET", URL, "--key", key_file, "--component", "@method", "--component", "@query"
    )

    assert document["signature_base"].split("\n")[:2] == ['"@method": GET', '"@query": ?x=1']


def test_a_web_bot_auth_signature_names_thumbprint_and_member(
    key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = _sign(
        capsys, "GET", URL, "--key", key_file, "--tag", "web-bot-auth", "--expires", "+60",
        "--header", f'Signature-Agent: sig1="{PROFILE}"',
    )  # fmt: skip

    assert _check(document, "platform-2026")["keyid"] == thumbprint("platform-2026")
    assert f'"signature-agent";key="sig1": "{PROFILE}"' in document["signature_base"]


def test_the_target_is_signed_as_it_stands(
    key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = _sign(
        capsys, "GET", "https://shop.example.com/a/../b%2f?q=%7e+1&", "--key", key_file
    )

    assert '"@path": /a/../b%2f\n' in document["signature_base"]
    assert '"@query"' in document["signature_base"]


def test_the_curl_line_says_the_same_to_a_shell(
    key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    body = """{"it's":"$HOME `x` \\"}"""
    assert main(["sign", "POST", URL, "--key", key_file, "--data", body, "--format", "curl"]) == 0
    words = shlex.split(capsys.readouterr().out)

    assert words[:4] == ["curl", "--path-as-is", "--request", "POST"]
    assert words[words.index("--data-binary") + 1] == body
    assert words[-2:] == ["--globoff", URL]
    headers = [words[at + 1] for at, word in enumerate(words) if word == "--header"]
    assert headers[0] == "Host: shop.example.com"
    assert headers[-1].startswith("Signature: sig1=:")


def test_curl_reads_a_body_that_came_from_a_file_from_there(
    key_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"\x00\xff")
    assert (
        main(["sign", "POST", URL, "--key", key_file, "--data", f"@{body}", "--format", "curl"])
        == 0
    )
    words = shlex.split(capsys.readouterr().out)

    assert words[words.index("--data-binary") + 1] == f"@{body}"


def test_headers_are_one_a_line(key_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sign", "GET", URL, "--key", key_file]) == 0
    names = [line.partition(": ")[0] for line in capsys.readouterr().out.splitlines()]

    assert names == ["Host", "Signature-Input", "Signature"]


@pytest.mark.parametrize("format_", ["headers", "curl", "json"])
def test_the_private_key_is_never_printed(
    key_file: str, capsys: pytest.CaptureFixture[str], format_: str
) -> None:
    assert main(["sign", "GET", URL, "--key", key_file, "--format", format_]) == 0

    assert private_jwk("platform-2026")["d"] not in capsys.readouterr().out


def test_a_body_can_come_from_standard_input(
    key_file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"a":2}')))

    assert _sign(capsys, "POST", URL, "--key", key_file, "--data", "@-")["body"] == '{"a":2}'


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        Ed25519PrivateKey.generate(),
    ],
    ids=["P-256", "P-384", "Ed25519"],
)
def test_a_pem_key_signs_under_its_thumbprint(
    key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    document = _sign(capsys, "GET", URL, "--key", str(path))

    assert 'keyid="' in dict(document["headers"])["Signature-Input"]


def test_keyid_chooses_a_key_of_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.json"
    names = ["platform-2026", "platform-ed25519"]
    path.write_text(json.dumps({"keys": [private_jwk(name) for name in names]}))
    document = _sign(capsys, "GET", URL, "--key", str(path), "--keyid", "platform-ed25519")

    _check(document, "platform-ed25519")
    assert "--keyid must name one" in _complaint(capsys, "GET", URL, "--key", str(path))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "neither a JWK nor PEM"),
        (b"[]", "a JWK is a JSON object"),
        (b'{"kty":"oct","k":"c2VjcmV0"}', "not supported"),
        (json.dumps(public_jwk("platform-2026")).encode(), "a public key cannot sign"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (
            rsa.generate_private_key(65537, 2048).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            "neither P-256 nor P-384 nor Ed25519",
        ),
        (
            Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
            ),
            "encrypted; name the variable with --passphrase-env",
        ),
    ],
)
def test_a_key_that_cannot_sign_is_one_clear_line(
    content: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)

    assert says in _complaint(capsys, "GET", URL, "--key", str(path))


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["GET", "ftp://shop.example.com/"], "http:// or https://"),
        (["GET", "https://shop.example.com/ä"], "visible ASCII"),
        (["GET", "https://user@shop.example.com/"], "http:// or https://"),
        (["GET", "https://shop.example.com/#x"], "fragment"),
        (["G T", URL], "is not a method"),
        (["GET", URL, "--header", "no colon"], "--header"),
        (["GET", URL, "--header", "X: a\nY: b"], "--header"),
        (["GET", URL, "--created", "yesterday"], "--created"),
        (["GET", URL, "--expires", "+soon"], "--expires"),
        (["GET", URL, "--component", "x-absent"], "x-absent"),
        (["GET", URL, "--component", "@nothing"], "@nothing"),
        (["GET", URL, "--label", "UPPER"], "UPPER"),
        (["POST", URL, "--data", "@/nowhere/at/all"], "No such file"),
        (["POST", URL, "--data", "\0", "--format", "curl"], "command line"),
        (["POST", URL, "--idempotency-key", "a\r\nX: y"], "no header can have"),
        (["GET", URL, "--profile", "https://p.example/\n"], "no header can have"),
        (["GET", URL, "--b64"], "--b64 means nothing with --scheme rfc9421"),
        (["GET", URL, "--scheme", "detached-jws", "--tag", "x"], "--tag means nothing"),
        (["GET", URL, "--scheme", "detached-jws", "--created", "1"], "--created means nothing"),
        (["GET", URL, "--scheme", "talos", "--component", "@path"], "--component means nothing"),
        (["GET", URL, "--scheme", "talos", "--created", "none"], "says when it was made"),
        (["GET", URL, "--scheme", "talos"], "ucp-agent"),
        (["GET", URL, "--scheme", "talos", "--profile", PROFILE, "--nonce", "n"], "not a UUID"),
        (
            ["GET", URL, "--scheme", "talos", "--profile", PROFILE, "--endpoint", "/ucp"],
            "not below the REST endpoint",
        ),
        (["GET", URL, "--endpoint", "/ucp"], "--endpoint is for --scheme talos and --vector"),
        (["GET", URL, "--connect", "127.0.0.1:1"], "--connect needs --send"),
        (["GET", URL, "--verify-answer", "x"], "--verify-answer needs --send"),
        (["GET", URL, "--send", "--format", "curl"], "--format curl"),
        (["GET", URL, "--send", "--timeout", "0"], "--timeout"),
        (["GET", URL, "--send", "--timeout", "nan"], "--timeout"),
        (["GET", URL, "--send", "--connect", "127.0.0.1"], "is not HOST:PORT"),
        (["GET", URL, "--send", "--connect", "::1:80"], "is not HOST:PORT"),
        (["GET", URL, "--send", "--connect", "127.0.0.1:70000"], "no port from 1 to 65535"),
        (["GET", "https://shop.example.com:99999/", "--send"], "no port from 1 to 65535"),
        (["GET", URL, "--send", "--verify-answer", "/nowhere/at/all"], "No such file"),
        (["GET", URL, "--send", "--header", "Transfer-Encoding: chunked"], "leave Transfer-Enc"),
        (["GET", URL, "--send", "--header", "Content-Length: 3"], "Content-Length"),
    ],
)
def test_a_request_that_cannot_be_signed_is_one_clear_line(
    argv: list[str], says: str, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in _complaint(capsys, *argv, "--key", key_file)


def _encrypted(passphrase: bytes) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    encryption = BestAvailableEncryption(passphrase)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def test_an_encrypted_key_is_opened_with_the_passphrase_of_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(_encrypted(b"open sesame"))
    argv = ["GET", URL, "--key", str(path), "--passphrase-env", "SESAME"]

    assert "there is no such variable" in _complaint(capsys, *argv)
    monkeypatch.setenv("SESAME", "hocus pocus")
    complaint = _complaint(capsys, *argv)
    assert "the passphrase does not open the key" in complaint
    assert "hocus" not in complaint
    monkeypatch.setenv("SESAME", "open sesame")
    assert _sign(capsys, *argv)["headers"][-1][0] == "Signature"


def test_a_variable_does_no_harm_where_the_key_is_not_encrypted(
    key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = _sign(capsys, "GET", URL, "--key", key_file, "--passphrase-env", "NOT_SET_AT_ALL")

    _check(document, "platform-2026")


def test_at_a_terminal_the_passphrase_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(_encrypted(b"open sesame"))
    asked = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "open sesame"

    monkeypatch.setattr("getpass.getpass", answer)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    _sign(capsys, "GET", URL, "--key", str(path))

    assert asked == [f"Passphrase of {path}: "]


@pytest.mark.parametrize("encoded", [False, True], ids=["octets", "base64url"])
def test_a_detached_jws_signs_the_body_alone(
    key_file: str, capsys: pytest.CaptureFixture[str], *, encoded: bool
) -> None:
    argv = ["POST", URL, "--key", key_file, "--scheme", "detached-jws", "--data", '{"a":1}']
    document = _sign(capsys, *argv, "--profile", PROFILE, *(["--b64"] if encoded else []))

    names = [name for name, _ in document["headers"]]
    assert names == ["Host", "UCP-Agent", "Idempotency-Key", "Content-Type", "Request-Signature"]
    jws = document["headers"][-1][1]
    protected = verify_detached(jws, b'{"a":1}', load_key(public_jwk("platform-2026")))
    assert protected["kid"] == "platform-2026"
    assert protected.get("b64", True) is encoded
    header = jws.partition(".")[0]
    assert document["signature_base"] == header + (".eyJhIjoxfQ" if encoded else '.{"a":1}')


def test_a_jws_names_the_thumbprint_of_a_key_that_has_no_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key.json"
    jwk = {name: value for name, value in private_jwk("platform-2026").items() if name != "kid"}
    path.write_text(json.dumps(jwk))
    document = _sign(
        capsys, "POST", URL, "--key", str(path), "--scheme", "detached-jws", "--data", "{}"
    )

    protected = protected_header(document["headers"][-1][1])
    assert protected["kid"] == thumbprint("platform-2026")


@pytest.mark.parametrize(
    ("path", "argv", "endpoint"),
    [
        ("/checkout-sessions", [], ""),
        ("/ucp/v1/checkout-sessions", [], "/ucp/v1"),
        ("/ucp/v1/special", ["--endpoint", "/ucp/v1/"], "/ucp/v1"),
        ("/carts/special", ["--endpoint", "/"], ""),
    ],
)
def test_a_talos_envelope_is_relative_to_the_endpoint(
    key_file: str,
    path: str,
    argv: list[str],
    endpoint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    argv = [*argv, "--created", "1767225600", "--profile", PROFILE, "--data", '{"a":1}']
    url = f"https://shop.example.com{path}?b=2&a=1"
    document = _sign(capsys, "POST", url, "--key", key_file, "--scheme", "talos", *argv)

    assert [name for name, _ in document["headers"]][-2:] == [
        "Talos-Signature-Meta",
        "Request-Signature",
    ]
    request = Request(
        method="POST",
        target=f"{path}?b=2&a=1",
        headers=[(line[0], line[1]) for line in document["headers"]],
        body=b'{"a":1}',
    )
    key = load_key(public_jwk("platform-2026"))
    assert verify_envelope(request, key, endpoint=endpoint).iat == 1767225600
    jws = dict(document["headers"])["Request-Signature"]
    assert protected_header(jws)["kid"] == "platform-2026"
    payload = envelope(request, endpoint=endpoint)
    assert document["signature_base"] == signing_input(jws, payload).decode()


def test_a_talos_envelope_has_an_id_of_its_own_unless_one_is_given(
    key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["GET", URL, "--key", key_file, "--scheme", "talos", "--profile", PROFILE]
    given = "550e8400-e29b-41d4-a716-446655440000"
    metas = [
        dict(_sign(capsys, *argv, *more)["headers"])["Talos-Signature-Meta"]
        for more in ([], [], ["--nonce", given])
    ]

    assert len(set(metas)) == 3
    assert metas[2].endswith(f'jti="{given}"')


def test_a_json_rpc_body_gets_no_key_beside_its_own(
    key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "cancel_checkout", "arguments": {"meta": {"idempotency-key": "k"}}},
    }
    url = "https://shop.example.com/ucp/mcp"
    document = _sign(capsys, "POST", url, "--key", key_file, "--data", json.dumps(call))

    assert "Idempotency-Key" not in dict(document["headers"])
    target = document["url"].removeprefix("https://shop.example.com")
    assert target == "/ucp/mcp"
