from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.upstream.reader import (
    CHUNK_OVERHEAD_RATIO,
    MAX_CHUNK_OVERHEAD,
    MAX_HEAD,
    MAX_HEADERS,
    MAX_INFORMATIONAL,
    AnswerReader,
)
from connector.upstream.states import Event

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
FINAL = (Event.END, Event.EOF, Event.MALFORMED)


class Outcome(NamedTuple):
    final: Event
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    kept: bool
    """The connection could go back to the pool."""


def read(pieces: Iterable[bytes], *, to_head: bool = False, limit: int = 1 << 20) -> Outcome:
    """Feed the pieces as a connection would, and end the input where nothing ended it."""
    events: list[Event] = []
    reader = AnswerReader(events.append, buffer_limit=limit)
    reader.expect(to_head=to_head)
    kept = True
    for piece in pieces:
        if piece and not (events and events[-1] in FINAL):
            reader.feed(piece)
        elif piece:
            kept = False  # bytes on an idle connection
    if not (events and events[-1] in FINAL):
        reader.end_of_input()
    kept = kept and events[-1] is Event.END
    kept = kept and Event.LAST_HEAD not in events and Event.EXTRA_BYTES not in events
    assert all(event not in FINAL for event in events[:-1])
    malformed = events[-1] is Event.MALFORMED
    body = b"" if malformed else b"".join(reader.take())
    # What was refused has no headers that anybody will look at.
    return Outcome(
        events[-1],
        0 if malformed else reader.status,
        [] if malformed else reader.headers,
        body,
        kept,
    )


