"""The wire guard: which heads are let through, as pure functions of their octets.

Each rule is here because two parsers were seen to read the same octets differently, or because a
server behind this one would (CGI folds ``_`` into ``-``). The HTTP parser has split the head into
lines before this; the guard checks that there is no other way to split it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import Headers
from connector.errors import Refusal
from connector.ingress.target import check_target

if TYPE_CHECKING:
    from connector.ingress.limits import WireLimits
    from connector.steps import RawHeaders

SINGLE: Final[tuple[bytes, ...]] = (
    *(b"host", b"content-length", b"transfer-encoding", b"content-type", b"content-digest"),
    *(b"ucp-agent", b"idempotency-key", b"authorization", b"expect", b"mcp-session-id"),
)
"""Fields that may stand on one line only."""

_SENSITIVE: Final = frozenset(
    {
        *SINGLE,
        *(b"signature", b"signature-input", b"signature-agent", b"request-signature"),
        *(b"talos-signature-meta", b"content-encoding", b"content-location", b"content-range"),
        *(b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"http2-settings"),
        *(b"forwarded", b"x-real-ip", b"audit-id", b"cookie", b"accept-encoding"),
        *(b"x-http-method", b"x-http-method-override", b"x-method-override"),
        *(b"x-original-url", b"x-rewrite-url", b"last-event-id"),
    }
)
_SENSITIVE_PREFIXES: Final = (b"ucp-", b"mcp-", b"webhook-", b"x-forwarded-", b"proxy-")

# RFC 9110 section 5.6.2: what a token may have besides letters, digits and the hyphen.
_ODD: Final = b"!#$%&'*+.^_`|~"
_FOLD: Final = bytes.maketrans(_ODD, b"-" * len(_ODD))

# RFC 9110 section 9.3: content in these "has no generally defined semantics"; request smuggling
# gives it some.
_WITHOUT_CONTENT: Final = frozenset({b"GET", b"HEAD", b"DELETE", b"TRACE", b"CONNECT"})

_CONNECTION_OPTIONS: Final = frozenset({b"close", b"keep-alive", b"te", b"upgrade", b""})
# One length, no sign, no list (RFC 9112 section 6.3), no leading zero (some read octal).
_LENGTH: Final = re.compile(rb"0|[1-9][0-9]{0,17}")

_MEMO_NAMES: Final = 4096
_MEMO_NAME_LENGTH: Final = 64
"""Bounds of what is remembered of names that strangers choose: 256 KiB."""


class Head(NamedTuple):
    """A head that can be read in one way only."""

    method: str
    target: str
    headers: Headers
    length: int | None
    """Octets of the body; None where it is chunked."""
    modern: bool
    """HTTP/1.1, not HTTP/1.0."""
    keep_alive: bool
    """Whether the caller may go on using the connection."""
    expects_continue: bool


class Guard:
    """Checks heads against the rules and ``limits``.

    What it keeps is a bounded memory of names that need no second look.
    """

    def __init__(self, limits: WireLimits) -> None:
        self._limits = limits
        self._unsuspicious: set[bytes] = set()

    def check(self, head: bytes, lines: RawHeaders) -> Head:
        """Return the checked head, or raise the Refusal.

        ``head`` is everything up to and with the empty line; ``lines`` is what the HTTP parser
        made of it, without outer white space.
        """
        self._check_size(head, lines)
        method, target, modern = _request_line(head, len(lines))
        check_target(target)
        headers = Headers(lines)
        index = headers.index
        if len(index) != len(lines):
            for name in SINGLE:
                if len(index.get(name, ())) > 1:
                    raise _malformed("repeated", f"{name.decode()} stands on two lines")
        if b"host" not in index:
            raise _malformed("host", "there is no Host")
        if not index.keys() <= self._unsuspicious:
            self._check_names(index)
        length = self._content(index, method, modern=modern)
        keep_alive, upgrade = modern, False
        if b"connection" in index:
            keep_alive, upgrade = _connection(index, modern=modern)
            if upgrade and length != 0:
                raise _malformed("upgrade", "a request with content asks for another protocol")
        expects = b"expect" in index and _expects_continue(index) and modern and length != 0
        return Head(
            method.decode("ascii"),
            target.decode("ascii"),
            headers,
            length,
            modern,
            keep_alive and not upgrade,
            expects,
        )

    def _check_size(self, head: bytes, lines: RawHeaders) -> None:
        limits = self._limits
        if len(head) > limits.header_bytes:
            raise head_too_large()
        if len(lines) > limits.headers:
            raise Refusal("headers_too_large", "headers", "the head has too many lines")
        if len(head) > limits.header_line and any(
            len(line) > limits.header_line for line in head.split(b"\r\n")
        ):
            raise Refusal("headers_too_large", "header_line", "a line of the head is too long")

    def _check_names(self, index: dict[bytes, list[bytes]]) -> None:
        known = self._unsuspicious
        for name in index.keys() - known:
            folded = name.translate(_FOLD)
            if folded != name and (folded in _SENSITIVE or folded.startswith(_SENSITIVE_PREFIXES)):
                raise _malformed(
                    "name_spelling", f"a field name could be taken for {folded.decode()}"
                )
            if len(name) <= _MEMO_NAME_LENGTH:
                if len(known) >= _MEMO_NAMES:
                    known.clear()
                known.add(name)

    def _content(
        self, index: dict[bytes, list[bytes]], method: bytes, *, modern: bool
    ) -> int | None:
        """Return the body's length, None for a chunked one (RFC 9112 section 6)."""
        coding, lengths = index.get(b"transfer-encoding"), index.get(b"content-length")
        if coding is None and lengths is None:
            return 0
        length: int | None = None
        if coding is None and lengths is not None:
            if _LENGTH.fullmatch(lengths[0]) is None:
                raise _malformed("content_length", "Content-Length is not one plain number")
            length = int(lengths[0])
        elif lengths is not None:
            raise _malformed("two_lengths", "Content-Length stands beside Transfer-Encoding")
        elif not modern or coding != [b"chunked"]:
            raise _malformed("transfer_encoding", "Transfer-Encoding is not chunked in HTTP/1.1")
        if length != 0 and method in _WITHOUT_CONTENT:
            raise _malformed("content", f"{method.decode()} has content")
        if length is not None and length > self._limits.body:
            raise Refusal("payload_too_large", "body", "Content-Length exceeds the limit")
        return length


