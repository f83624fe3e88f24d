"""Where a chunked body ends: an incremental scanner, stricter than RFC 9112 section 7.1.

    chunked-body = *( chunk-size CRLF chunk-data CRLF ) 1*"0" CRLF CRLF

Chunk extensions and trailers are in the RFC's grammar and refused here: nobody who sends UCP
needs them, and they are where parsers disagree. A trailer could pose as a verified header. The
HTTP parser reads the same octets after this one; the two have to agree.
"""

from __future__ import annotations

import re
from typing import Final

from connector.errors import Refusal

MAX_OVERHEAD: Final = 64 * 1024
"""Octets of framing in one body: what is neither data nor bounded by the limit on it."""

_CRLF: Final = b"\r\n"
_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_SIZE_LINE_BEGUN: Final = re.compile(rb"(?:[0-9A-Fa-f]{1,8}\r?)?")


class ChunkScanner:
    """Finds the end of one chunked body of at most ``limit`` octets of data."""

    __slots__ = ("_at_line_end", "_is_last", "_left", "_limit", "_overhead", "done", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = 0
        self._at_line_end = False
        self._is_last = False
        self._overhead = 0
        self.size = 0
        """Octets of data announced so far."""
        self.done = False

    def scan(self, buffer: bytes, start: int) -> int:
        """Return the offset up to which ``buffer`` from ``start`` on is whole and in order.

        What lies behind that offset is to be offered again, with more behind it: less than a
        chunk-size line while ``done`` is False, the next message once it is True. Raises Refusal.
        """
        position = start
        while not self.done:
            if self._left:
                step = min(self._left, len(buffer) - position)
                position += step
                self._left -= step
                if self._left:
                    break
                self._at_line_end = True
            following = (
                self._line_end(buffer, position)
                if self._at_line_end
                else (self._size_line(buffer, position))
            )
            if following == position:
                break
            position = following
        return position

    def _line_end(self, buffer: bytes, position: int) -> int:
        """Take the CRLF behind chunk-data, or the one that ends the body."""
        octets = buffer[position : position + 2]
        if octets == _CRLF:
            self._at_line_end = False
            self.done = self._is_last
            return self._counted(position, position + 2)
        if not _CRLF.startswith(octets):
            if self._is_last:
                raise Refusal("malformed_request", "trailers", "the body has trailers")
            raise _malformed("chunk data is not followed by CRLF")
        return position

    def _size_line(self, buffer: bytes, position: int) -> int:
        line = _SIZE_LINE.match(buffer, position)
        if line is None:
            if _SIZE_LINE_BEGUN.fullmatch(buffer, position) is None:
                raise _malformed("a chunk's size is not 1 to 8 hexadecimal digits and CRLF")
            return position
        self._left = int(line[1], 16)
        self.size += self._left
        if self.size > self._limit:
            raise Refusal("payload_too_large", "body", "the chunks exceed the limit on bodies")
        self._is_last = self._at_line_end = not self._left
        return self._counted(position, line.end())

    def _counted(self, position: int, end: int) -> int:
        self._overhead += end - position
        if self._overhead > MAX_OVERHEAD:
            raise _malformed("the body is cut into too many chunks")
        return end


def _malformed(explanation: str) -> Refusal:
    return Refusal("malformed_request", "chunked", explanation)