def halves(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for at in range(len(data) + 1):
        yield data[:at], data[at:]


def chunks(*pieces: bytes, trailers: bytes = b"") -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return framed + b"0\r\n" + trailers + b"\r\n"


WHOLE = {
    "length": (OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
    "empty": (OK + b"Content-Length: 0\r\n\r\n", b"", True),
    "chunked": (CHUNKED + chunks(b"hel", b"lo"), b"hello", True),
    "chunked, no body": (CHUNKED + chunks(), b"", True),
    "chunk extensions": (CHUNKED + b'5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n', b"hello", True),
    "trailers": (CHUNKED + chunks(b"hello", trailers=b"X-A: b\r\nX-C:\r\n"), b"hello", True),
    "line ends in chunks": (CHUNKED + chunks(b"\r\n\r\n", b"\r\n"), b"\r\n\r\n\r\n", True),
    "until close": (OK + b"\r\nhello", b"hello", False),
    "last": (OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "old": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", b"", True),
    "continue": (
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi",
        b"hi",
        True,
    ),
    "early hints": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2 + CHUNKED + chunks(b"hi"),
        b"hi",
        True,
    ),
}


@pytest.mark.parametrize(("data", "body", "kept"), WHOLE.values(), ids=WHOLE)
def test_an_answer_is_the_same_however_it_is_split(*, data: bytes, body: bytes, kept: bool) -> None:
    whole = read([data])
    assert (whole.final, whole.body, whole.kept) == (Event.END, body, kept)
    for split in halves(data):
        assert read(split) == whole
    assert read(data[at : at + 1] for at in range(len(data))) == whole


@pytest.mark.parametrize(("data", "body", "kept"), WHOLE.values(), ids=WHOLE)
def test_an_answer_that_misses_any_of_its_bytes_is_not_whole(
    *, data: bytes, body: bytes, kept: bool
) -> None:
    until_close = read([data[:-1]]).final is Event.END
    head = data.rindex(b"\r\n\r\n") + 4 if until_close else len(data)
    for missing in range(1, head):
        assert read([data[:missing]]).final is Event.EOF
    assert kept or body


@pytest.mark.parametrize(
    "extra",
    [
        b"\r\n",
        b"\n",
        b"\r",
        b"x",
        b"\x00",
        b"\r\n\r\n",
        b"0\r\n\r\n",
        b"X\r\n\r\n",
        OK,
        OK + b"Content-Length: 5\r\n\r\nother",
        OK + b"A: b\r\n\r\n",
        CHUNKED + chunks(b"other"),
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
@pytest.mark.parametrize(
    ("data", "body", "kept"),
    [case for name, case in WHOLE.items() if name != "until close"],
    ids=[name for name in WHOLE if name != "until close"],
)
def test_bytes_behind_an_answer_spoil_the_connection_and_not_the_answer(
    *, data: bytes, body: bytes, kept: bool, extra: bytes
) -> None:
    alone = read([data])
    assert alone.kept == kept
    for split in halves(data + extra):
        assert read(split) == alone._replace(kept=False)
    assert alone.body == body


@pytest.mark.parametrize("line", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b""])
def test_the_answer_to_head_ends_with_its_head(line: bytes) -> None:
    data = OK + line + b"\r\n"
    for split in halves(data):
        outcome = read(split, to_head=True)
        assert (outcome.final, outcome.body) == (Event.END, b"")
        assert outcome.kept == (line == b"")
    for split in halves(data + b"hello"):
        assert not read(split, to_head=True).kept


MALFORMED = {
    "no http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a request": b"GET / HTTP/1.1\r\n\r\n",
    "tls alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "line end before": b"\r\n" + OK + b"Content-Length: 0\r\n\r\n",
    "http 2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "http 0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "http 1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
    "status 99": b"HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n",
    "status 600": b"HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n",
    "status with four digits": b"HTTP/1.1 2000 X\r\nContent-Length: 0\r\n\r\n",
    "two spaces": b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
    "bare LF after the status": b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
    "bare LF": OK + b"A: b\nContent-Length: 0\r\n\r\n",
    "bare CR": OK + b"A: b\rc\r\nContent-Length: 0\r\n\r\n",
    "NUL": OK + b"A: b\0c\r\nContent-Length: 0\r\n\r\n",
    "folded line": OK + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "space before the colon": OK + b"Content-Length : 0\r\n\r\n",
    "no name": OK + b": b\r\nContent-Length: 0\r\n\r\n",
    "no colon": OK + b"Content-Length\r\n\r\n",
    "both lengths": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both, other order": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "two equal lengths": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "list of lengths": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "huge length": OK + b"Content-Length: 99999999999999999999\r\n\r\n",
    "other coding": OK + b"Transfer-Encoding: gzip\r\n\r\nhello",
    "coding before chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "switching": b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "switching without upgrade": b"HTTP/1.1 101 X\r\n\r\n",
    "processing": b"HTTP/1.1 102 X\r\n\r\n",
    "early hints with a body": b"HTTP/1.1 103 X\r\nContent-Length: 2\r\n\r\nhi",
    "line end after continue": b"HTTP/1.1 100 X\r\n\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n",
    "chunk size": CHUNKED + b"x\r\nhello\r\n",
    "no chunk size": CHUNKED + b"\r\n0\r\n\r\n",
    "negative chunk size": CHUNKED + b"-5\r\nhello\r\n",
    "huge chunk size": CHUNKED + b"f" * 17 + b"\r\n",
    "bare LF after a chunk size": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "space before a chunk size": CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n",
    "space after a chunk size": CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
    "chunk longer than told": CHUNKED + b"4\r\nhello\r\n0\r\n\r\n",
    "bare LF in a trailer": CHUNKED + b"0\r\nA: b\n\r\n",
    "length in a trailer": CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_an_answer_that_could_be_read_in_two_ways_is_refused(data: bytes) -> None:
    for split in halves(data):
        assert read(split).final is Event.MALFORMED
    assert read(data[at : at + 1] for at in range(len(data))).final is Event.MALFORMED


def test_the_refusal_is_explained() -> None:
    events: list[Event] = []
    reader = AnswerReader(events.append, buffer_limit=1)
    reader.feed(OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n")
    assert reader.problem == "it is not valid HTTP (Duplicate Content-Length)"


def test_headers_keep_order_and_spelling_and_lose_outer_white_space() -> None:
    data = OK + b"b-B:  x y \t\r\nA:\r\nA: \xff\r\ncontent-LENGTH: 0 \r\n\r\n"
    assert read([data]).headers == [
        (b"b-B", b"x y"),
        (b"A", b""),
        (b"A", b"\xff"),
        (b"content-LENGTH", b"0"),
    ]


def test_trailers_are_dropped() -> None:
    data = CHUNKED + chunks(b"x", trailers=b"Set-Cookie: a=b\r\n")
    assert read([data]).headers == [(b"Transfer-Encoding", b"chunked")]


def test_headers_of_informational_answers_are_dropped() -> None:
    data = b"HTTP/1.1 103 X\r\nLink: a\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n"
    assert read([data]).headers == [(b"Content-Length", b"0")]


def head_of(size: int) -> bytes:
    end = b"Content-Length: 0\r\n\r\n"
    return OK + b"A: " + b"b" * (size - len(OK) - len(end) - 5) + b"\r\n" + end


def test_the_head_is_bounded() -> None:
    assert read([head_of(MAX_HEAD)]).final is Event.END
    assert read([head_of(MAX_HEAD + 1)]).final is Event.MALFORMED
    assert read([head_of(MAX_HEAD + 1)[:-1], b"\n"]).final is Event.MALFORMED
    assert read([OK + b"A: " + b"b" * MAX_HEAD]).final is Event.MALFORMED


def test_the_number_of_headers_is_bounded() -> None:
    line, end = b"A: b\r\n", b"Content-Length: 0\r\n\r\n"
    assert read([OK + line * (MAX_HEADERS - 1) + end]).final is Event.END
    assert read([OK + line * MAX_HEADERS + end]).final is Event.MALFORMED


def test_the_number_of_informational_answers_is_bounded() -> None:
    hint, final = b"HTTP/1.1 103 X\r\n\r\n", OK + b"Content-Length: 0\r\n\r\n"
    assert read([hint * MAX_INFORMATIONAL + final]).final is Event.END
    assert read([hint * (MAX_INFORMATIONAL + 1) + final]).final is Event.MALFORMED


def test_what_chunks_cost_beside_the_body_is_bounded() -> None:
    extension = b"1;" + b"a" * 1000 + b"\r\nx\r\n"
    count = MAX_CHUNK_OVERHEAD // (len(extension) - CHUNK_OVERHEAD_RATIO - 1)
    pieces = [CHUNKED, *[extension] * (count - 1), b"0\r\n\r\n"]
    assert read(pieces).final is Event.END
    pieces = [CHUNKED, *[extension] * (count + 1), b"0\r\n\r\n"]
    assert read(pieces).final is Event.MALFORMED


def test_trailers_are_bounded() -> None:
    pieces = [CHUNKED, b"0\r\n", *[b"A: " + b"b" * 1000 + b"\r\n"] * 70, b"\r\n"]
    assert read(pieces).final is Event.MALFORMED


def test_chunks_of_one_octet_pass_without_end() -> None:
    one = b"1\r\nx\r\n"
    pieces = [CHUNKED, *[one * 1000] * 50, b"0\r\n\r\n"]
    assert read(pieces).body == b"x" * 50_000


def events_of(*pieces: bytes, limit: int) -> list[Event]:
    events: list[Event] = []
    reader = AnswerReader(events.append, buffer_limit=limit)
    for piece in pieces:
        reader.feed(piece)
    return events


def test_a_length_over_the_limit_is_told_before_any_of_the_body() -> None:
    assert events_of(OK + b"Content-Length: 5\r\n\r\n", limit=4) == [Event.HEAD, Event.OVERFLOW]
    assert events_of(OK + b"Content-Length: 4\r\n\r\n", limit=4) == [Event.HEAD]


def test_a_body_without_a_length_overflows_once_when_it_exceeds_the_limit() -> None:
    told = events_of(CHUNKED, b"4\r\nhell\r\n", b"1\r\no\r\n", b"1\r\n!\r\n0\r\n\r\n", limit=4)
    assert told == [
        Event.HEAD,
        Event.BODY,
        Event.OVERFLOW,
        Event.BODY,
        Event.BODY,
        Event.END,
    ]


def test_an_event_stream_overflows_at_once() -> None:
    data = OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert events_of(data, limit=1000) == [Event.HEAD, Event.OVERFLOW]


def test_a_reader_starts_afresh_with_each_answer() -> None:
    events: list[Event] = []
    reader = AnswerReader(events.append, buffer_limit=100)
    for data, body, _ in list(WHOLE.values()) * 2:
        events.clear()
        reader.expect(to_head=False)
        reader.feed(data)
        if Event.END not in events:
            reader.end_of_input()
        assert (events[-1], b"".join(reader.take())) == (Event.END, body)


# Properties

BODIES = st.lists(st.binary(min_size=1, max_size=20), max_size=5)
TOKENS = st.text("abcXYZ-", min_size=1, max_size=8).map(str.encode)
VALUES = st.text("abc XYZ\u00e9", max_size=12).map(lambda text: text.encode("latin-1").strip())
LINES = st.lists(st.tuples(TOKENS.map(lambda token: b"X-" + token), VALUES), max_size=4)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    pieces = draw(BODIES)
    lines = draw(LINES)
    body = b"".join(pieces)
    if draw(st.booleans()):
        lines = [*lines, (b"Transfer-Encoding", b"chunked")]
        trailers = b"".join(b"%b: %b\r\n" % line for line in draw(LINES))
        framed = chunks(*pieces, trailers=trailers)
    else:
        lines = [(b"Content-Length", b"%d" % len(body)), *lines]
        framed = body
    hints = draw(st.sampled_from([b"", b"HTTP/1.1 103 X\r\nA: b\r\n\r\n"]))
    head = b"".join(b"%b: %b\r\n" % line for line in lines)
    return hints + OK + head + b"\r\n" + framed, lines, body


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


PLACES = st.lists(st.integers(0, 10_000), max_size=8)


@given(answers(), PLACES)
def test_any_answer_is_read_as_it_was_written(
    answer: tuple[bytes, list[tuple[bytes, bytes]], bytes], places: list[int]
) -> None:
    data, lines, body = answer
    assert read(cut(data, places)) == Outcome(Event.END, 200, lines, body, kept=True)


@given(answers(), st.binary(min_size=1, max_size=30), PLACES)
def test_any_bytes_behind_an_answer_are_noticed(
    answer: tuple[bytes, list[tuple[bytes, bytes]], bytes], extra: bytes, places: list[int]
) -> None:
    data, lines, body = answer
    assert read(cut(data + extra, places)) == Outcome(Event.END, 200, lines, body, kept=False)


@given(answers(), st.integers(0, 10_000), PLACES)
def test_any_answer_cut_short_is_not_whole(
    answer: tuple[bytes, list[tuple[bytes, bytes]], bytes], end: int, places: list[int]
) -> None:
    data = answer[0]
    assert read(cut(data[: end % len(data)], places)).final is Event.EOF


@given(st.sampled_from([b"", OK, CHUNKED]), st.binary(max_size=200), PLACES)
def test_nothing_escapes_from_arbitrary_bytes(
    start: bytes, noise: bytes, places: list[int]
) -> None:
    assert read(cut(start + noise, places)).final in FINAL
