"""Where an answer's body ends (RFC 9112 section 6.3), decided from its head: pure.

Stricter than the section where it lets a recipient repair: an answer that two parsers could cut
differently is refused, because what one of them takes for the end of an answer the other takes
for the start of the next one.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from connector.steps import RawHeaders


class Malformed(Exception):  # noqa: N818 - says what the answer is
    """The answer cannot be read in exactly one way; the text says why, for the operator."""


class Body(IntEnum):
    """How the body is delimited."""

    NONE = 0
    LENGTH = 1
    CHUNKED = 2
    UNTIL_CLOSE = 3


_COUNTED: Final = Body.LENGTH
"""For each answer: looking a member of an enumeration up costs ten times a global."""


class Framing(NamedTuple):
    """What the head says about the rest."""

    body: Body
    length: int | None
    """Octets of the body; None where only its end tells."""
    last: bool
    """The connection must close after this answer."""
    event_stream: bool


_BODYLESS: Final = frozenset({204, 304})
_LENGTH_DIGITS: Final = 18
"""Less than 2**63 in any case."""


def frame(status: int, version: bytes, headers: RawHeaders, *, to_head: bool) -> Framing:
    """Read the framing of a final answer; raises :class:`Malformed`.

    ``version`` is ``b"1.1"`` or ``b"1.0"``; ``to_head`` says that the request was a HEAD.
    """
    length: int | None = None
    chunked = event_stream = False
    last = version != b"1.1"
    for name, value in headers:
        # The four names have four lengths: most lines cost one comparison.
        size = len(name)
        if size == 14:
            if name.lower() == b"content-length":
                length = _length(value, length)
        elif size == 17:
            if name.lower() == b"transfer-encoding":
                _check_coding(value, version, repeated=chunked)
                chunked = True
        elif size == 12:
            if name.lower() == b"content-type":
                event_stream = event_stream or _is_event_stream(value)
        elif size == 10 and name.lower() == b"connection" and value.lower() != b"keep-alive":
            last = last or b"close" in [token.strip() for token in value.lower().split(b",")]
    if chunked and length is not None:
        raise Malformed("it has both Content-Length and Transfer-Encoding")
    if to_head or status in _BODYLESS:
        # A merchant that announces a body here might also send it, late; it would then answer the
        # next request. So such an answer is the connection's last.
        return Framing(Body.NONE, 0, last or chunked or bool(length), event_stream=False)
    if chunked:
        return Framing(Body.CHUNKED, None, last, event_stream)
    if length is None:
        return Framing(Body.UNTIL_CLOSE, None, last=True, event_stream=event_stream)
    if length == 0:
        return Framing(Body.NONE, 0, last, event_stream=False)
    return Framing(_COUNTED, length, last, event_stream)


def check_informational(status: int, headers: RawHeaders) -> None:
    """Let a 100 or 103 answer pass; raises :class:`Malformed` for any other, and for any framing.

    A 101 would end HTTP on the connection, and nothing that is forwarded asks for one. A 1xx
    answer has no body (RFC 9110 section 15.2), so one that announces it is read differently by
    different recipients.
    """
    if status not in (100, 103):
        raise Malformed(f"it is an informational answer that was not asked for ({status})")
    for name, _value in headers:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            raise Malformed("it is an informational answer that announces a body")


def _length(value: bytes, seen: int | None) -> int:
    if seen is not None:
        raise Malformed("it has more than one Content-Length")
    # 1*DIGIT (RFC 9110 section 8.6); int() alone would take signs and underscores.
    if not value.isdigit() or len(value) > _LENGTH_DIGITS:
        raise Malformed("its Content-Length is no length")
    return int(value)


def _check_coding(value: bytes, version: bytes, *, repeated: bool) -> None:
    if repeated or value.lower() != b"chunked":
        raise Malformed("its Transfer-Encoding is not exactly chunked")
    if version != b"1.1":
        # RFC 9112 section 6.1: to be treated as if the framing is faulty.
        raise Malformed("it has a Transfer-Encoding in HTTP/1.0")


def _is_event_stream(value: bytes) -> bool:
    return value.partition(b";")[0].strip().lower() == b"text/event-stream"
