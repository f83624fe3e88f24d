"""The reader against arbitrary octets, and against a second, independent reading."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.errors import Refusal
from connector.ingress.guard import Guard
from connector.ingress.limits import WireLimits
from connector.ingress.reader import RequestReader
from tests.connector.ingress.second_reading import Reading, second_reading

LIMITS = WireLimits(body=60, headers=6, header_line=100, header_bytes=250)
Outcome = tuple[list[Reading], bool]


def read(stream: bytes, cuts: list[int]) -> Outcome:
    """Feed the stream in pieces: the requests that were read, and whether it was refused."""
    reader = RequestReader(Guard(LIMITS), LIMITS)
    found: list[Reading] = []
    head = None
    start = 0
    try:
        for cut in [*sorted(cuts), len(stream)]:
            if cut == start != len(stream):
                continue
            reader.feed(stream[start:cut])
            start = cut
            while True:
                if head is None:
                    head = reader.next_head()
                    if head is None:
                        break
                body = reader.next_body()
                if body is None:
                    break
                found.append(Reading(head.method, head.target, tuple(head.headers), body))
                if not head.keep_alive:
                    return found, False
                head = None
                if not reader.waiting:
                    break
    except Refusal:
        return found, True
    return found, False


FRAGMENTS = st.sampled_from(
    [
        *(b"GET ", b"POST ", b"/", b"/p?q", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"\r\n", b"\r"),
        *(b"\n", b"\r\n\r\n", b"Host: a\r\n", b"Host:a\r\n", b"Content-Length: 3\r\n", b"abc"),
        *(b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n", b"X: y"),
        *(b"0\r\n\r\n", b"0\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\n", b" ", b":"),
        *(b"Upgrade: x\r\n", b"Expect: 100-continue\r\n", b"\t", b"\0", b"\xff", b";", b"x: y\r\n"),
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"PUT /p?q HTTP/1.1\r\nhost: a\r\nX:  y \t\r\nX:\r\n",
        b"POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
    ]
)
STREAMS = st.lists(FRAGMENTS, max_size=12).map(b"".join) | st.binary(max_size=80)


@settings(max_examples=400, deadline=None)
@given(STREAMS, st.lists(st.integers(0, 700), max_size=12))
@example(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n", [])
def test_requests_are_read_alike_whole_and_in_pieces(stream: bytes, cuts: list[int]) -> None:
    pieces = [cut for cut in cuts if cut < len(stream)]
    assert read(stream, pieces) == read(stream, [])


@settings(max_examples=400, deadline=None)
@given(STREAMS)
def test_what_is_read_is_what_a_second_reading_finds(stream: bytes) -> None:
    found, refused = read(stream, [])
    assert found == second_reading(stream)[: len(found)]
    if not refused:
        assert len(found) == len(second_reading(stream))


def test_each_octet_alone_makes_the_same_requests() -> None:
    stream = (
        b"POST /a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        b"PUT /b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd"
        b"GET /c HTTP/1.1\r\nHost: a\r\nX: y \t \r\n\r\n"
    )
    found, refused = read(stream, list(range(len(stream))))
    assert not refused
    assert [(each.method, each.target, each.body) for each in found] == [
        ("POST", "/a?b", b"abcde"),
        ("PUT", "/b", b"abcd"),
        ("GET", "/c", b""),
    ]
    assert found[2].headers == ((b"Host", b"a"), (b"X", b"y"))


@pytest.mark.parametrize(
    "stream",
    [
        b"GET / HTTP/1.1\r\nX: " + b"y" * 300,
        b"GET / HTTP/1.1\r\n" + b"y" * 300,
        b"GET /" + b"y" * 300,
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 300 + b"\r\n\r\n",
    ],
)
def test_a_head_that_never_ends_is_refused_at_the_limit(stream: bytes) -> None:
    for cuts in ([], list(range(len(stream)))):
        reader = RequestReader(Guard(LIMITS), LIMITS)
        start = 0
        with pytest.raises(Refusal) as refused:  # noqa: PT012 - in one of many steps
            for cut in [*cuts, len(stream)]:
                reader.feed(stream[start:cut])
                start = cut
                reader.next_head()
        assert refused.value.code.name == "headers_too_large"
        assert start <= LIMITS.header_bytes or not cuts


@pytest.mark.parametrize(
    "stream",
    [b"\r\nGET / HTTP/1.1\r\n", b"\r\n", b"\nGET", b"\r", b" GET", b"\tGET", b"\0GET"],
)
def test_white_space_before_a_request_is_refused(stream: bytes) -> None:
    assert read(stream, []) == ([], True)
    assert read(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + stream, [])[1]


@pytest.mark.parametrize(
    "stream",
    [
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n X",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"SSH-2.0-OpenSSH\r\n",
        b"GET / HTTP/1.1\r\nHost: a\0",
    ],
)
def test_what_cannot_become_a_request_is_refused_before_its_end(stream: bytes) -> None:
    assert read(stream, [])[1]


def test_a_cleared_reader_holds_nothing() -> None:
    reader = RequestReader(Guard(LIMITS), LIMITS)
    reader.feed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
    assert reader.next_head() is not None
    assert reader.next_body() is None
    reader.clear()
    assert not reader.waiting
    assert not reader.has_body