def head_too_large() -> Refusal:
    """Return the refusal of a head that is, or is going to be, too long."""
    return Refusal("headers_too_large", "header_bytes", "the head is too long")


def _request_line(head: bytes, lines: int) -> tuple[bytes, bytes, bool]:
    """Split the request line, whose spaces and version the HTTP parser takes too lightly."""
    # As many line ends as the parser saw lines: nothing was folded, no CR or LF stands alone.
    if not lines + 2 == head.count(b"\n") == head.count(b"\r"):
        raise _malformed("line_ends", "the lines of the head do not each end with one CRLF")
    # RFC 9112 section 3: single spaces. The parser also knows RTSP, ICE and other versions.
    parts = head[: head.index(b"\r")].split(b" ")
    if len(parts) == 3:
        method, target, version = parts
        if version == b"HTTP/1.1":
            return method, target, True
        if version == b"HTTP/1.0":
            return method, target, False
    raise _malformed("request_line", "the request line is not that of HTTP/1.1 or HTTP/1.0")


def _connection(index: dict[bytes, list[bytes]], *, modern: bool) -> tuple[bool, bool]:
    """Return whether the connection stays open, and whether Upgrade takes effect."""
    options = {
        option.strip(b" \t") for option in b",".join(index[b"connection"]).lower().split(b",")
    }
    if not options <= _CONNECTION_OPTIONS:
        # RFC 9110 section 7.6.1: whatever it names would be removed, a signed field for example.
        raise _malformed("connection", "Connection names something it may not")
    return modern and b"close" not in options, b"upgrade" in options and b"upgrade" in index


def _expects_continue(index: dict[bytes, list[bytes]]) -> bool:
    if index[b"expect"][0].lower() != b"100-continue":  # RFC 9110 section 10.1.1
        raise _malformed("expect", "Expect asks for something other than 100-continue")
    return True


def _malformed(reason: str, explanation: str) -> Refusal:
    return Refusal("malformed_request", reason, explanation)
