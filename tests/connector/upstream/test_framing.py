import pytest

from connector.upstream.framing import Body, Framing, Malformed, check_informational, frame

CLOSE = (b"Connection", b"close")
CHUNKED = (b"Transfer-Encoding", b"chunked")


def length(value: bytes) -> tuple[bytes, bytes]:
    return (b"Content-Length", value)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([length(b"5")], Framing(Body.LENGTH, 5, last=False, event_stream=False)),
        ([length(b"0")], Framing(Body.NONE, 0, last=False, event_stream=False)),
        ([(b"CONTENT-LENGTH", b"007")], Framing(Body.LENGTH, 7, last=False, event_stream=False)),
        ([CHUNKED], Framing(Body.CHUNKED, None, last=False, event_stream=False)),
        (
            [(b"transfer-encoding", b"Chunked")],
            Framing(Body.CHUNKED, None, last=False, event_stream=False),
        ),
        ([], Framing(Body.UNTIL_CLOSE, None, last=True, event_stream=False)),
        ([CLOSE, length(b"5")], Framing(Body.LENGTH, 5, last=True, event_stream=False)),
        (
            [(b"connection", b"x-a, Close"), length(b"5")],
            Framing(Body.LENGTH, 5, last=True, event_stream=False),
        ),
        (
            [(b"Connection", b"keep-alive"), length(b"5")],
            Framing(Body.LENGTH, 5, last=False, event_stream=False),
        ),
        (
            [(b"Content-Type", b"Text/Event-Stream; charset=utf-8"), CHUNKED],
            Framing(Body.CHUNKED, None, last=False, event_stream=True),
        ),
        (
            [(b"Content-Type", b"text/event-streams"), length(b"1")],
            Framing(Body.LENGTH, 1, last=False, event_stream=False),
        ),
    ],
)
def test_the_head_tells_where_the_body_ends(
    headers: list[tuple[bytes, bytes]], expected: Framing
) -> None:
    assert frame(200, b"1.1", headers, to_head=False) == expected


@pytest.mark.parametrize("status", [204, 304])
def test_no_content_and_not_modified_have_no_body(status: int) -> None:
    assert frame(status, b"1.1", [], to_head=False) == Framing(
        Body.NONE, 0, last=False, event_stream=False
    )


@pytest.mark.parametrize("announced", [length(b"5"), CHUNKED])
@pytest.mark.parametrize(("status", "to_head"), [(204, False), (304, False), (200, True)])
def test_an_answer_that_announces_a_body_it_must_not_have_is_the_last(
    *, status: int, to_head: bool, announced: tuple[bytes, bytes]
) -> None:
    assert frame(status, b"1.1", [announced], to_head=to_head) == Framing(
        Body.NONE, 0, last=True, event_stream=False
    )


def test_an_answer_in_http_1_0_is_the_last() -> None:
    headers = [(b"Connection", b"keep-alive"), length(b"5")]
    assert frame(200, b"1.0", headers, to_head=False).last


@pytest.mark.parametrize(
    "headers",
    [
        [length(b"5"), CHUNKED],
        [CHUNKED, length(b"5")],
        [length(b"5"), length(b"6")],
        [length(b"5"), length(b"5")],
        [length(b"0"), length(b"0")],
        [length(b"5, 5")],
        [length(b"+5")],
        [length(b"-5")],
        [length(b"5_0")],
        [length(b"0x5")],
        [length(b"")],
        [length(b"\xd9\xa5")],
        [length(b"9" * 19)],
        [CHUNKED, CHUNKED],
        [(b"Transfer-Encoding", b"gzip, chunked")],
        [(b"Transfer-Encoding", b"chunked, chunked")],
        [(b"Transfer-Encoding", b"identity")],
        [(b"Transfer-Encoding", b"")],
        [(b"Transfer-Encoding", b"chunked;q=1")],
        [(b"Transfer-Encoding", b"xchunked")],
    ],
)
@pytest.mark.parametrize("status", [200, 204, 304, 500])
@pytest.mark.parametrize("to_head", [False, True])
def test_framing_that_two_parsers_could_read_differently_is_refused(
    *, headers: list[tuple[bytes, bytes]], status: int, to_head: bool
) -> None:
    with pytest.raises(Malformed):
        frame(status, b"1.1", headers, to_head=to_head)


def test_chunks_in_http_1_0_are_refused() -> None:
    with pytest.raises(Malformed):
        frame(200, b"1.0", [CHUNKED], to_head=False)


@pytest.mark.parametrize("status", [100, 103])
def test_continue_and_early_hints_pass(status: int) -> None:
    check_informational(status, [(b"Link", b"</a>")])


@pytest.mark.parametrize("status", [101, 102, 104, 199])
def test_any_other_informational_answer_is_refused(status: int) -> None:
    with pytest.raises(Malformed):
        check_informational(status, [])


@pytest.mark.parametrize("line", [length(b"5"), length(b"0"), CHUNKED])
def test_an_informational_answer_with_a_body_is_refused(line: tuple[bytes, bytes]) -> None:
    with pytest.raises(Malformed):
        check_informational(103, [line])
