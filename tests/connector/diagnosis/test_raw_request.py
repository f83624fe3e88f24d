from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.diagnosis.raw_request import RawRequestError, read_request
from connector.diagnosis.vectors import WireRequest

HEADERS = [(b"Host", b"x"), (b"A", b"b"), (b"a", b"")]


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_request_is_read_with_either_line_end(end: bytes) -> None:
    data = end.join([b"POST /a?b HTTP/1.1", b"Host: x", b"A: \tb ", b"a:", b"", b'{"c":\n1}'])

    assert read_request(data, "http") == WireRequest("POST", "/a?b", "http", HEADERS, b'{"c":\n1}')


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r\n\r\n"])
def test_a_request_without_body_may_end_anywhere(end: bytes) -> None:
    request = read_request(b"GET / HTTP/1.1\r\nHost: x" + end, "https")

    assert (request.target, request.headers, request.body) == ("/", [(b"Host", b"x")], b"")


def test_content_length_drops_the_line_end_of_an_editor() -> None:
    request = read_request(b"PUT / HTTP/1.1\nContent-Length: 2\n\n{}\n", "https")

    assert request.body == b"{}"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "first line"),
        (b"GET /\n\n", "first line"),
        (b"GET / x HTTP/1.1\n\n", "first line"),
        (b"GET /\xff HTTP/1.1\n\n", "not ASCII"),
        (b"GET / HTTP/1.1\nHost\n\n", "line 2"),
        (b"GET / HTTP/1.1\nHost: x\n: y\n\n", "line 3"),
        (b"PUT / HTTP/1.1\nContent-Length: 3\n\n{}", "has 2 octets"),
        (b"PUT / HTTP/1.1\nContent-Length: 1\n\n{}", "2 octets follow"),
        (b"PUT / HTTP/1.1\nContent-Length: x\n\n{}", "not one number"),
        (b"PUT / HTTP/1.1\nContent-Length: 1\nContent-Length: 2\n\n{}", "not one number"),
        (b"PUT / HTTP/1.1\nTransfer-Encoding: chunked\n\n0\n\n", "without chunks"),
    ],
)
def test_what_is_no_request_is_one_clear_line(data: bytes, says: str) -> None:
    with pytest.raises(RawRequestError, match=says):
        read_request(data, "https")


@given(st.binary(max_size=200))
def test_only_its_own_error_leaves_for_any_octets(data: bytes) -> None:
    try:
        read_request(b"POST / HTTP/1.1\n" + data, "https")
    except RawRequestError:
        return
