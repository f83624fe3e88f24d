"""The promise of ``make run ONCE=1``."""

from __future__ import annotations

import http.client
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def environment() -> dict[str, str]:
    """Have the demo's gateway wait longer for its store and its disk: tests share the machine."""
    patient = {"UCP_CONNECTOR__STORE__TIMEOUT": "10s", "UCP_CONNECTOR__AUDIT__TIMEOUT": "15s"}
    return {**os.environ, **patient}


def test_the_story_ends_with_every_decision_as_expected(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connector.cli.main", "demo", "--once"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    last = re.fullmatch(r"([0-9]+) of \1 decisions as expected", lines[-1])
    assert last is not None
    assert int(last[1]) == 11
    # The answers to the six that verified are signed, and the platform has verified them.
    assert [line for line in lines if "  verified  " in line] == lines[2:8]
    assert all("  not signed  " in line for line in lines[8:13])
    assert "the merchant saw 4 requests: none twice, and none that was refused" in done.stderr
    assert "Traceback" not in done.stderr


@contextmanager
def an_api() -> Iterator[int]:
    """Somebody's API: it answers everything."""

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(words: list[str], target: str | None = None) -> int:
    """Send what a curl command line says; return the status."""
    url = urlsplit(next(word for word in words if word.startswith("http://")))
    headers = dict(word.split(": ", 1) for word in words if ": " in word)
    connection = http.client.HTTPConnection(url.netloc, timeout=30)
    connection.request("GET", target or url.path, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Have processes heed Ctrl-C, as at a terminal; what a shell starts with ``&`` ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_in_front_of_an_api_the_printed_line_goes_through_until_it_is_changed(
    environment: dict[str, str],
) -> None:
    command = [sys.executable, "-m", "connector.cli.main", "demo", "--upstream"]
    with (
        an_api() as port,
        subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command, f"http://127.0.0.1:{port}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        ) as demo,
    ):
        assert demo.stdout is not None
        try:
            line = next(line for line in demo.stdout if line.strip().startswith("curl "))
            words = shlex.split(line)
            assert ask(words) == 200
            assert ask(words, "/checkout-sessions/chk_2") == 401
            demo.send_signal(signal.SIGINT)
            assert demo.wait(timeout=30) == 0
        finally:
            # Nobody else would end it, and leaving the block waits for its end.
            demo.terminate()
