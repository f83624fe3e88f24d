"""``sign --send`` against a real socket: what arrives, what is printed, how it ends."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from canonical import (
    Request,
    Response,
    content_digest,
    load_key,
    parse_signatures,
    sign,
    verify,
)
from connector.cli import signed_sending
from connector.cli.main import main
from connector.diagnosis.generator.keys import private_jwk, public_jwk
from tests.connector.upstream.certificates import Authority
from tests.end_to_end.raw_server import Behaviour, RawServer, Seen, Visit, answer, nobody

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

SHOP = "shop.example.com"
URL = f"http://{SHOP}/checkout-sessions/../x%2f?q=%7e+1&"
PROFILE = "/.well-known/ucp"
ANSWER = b'{"id":"c1"}'


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(private_jwk("platform-2026")))
    return str(path)


@pytest.fixture
def server() -> Iterator[RawServer]:
    with RawServer() as running:
        yield running


def _send(server: RawServer, key_file: str, *argv: str, url: str = URL, method: str = "GET") -> int:
    connect = f"127.0.0.1:{server.port}"
    return main(["sign", method, url, "--key", key_file, "--send", "--connect", connect, *argv])


def _received(seen: Seen) -> Request:
    method, target, _ = seen.request_line.decode().split(" ")
    return Request(method=method, target=target, scheme="http", headers=seen.lines, body=seen.body)


def _signing(*components: str, key: str = "platform-next") -> Behaviour:
    """Answer as a business does: signed over these components."""

    def behave(visit: Visit, seen: Seen) -> None:
        lines = [("Content-Type", "application/json"), ("Content-Digest", content_digest(ANSWER))]
        response = Response(status=200, headers=lines, body=ANSWER, request=_received(seen))
        made = sign(
            response, load_key(private_jwk(key)), components, created=int(time.time()), keyid=key
        )
        lines += [("Signature-Input", made[0]), ("Signature", made[1])]
        answer(ANSWER, "200 OK", *lines)(visit, seen)

    return behave


COVERED = ("@status", "content-digest", "content-type")


def _profile(*names: str) -> bytes:
    return json.dumps({"ucp": {}, "keys": [public_jwk(name) for name in names]}).encode()


def test_exactly_the_signed_octets_arrive(server: RawServer, key_file: str, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b'{"a":\x001, "\xc3\xa9":2}\r\n')
    status = _send(server, key_file, "--data", f"@{body}", "--header", "hOST: x.example:80",
                   method="POST")  # fmt: skip

    assert status == 0
    (seen,) = server.requests
    assert seen.request_line == b"POST /checkout-sessions/../x%2f?q=%7e+1& HTTP/1.1"
    assert seen.body == body.read_bytes()
    assert [name for name, _ in seen.lines] == [
        b"hOST", b"Idempotency-Key", b"Content-Type", b"Content-Digest", b"Signature-Input",
        b"Signature", b"Content-Length", b"Connection",
    ]  # fmt: skip
    request = _received(seen)
    (signature,) = parse_signatures(request)
    verify(request, signature, load_key(public_jwk("platform-2026")))


def test_status_headers_and_body_are_printed(
    server: RawServer, key_file: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    server.default = answer(b"\xff\x00", "201 Created", ("X-One", "a"), ("X-One", "b"))

    assert _send(server, key_file) == 0
    assert capfdbinary.readouterr().out == (
        b"HTTP 201\nX-One: a\nX-One: b\nContent-Type: application/json\nContent-Length: 2\n\n"
        b"\xff\x00\n"
    )


@pytest.mark.parametrize("status", ["301 Moved Permanently", "401 Unauthorized", "500 Oops"])
def test_any_status_but_2xx_is_a_failure_and_no_redirect_is_followed(
    server: RawServer, key_file: str, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.default = answer(b"{}", status, ("Location", f"{server.origin}/other"))

    assert _send(server, key_file) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith(f"HTTP {status[:3]}\n")
    assert captured.err == f"ucp-connector: the answer's status is {status[:3]}\n"
    assert len(server.requests) == 1


def test_json_has_the_request_and_its_answer(
    server: RawServer, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _send(server, key_file, "--format", "json") == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)

    assert document["request"]["url"] == URL
    assert document["answer"]["status"] == 200
    assert document["answer"]["body"] == '{"ok": true}'
    assert document["answer"]["verified"] is None


def test_a_signed_answer_is_verified_with_the_keys_of_a_file(
    server: RawServer, key_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.default = _signing(*COVERED, '"@method";req', '"signature";req;key="sig1"')
    profile = tmp_path / "profile.json"
    profile.write_bytes(_profile("platform-next"))

    assert _send(server, key_file, "--verify-answer", str(profile)) == 0
    assert "the answer verifies: sig1, keyid 'platform-next'" in capsys.readouterr().err


def test_a_profile_at_the_same_authority_is_fetched_over_the_same_way(
    server: RawServer, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.default = _signing(*COVERED)
    server.script[PROFILE] = answer(_profile("platform-next"))

    argv = ["--verify-answer", f"http://{SHOP}{PROFILE}", "--format", "json"]
    assert _send(server, key_file, *argv) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["answer"]["verified"] == {"label": "sig1", "keyid": "platform-next"}
    assert server.requests[0].target == PROFILE.encode()
    assert server.requests[0].values("Signature") == []


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (answer(b"{}"), "neither Signature-Input nor Signature"),
        (_signing("@status"), "not covered: content-digest, content-type"),
        (_signing(*COVERED, key="stranger"), "no key with kid"),
    ],
)
def test_an_answer_that_does_not_verify_is_printed_and_a_failure(
    behaviour: Behaviour,
    says: str,
    server: RawServer,
    key_file: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.default = behaviour
    profile = tmp_path / "profile.json"
    profile.write_bytes(_profile("platform-next"))

    assert _send(server, key_file, "--verify-answer", str(profile)) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("HTTP 200\n")
    assert says in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("url", "body", "status", "ends", "says"),
    [
        (f"http://{SHOP}{PROFILE}", b"{}", "404 Not Found", 1, "status 404"),
        (f"http://{SHOP}{PROFILE}", b"[]", "200 OK", 1, "neither a profile"),
        (f"http://{SHOP}{PROFILE}", b" " * 300_000, "200 OK", 1, "more than 262144 octets"),
        (f"http://other.example{PROFILE}", b"", "200 OK", 2, "without TLS"),
    ],
)
def test_without_keys_nothing_is_sent(
    url: str,
    body: bytes,
    status: str,
    ends: int,
    says: str,
    server: RawServer,
    key_file: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.script[PROFILE] = answer(body, status)

    assert _send(server, key_file, "--verify-answer", url) == ends
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert all(seen.target == PROFILE.encode() for seen in server.requests)


def _says(octets: bytes, *, end: bool = True) -> Behaviour:
    def behave(visit: Visit, _: Seen) -> None:
        visit.say(octets)
        if end:
            visit.open = False
        else:
            visit.wait_for_end()

    return behave


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (_says(b""), "the connection ended before the answer did"),
        (_says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), "ended before the answer did"),
        (_says(b"SSH-2.0-OpenSSH\r\n"), "cannot be read"),
        (_says(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"), "more than 1000 octets"),
        (_says(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000), "more than 1000 octets"),
        (_says(b"HTTP/1.1 101 Switching\r\n\r\n"), "cannot be read"),
    ],
)
def test_what_is_no_answer_is_one_clear_line(
    behaviour: Behaviour,
    says: str,
    server: RawServer,
    key_file: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(signed_sending, "_MAX_ANSWER", 1000)
    server.default = behaviour

    assert _send(server, key_file) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nbody",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nbody",
    ],
)
def test_every_framing_of_an_answer_is_read(
    octets: bytes, server: RawServer, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.default = _says(octets)

    assert _send(server, key_file) == 0
    assert capsys.readouterr().out.endswith("\n\nbody\n")


def test_an_answer_to_head_has_no_body(server: RawServer, key_file: str) -> None:
    server.default = _says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", end=False)

    assert _send(server, key_file, method="HEAD") == 0


def test_an_answer_that_does_not_come_ends_with_the_time_out(
    server: RawServer, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.default = _says(b"HTTP/1.1 200 OK\r\n", end=False)

    assert _send(server, key_file, "--timeout", "1.5") == 1
    assert "no whole answer within 1.5 s" in capsys.readouterr().err


def test_an_answer_given_before_the_request_was_read_is_read(
    key_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b" " * 8_000_000)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        ended = threading.Event()

        def refuse() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            ended.set()

        thread = threading.Thread(target=refuse)
        thread.start()
        connect = f"127.0.0.1:{listening.getsockname()[1]}"
        status = main(["sign", "POST", URL, "--key", key_file, "--data", f"@{body}", "--send",
                       "--connect", connect])  # fmt: skip
        assert ended.wait(10)
        thread.join()

    assert status == 1
    assert "status is 413" in capsys.readouterr().err


def test_nobody_listening_is_one_clear_line(
    key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with nobody() as origin:
        assert main(["sign", "GET", f"{origin}/", "--key", key_file, "--send"]) == 1

    captured = capsys.readouterr()
    assert captured.err.startswith(f"ucp-connector: {origin.removeprefix('http://')}: ")
    assert captured.err.count("\n") == 1


@contextmanager
def _tls(context: ssl.SSLContext) -> Iterator[tuple[int, list[str | None]]]:
    """Answer one connection over TLS; gives the port and the names that were asked for."""
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def serve() -> None:
            plain, _ = listening.accept()
            with plain:
                try:
                    with context.wrap_socket(plain, server_side=True) as connection:
                        visit = Visit(connection)
                        seen = visit.request()
                        if seen is not None:
                            answer(b"{}")(visit, seen)
                        visit.close()
                except OSError:
                    pass  # the client did not like the certificate

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], names
        thread.join()


def test_over_tls_the_urls_own_name_is_verified_wherever_the_connection_leads(
    tmp_path: Path, key_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    url = f"https://{SHOP}/x"
    with _tls(authority.server(SHOP)) as (port, names):
        argv = ["sign", "GET", url, "--key", key_file, "--send", "--connect", f"127.0.0.1:{port}"]
        assert main(argv) == 0
    assert names == [SHOP]


@pytest.mark.parametrize("trusted", [True, False], ids=["another name", "another authority"])
def test_over_tls_a_certificate_that_does_not_fit_ends_it(
    tmp_path: Path,
    key_file: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    trusted: bool,
) -> None:
    authority = Authority(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    name = "other.example.com" if trusted else SHOP
    with _tls(authority.server(name)) as (port, _):
        argv = ["sign", "GET", f"https://{SHOP}/x", "--key", key_file, "--send"]
        assert main([*argv, "--connect", f"127.0.0.1:{port}"]) == 1
    assert "the certificate: " in capsys.readouterr().err


def test_the_private_key_is_in_nothing_that_is_sent_or_printed(
    server: RawServer, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _send(server, key_file, "--format", "json") == 0
    (seen,) = server.requests
    captured = capsys.readouterr()
    secret = private_jwk("platform-2026")["d"]
    assert secret.encode() not in seen.head
    assert secret not in captured.out + captured.err
