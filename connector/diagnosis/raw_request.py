"""A request as text or octets, as people save it to a file: request line, headers, body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from connector.diagnosis.vectors import WireRequest

if TYPE_CHECKING:
    from connector.steps import RawHeaders

# RFC 9112 section 3: request-line = method SP request-target SP HTTP-version
_REQUEST_LINE: Final = re.compile(rb"([!-~]+) ([^ \r\n]+) HTTP/[0-9]\.[0-9]")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_LINE_END: Final = re.compile(rb"\r?\n")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")


class RawRequestError(ValueError):
    """Not a request; the text says which part of it."""


def read_request(data: bytes, scheme: str) -> WireRequest:
    """Read one HTTP/1.1 request; lines may end in LF alone, as editors leave them.

    With Content-Length the body is that long, and what follows must be one line end that an
    editor added; else it is all that follows the head. Raises RawRequestError.
    """
    end = _HEAD_END.search(data)
    head, rest = (data, b"") if end is None else (data[: end.start()], data[end.end() :])
    first, *lines = _LINE_END.split(head.rstrip(b"\r\n"))
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise RawRequestError("the first line is not 'METHOD TARGET HTTP/1.1'")
    headers: RawHeaders = []
    for number, line in enumerate(lines, 2):
        name, colon, value = line.partition(b":")
        if not colon or not name:
            raise RawRequestError(f"line {number} is not 'Name: value'")
        headers.append((name, value.strip(b" \t")))
    try:
        method, target = match[1].decode("ascii"), match[2].decode("ascii")
    except UnicodeDecodeError:
        raise RawRequestError("the first line is not ASCII") from None
    return WireRequest(method, target, scheme, headers, _body(headers, rest))


def _body(headers: RawHeaders, rest: bytes) -> bytes:
    lengths = {value for name, value in headers if name.lower() == b"content-length"}
    if any(name.lower() == b"transfer-encoding" for name, _ in headers):
        raise RawRequestError("save the body without chunks, and drop Transfer-Encoding")
    if not lengths:
        return rest
    length = lengths.pop()
    if lengths or _LENGTH.fullmatch(length) is None:
        raise RawRequestError("Content-Length is not one number")
    size = int(length)
    if len(rest) < size:
        raise RawRequestError(f"Content-Length is {size}, and the body has {len(rest)} octets")
    if rest[size:].strip(b"\r\n"):
        raise RawRequestError(f"Content-Length is {size}, and {len(rest)} octets follow the head")
    return rest[:size]
