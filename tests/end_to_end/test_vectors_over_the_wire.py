"""All vector cases against a real gateway, and against gateways that decide nothing."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from connector.cli.main import main
from connector.diagnosis.vectors import read_vectors
from connector.diagnosis.wire.configuration import configuration as gateway_for
from tests.end_to_end.gateway import configuration, running_gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS: Final = Path(__file__).parents[2] / "vectors"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def run(gateway: tuple[str, int], port: int, *more: str) -> int:
    url = f"http://{gateway[0]}:{gateway[1]}"
    return main(["vectors", "run", *more, "--gateway", url, "--profiles-port", str(port), "--json"])


def test_a_gateway_decides_over_the_wire_as_the_files_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        read_vectors(path.read_bytes())
        for path in sorted(VECTORS.glob("*.json"))
        if path.stem != "schema"
    ]
    port = free_port()
    document = gateway_for(files, port)
    # The profile server is here, and this process may be stopped for a second.
    discovery = {**document.pop("discovery"), "connect_timeout": "4s", "timeout": "4s"}
    settings = configuration(*document.pop("merchants"), discovery=discovery, **document)

    with running_gateway(tmp_path, settings) as gateway:
        status = run(gateway.address, port, str(VECTORS))

    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [case for case in told["cases"] if not case["good"]] == []
    assert status == 0
    sent = {case["id"] for case in told["cases"]}
    left = {case["id"] for case in told["not_sent"]}
    assert sent | left == {case.id for file in files for case in file.cases}
    assert len(sent) > 250


@contextmanager
def saying(answer: bytes) -> Iterator[tuple[str, int]]:
    """A gateway that gives everyone the same answer; without one it hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


REFUSAL: Final = b'{"code": "signature_invalid"}'
ACCEPTS: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
REFUSES: Final = b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n%b" % (len(REFUSAL), REFUSAL)


@pytest.mark.parametrize(
    ("answer", "decided"), [(ACCEPTS, "accept (200)"), (REFUSES, "signature_invalid")]
)
def test_a_gateway_that_always_says_the_same_fails(
    answer: bytes, decided: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with saying(answer) as gateway:
        status = run(gateway, free_port(), str(VECTORS / "times.json"))

    cases = json.loads(capsys.readouterr().out)["cases"]
    assert status == 1
    assert {case["decided"] for case in cases} == {decided}
    assert {case["good"] for case in cases} == {True, False}


def test_a_gateway_that_hangs_up_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with saying(b"") as gateway:
        status = run(gateway, free_port(), str(VECTORS / "times.json"))

    cases = json.loads(capsys.readouterr().out)["cases"]
    assert status == 1
    assert not any(case["good"] for case in cases)


def test_settings_that_the_gateway_has_not_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    unknown = b'{"code": "unknown_authority"}'
    answer = b"HTTP/1.1 421 No\r\nContent-Length: %d\r\n\r\n%b" % (len(unknown), unknown)
    with saying(answer) as gateway:
        run(gateway, free_port(), str(VECTORS / "detached_jws.json"))

    told = json.loads(capsys.readouterr().out)
    assert {each["reason"] for each in told["not_sent"]} == {
        "the gateway has no merchant for its settings"
    }


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "127.0.0.1", "http://h:x", "http://h/a"])
def test_a_gateway_is_named_by_host_and_port(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vectors", "run", str(VECTORS), "--gateway", url]) == 2
    assert "is not http://HOST:PORT" in capsys.readouterr().err


def test_a_gateway_that_is_not_there_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(("127.0.0.1", free_port()), free_port(), str(VECTORS / "times.json")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "127.0.0.1" in line


def test_an_address_that_the_profile_server_cannot_have_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Of all interfaces, so that none of its addresses is left.
    with socket.create_server(("", 0)) as taken, saying(ACCEPTS) as gateway:
        status = run(gateway, taken.getsockname()[1], str(VECTORS / "times.json"))

    assert status == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the profile server cannot listen on 127." in line


def test_a_gateway_that_a_request_ends_fails_and_the_rest_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        # The first connection is to see whether it is there at all.
        listener.accept()[0].close()
        connection, _ = listener.accept()
        listener.close()
        with connection:
            connection.recv(65536)
            connection.sendall(ACCEPTS)

    thread = threading.Thread(target=serve)
    address = listener.getsockname()
    thread.start()
    status = run(address, free_port(), str(VECTORS / "times.json"))
    thread.join()

    decided = [case["decided"] for case in json.loads(capsys.readouterr().out)["cases"]]
    assert status == 1
    assert decided[0] == "accept (200)"
    assert set(decided[1:]) == {"the gateway took no connection"}
