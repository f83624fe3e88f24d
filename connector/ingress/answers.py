"""The head of an answer, as octets."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.steps import RawHeaders

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"

_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES: Final = {
    status: f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode()
    for status in range(200, 600)
}
_CLOSE: Final = b"Connection: close\r\n\r\n"
_END: Final = b"\r\n"
_as_line: Final = b": ".join


class DateLine:
    """The Date header line, made once a second. ``clock`` gives UNIX time in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = -1
        self._line = b""

    def __call__(self) -> bytes:
        """Return the line, with its line end (RFC 9110 section 6.6.1)."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n".encode()
        return self._line


def has_no_body(method: str, status: int) -> bool:
    """Whether an answer ends with its head (RFC 9112 section 6.3)."""
    return method == "HEAD" or status in (204, 304)


def content_length(status: int, length: int) -> bytes:
    """Return the Content-Length line, none where there must not be one (RFC 9110 section 8.6)."""
    return b"" if status in (204, 304) else b"Content-Length: %d\r\n" % length


def answer_head(
    status: int, headers: RawHeaders, framing: bytes, date: bytes, *, close: bool
) -> bytes:
    """Return status line and header lines up to and with the empty line.

    ``framing`` is a Content-Length line, ``CHUNKED`` or nothing; ``date`` is added where the
    answer has no Date of its own. ValueError where a name or value would begin another line, or
    where the status is none of a final answer.
    """
    lines = b"\r\n".join([*map(_as_line, headers), b""])
    if not len(headers) == lines.count(b"\n") == lines.count(b"\r") or b"\0" in lines:
        raise ValueError("a header line of the answer has CR, LF or NUL in it")
    if b"\ndate:" in b"\n" + lines.lower():
        date = b""
    status_line = _STATUS_LINES.get(status)
    if status_line is None:
        raise ValueError(f"{status} is not the status of a final answer")
    return b"".join((status_line, lines, date, framing, _CLOSE if close else _END))
