"""Public lists of ambiguous requests over a real socket: refused, or one unambiguous request."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.connector.ingress.second_reading import Reading, second_reading
from tests.connector.ingress.serving import AUTHORITY, Serving, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "vectors"
HOSTS = (
    *(AUTHORITY, "www.example.com", "example.com", "vulnerable-website.com", "domain.example.com"),
    *("a", "localhost", "github.com", "0.0.0.0:5000"),
)


def cases(path: str) -> list[Any]:
    file = VECTORS / path
    if not file.exists():
        reason = f"the public vectors are not beside this checkout ({path})"
        return [pytest.param(b"", marks=pytest.mark.skip(reason=reason), id="absent")]
    found = json.loads(file.read_text())["cases"]
    return [
        pytest.param(base64.b64decode(case["raw_b64"]), id=case.get("id") or case["title"])
        for case in found
        if case["kind"] not in ("response", "url") and not case["kind"].startswith("response-")
    ]


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    with serving(authorities=[(host, "flowers", "https") for host in HOSTS]) as server:
        yield server


def with_host(raw: bytes) -> bytes:
    """Put a Host line behind the request line, so that its absence is not all that is wrong."""
    line, end, rest = raw.partition(b"\r\n")
    return line + end + b"Host: " + AUTHORITY.encode() + b"\r\n" + rest


def judge(running: Serving, raw: bytes) -> list[Reading]:
    """Send and read to the end: everything handed over is also what h11 reads, in that order."""
    running.handler.clear()
    with running.connect() as client:
        client.send(raw)
        client.end()
        answer = client.rest()  # the server closed
    found = [
        Reading(
            each.request.method,
            each.request.target,
            tuple(each.request.headers),
            each.request.body,
        )
        for each in running.handler.received
    ]
    assert found == second_reading(raw)[: len(found)]
    assert answer.count(b"HTTP/1.1 ") == len(found) + len(running.handler.refused)
    assert found or running.handler.refused or not raw
    for refusal, _ in running.handler.refused:
        assert refusal.code.status in (400, 413, 421, 431)
        assert b"Connection: close\r\n" in answer
    return found


@pytest.mark.parametrize("raw", cases("llhttp/cases.dev.json"))
def test_the_parsers_own_cases_are_refused_or_read_in_one_way(running: Serving, raw: bytes) -> None:
    judge(running, raw)
    judge(running, with_host(raw))


@pytest.mark.parametrize("raw", cases("payloadsallthethings/request_smuggling.json"))
def test_smuggled_requests_are_refused_or_stay_in_the_body(running: Serving, raw: bytes) -> None:
    found = judge(running, raw)
    assert len(found) <= 1
    assert all(b"SMUGGLED" not in each.target.encode() for each in found)


def test_the_cases_are_not_all_refused(running: Serving) -> None:
    raw = b"POST / HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: 37\r\n\r\n"
    body = b"GET / HTTP/1.1\r\nHost: www.example.com"
    assert [each.body for each in judge(running, raw + body)] == [body]
