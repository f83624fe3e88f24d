"""What the reader makes of a command line, beside what curl itself sends for it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from connector.diagnosis.curl_command import read_curl
from connector.diagnosis.raw_request import read_request

if TYPE_CHECKING:
    from pathlib import Path

    from connector.diagnosis.vectors import WireRequest

CURL = shutil.which("curl")
# Which of its own headers curl sends is not the reader's to know.
_OWN = {b"user-agent", b"content-length"}


@pytest.fixture(autouse=True)
def _needs_curl_and_bash() -> None:
    if CURL is None or shutil.which("bash") is None:
        pytest.skip("curl or bash is not installed")


def _sent(line: str, folder: Path) -> WireRequest:
    """Run a command line against a socket, and return what came."""
    received: list[bytes] = []

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            head, _, body = data.partition(b"\r\n\r\n")
            for header in head.split(b"\r\n"):
                if header.lower().startswith(b"content-length:"):
                    while len(body) < int(header.partition(b":")[2]):
                        body += connection.recv(65536)
            received.append(head + b"\r\n\r\n" + body)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=answer, args=(listener,))
        thread.start()
        here = f"127.0.0.1:{listener.getsockname()[1]}"
        subprocess.run(  # noqa: S603 - curl, with the lines below
            ["bash", "-c", line.replace("{here}", here)],  # noqa: S607 - whichever bash there is
            cwd=folder,
            env={"PATH": os.environ["PATH"]},  # no proxy of whoever runs the tests
            check=True,
            timeout=30,
            capture_output=True,
        )
        thread.join(30)
    told = read_curl(line.replace("{here}", here), lambda path: (folder / path).read_bytes())
    request = read_request(received[0], "http")
    assert _comparable(told) == _comparable(request)
    return request


def _comparable(request: WireRequest) -> tuple[object, ...]:
    headers = sorted(
        (name.lower(), value) for name, value in request.headers if name.lower() not in _OWN
    )
    return request.method, request.target, headers, request.body


@pytest.mark.parametrize(
    "line",
    [
        "curl -q http://{here}",
        "curl -q 'http://{here}?a=%2f+b' -H 'Accept:' -H 'X;' -H 'B: 1' -H 'B: 2'",
        "curl -q http://{here}/a/../b/./c -d 'a=1' -d b=2",
        "curl -q --path-as-is http://{here}/a/../b -X PUT --data-binary @body",
        "curl -q http://{here}/a/.. -d @body",
        "curl -q -G http://{here}/s?c -d a=1 -d b=2",
        "curl -q http://{here}/ --json '{}' -b a=b -e there -u me:it",
        "curl -q http://me:it@{here}/#x --data-raw $'\\'\\u0041\\n@'",
        "curl -q -sS -g 'http://{here}/{a,b}' -H 'Host: a.example' --data-raw \"it's \\\"it\\\"\"",
    ],
)
def test_curl_sends_what_was_read(line: str, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b'{"a":\r\n1}')

    assert _sent(line, tmp_path).method in {"GET", "POST", "PUT"}
