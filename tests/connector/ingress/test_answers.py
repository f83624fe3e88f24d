import pytest

from connector.ingress.answers import DateLine, answer_head, content_length

DATE = b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"


def test_a_head_is_status_headers_date_and_framing() -> None:
    head = answer_head(200, [(b"X", b"y")], content_length(200, 3), DATE, close=False)
    assert head == b"HTTP/1.1 200 OK\r\nX: y\r\n" + DATE + b"Content-Length: 3\r\n\r\n"


def test_a_closing_answer_says_so() -> None:
    head = answer_head(499, [], b"", DATE, close=True)
    assert head == b"HTTP/1.1 499 \r\n" + DATE + b"Connection: close\r\n\r\n"


@pytest.mark.parametrize("name", [b"Date", b"date", b"DATE"])
def test_the_date_of_the_merchant_stands(name: bytes) -> None:
    for lines in ([(name, b"then")], [(b"X", b"y"), (name, b"then")]):
        head = answer_head(200, lines, b"", DATE, close=False)
        assert head.lower().count(b"date:") == 1
        assert DATE not in head


@pytest.mark.parametrize(
    "line",
    [
        (b"X", b"a\r\nSet-Cookie: b"),
        (b"X", b"a\nb"),
        (b"X", b"a\rb"),
        (b"X", b"a\0"),
        (b"X: a\r\nY", b"b"),
        (b"X\r\n", b"\n"),
    ],
)
def test_a_line_that_would_begin_another_is_refused(line: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        answer_head(200, [(b"A", b"b"), line], b"", DATE, close=False)


@pytest.mark.parametrize("status", [0, 101, 199, 600, 20000])
def test_a_status_that_ends_nothing_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match="final answer"):
        answer_head(status, [], b"", DATE, close=False)


def test_the_date_is_made_once_a_second() -> None:
    now = 1767225600.2
    line = DateLine(lambda: now)
    first = line()
    assert first == DATE
    now = 1767225600.9
    assert line() is first
    now = 1767225601.0
    assert line() == b"Date: Thu, 01 Jan 2026 00:00:01 GMT\r\n"
