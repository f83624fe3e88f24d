"""From octets to one whole request at a time, sans-I/O.

The HTTP parser never sees more than one message: a head is cut at its empty line, a body at its
length or where the chunk scanner finds its end, and the parser has to find the end at that very
octet. What two readings could split differently is refused; what follows a request stays octets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httptools

from connector.errors import Refusal
from connector.ingress.chunks import ChunkScanner
from connector.ingress.guard import head_too_large

if TYPE_CHECKING:
    from connector.ingress.guard import Guard, Head
    from connector.ingress.limits import WireLimits
    from connector.steps import RawHeaders

_EMPTY_LINE: Final = b"\r\n\r\n"


class RequestReader:
    """Reads the requests of one connection: ``next_head``, then ``next_body``, and again.

    After a Refusal it is not to be used any more. It holds at most what was fed, and that is
    checked against the limits at every call.
    """

    __slots__ = (
        *("_at", "_body", "_buffer", "_chunks", "_fed", "_guard", "_head_done", "_limits"),
        *("_message_done", "_missing", "_parser", "lines", "raw_head"),
    )

    # httptools asks its protocol for callbacks by name: on_header and the two on_..._complete
    # below, on_body. The rest is read from the head itself.

    def __init__(self, guard: Guard, limits: WireLimits) -> None:
        self._guard = guard
        self._limits = limits
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        # From _at on the octets belong to this request; the parser has seen those before _fed.
        self._buffer = b""
        self._at = self._fed = 0
        self._reset()

    def _reset(self) -> None:
        self.lines: RawHeaders = []
        """The header lines read so far."""
        self.raw_head = b""
        """The head's octets, once it is whole."""
        self._body: bytes | bytearray = b""
        self._missing = 0
        self._chunks: ChunkScanner | None = None
        self._head_done = self._message_done = False

    # The parser's callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a line; the parser leaves the white space behind a value."""
        self.lines.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Note that the parser saw the empty line."""
        self._head_done = True

    def on_body(self, body: bytes) -> None:
        """Collect the body; a single piece, which is usual, is not copied."""
        if not self._body:
            self._body = body
            return
        if type(self._body) is bytes:
            self._body = bytearray(self._body)
        self._body += body

    def on_message_complete(self) -> None:
        """Note that the parser saw the end."""
        self._message_done = True

    # The owner's side

    @property
    def waiting(self) -> bool:
        """Whether there are octets that belong to no whole request yet."""
        return len(self._buffer) > self._at

    @property
    def has_body(self) -> bool:
        """Whether some of the body has come."""
        return bool(self._body) or self.waiting

    def feed(self, data: bytes) -> None:
        """Take octets; nothing is read in them yet."""
        if self._at:
            self._buffer = self._buffer[self._at :]
            self._fed -= self._at
            self._at = 0
        self._buffer = self._buffer + data if self._buffer else data

    def next_head(self) -> Head | None:
        """Return the next head once it is whole and passed the guard; raises Refusal."""
        buffer = self._buffer
        at, limit = self._at, self._limits.header_bytes
        if buffer.startswith((b"\r", b"\n"), at):
            # RFC 9112 section 2.2 would skip an empty line. Some parsers skip one, some all, some
            # none; nobody who sends UCP needs it.
            raise Refusal("malformed_request", "request_line", "an empty line before the request")
        end = buffer.find(_EMPTY_LINE, max(at, self._fed - 3), at + limit)
        if end < 0:
            if len(buffer) - at >= limit:
                raise head_too_large()
            # What can't become a request is refused without waiting for its end.
            self._parse(self._fed, len(buffer))
            if self._head_done:
                raise disagreement("the parser ends the head before its empty line")
            return None
        end += len(_EMPTY_LINE)
        upgraded = self._parse(self._fed, end)
        if not self._head_done:
            raise disagreement("the parser does not end the head at its empty line")
        self.raw_head = buffer[at:end]
        self._at = end
        head = self._guard.check(self.raw_head, self.lines)
        if self._message_done is not (head.length == 0) or (upgraded and head.keep_alive):
            raise disagreement("the parser does not see the body that the head announces")
        if head.length is None:
            self._chunks = ChunkScanner(self._limits.body)
        else:
            self._missing = head.length
        return head

    def next_body(self) -> bytes | None:
        """Return the body, once whole, of the head returned last; raises Refusal."""
        buffer, at = self._buffer, self._at
        if self._chunks is not None:
            end = self._chunks.scan(buffer, at)
            whole = self._chunks.done
        else:
            end = min(len(buffer), at + self._missing)
            self._missing -= end - at
            whole = not self._missing
        if end > at:
            self._parse(at, end)
        self._at = end
        if self._message_done is not whole:
            raise disagreement("the parser ends the body elsewhere")
        if not whole:
            return None
        body = self._body
        self._reset()
        if self._at == len(buffer):
            self._buffer = b""
            self._at = 0
        self._fed = self._at
        return body if type(body) is bytes else bytes(body)

    def clear(self) -> None:
        """Drop everything, so that a closed connection holds no memory."""
        self._buffer = self._body = b""
        self._at = self._fed = 0
        self._parser = None  # it holds this object's methods

    def _parse(self, start: int, end: int) -> bool:
        """Show octets to the parser; True where it takes them for an upgrade."""
        self._fed = end
        if self._parser is None:
            raise RuntimeError("a reader that was cleared reads no more")
        try:
            self._parser.feed_data(self._buffer[start:end])
        except httptools.HttpParserUpgrade:
            return True
        except httptools.HttpParserError as error:
            raise Refusal(
                "malformed_request", "syntax", f"the HTTP parser says: {error}"
            ) from error
        return False


def disagreement(explanation: str) -> Refusal:
    """Return the refusal of octets that could be read in two ways."""
    return Refusal("malformed_request", "disagreement", explanation)
