"""Reads one answer after the other from the merchant's bytes: no sockets, no clock.

httptools (llhttp, in its strict mode) reads heads and chunks. Where an answer ends is counted
here, to the byte, because llhttp silently skips line ends between two answers and does not tell
how much of its input an answer took:

* A head is collected until its empty line and given to a new parser on its own. A new parser costs
  0.2 µs, and nothing of one answer can be left over for the next.
* A body with a length, or until the end of the connection, never meets the parser.
* A chunked body is fed to it, and its last five bytes are looked at, see ``_ends_exactly``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from connector.upstream.framing import Body, Malformed, check_informational, frame
from connector.upstream.states import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.steps import RawHeaders

MAX_HEAD: Final = 64 * 1024
"""Octets of one answer's head, status line included."""
MAX_HEADERS: Final = 200
MAX_INFORMATIONAL: Final = 8
"""1xx answers before the final one."""
MAX_CHUNK_OVERHEAD: Final = 64 * 1024
"""Octets of chunk lines, extensions and trailers beyond ``CHUNK_OVERHEAD_RATIO`` times the body."""
CHUNK_OVERHEAD_RATIO: Final = 8
"""A chunk of one octet costs five octets more: a slow writer may do that, a flood may not."""

_END_OF_HEAD: Final = b"\r\n\r\n"
_OPENINGS: Final = (b"HTTP/1.1 ", b"HTTP/1.0 ")

# For each answer: looking a member of an enumeration up costs ten times a global.
_HEAD: Final = Event.HEAD
_BODY: Final = Event.BODY
_END: Final = Event.END
_NONE: Final = Body.NONE
_LENGTH: Final = Body.LENGTH
_CHUNKED: Final = Body.CHUNKED


class AnswerReader:
    """Turns bytes into events, and keeps what they carry.

    ``emit`` is called synchronously. After HEAD or LAST_HEAD ``status``, ``headers`` and
    ``length`` are set; ``pieces`` holds what has come of the body since it was last taken; after
    MALFORMED ``problem`` says what was wrong. Once END was emitted the reader does nothing more
    until :meth:`expect`.
    """

    __slots__ = (
        "_answer_ended",
        "_body",
        "_collected",
        "_emit",
        "_extra",
        "_informational",
        "_limit",
        "_overflown",
        "_parser",
        "_partial",
        "_remaining",
        "_tail",
        "_to_head",
        "_wire",
        "headers",
        "length",
        "pieces",
        "problem",
        "status",
    )

    def __init__(self, emit: Callable[[Event], None], *, buffer_limit: int) -> None:
        self._emit = emit
        self._limit = buffer_limit
        self.problem = ""
        self.expect(to_head=False)

    def expect(self, *, to_head: bool) -> None:
        """Begin with a new answer; ``to_head`` says that it answers a HEAD."""
        self._to_head = to_head
        self._body: Body | None = None
        self._partial = b""
        self._informational = 0
        self._overflown = False
        self._collected = 0
        self.status = 0
        self.headers: RawHeaders = []
        self.length: int | None = None
        self.pieces: list[bytes] = []

    def take(self) -> list[bytes]:
        """Return the pieces of the body that have come since the last call."""
        pieces = self.pieces
        self.pieces = []
        return pieces

    def take_whole(self) -> bytes:
        """Return the same as one piece."""
        pieces = self.take()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def feed(self, data: bytes) -> None:
        """Read on; ``data`` is not empty."""
        try:
            if self._body is None:
                self._read_head(data)
            else:
                self._read_body(data)
        except Malformed as problem:
            self.problem = str(problem)
            self._emit(Event.MALFORMED)
        except HttpParserError as error:
            self.problem = f"it is not valid HTTP ({error})"
            self._emit(Event.MALFORMED)

    def end_of_input(self) -> None:
        """The merchant ended the connection in order."""
        self._emit(Event.END if self._body is Body.UNTIL_CLOSE else Event.EOF)

    # The head

    def _read_head(self, data: bytes) -> None:
        """Read 1xx answers and the final head, and hand on what lies behind it."""
        while True:
            known = 0
            if self._partial:
                known = max(0, len(self._partial) - 3)
                data = self._partial + data
            if not data.startswith(_OPENINGS):
                _check_opening(data)
            empty_line = data.find(_END_OF_HEAD, known)
            end = empty_line + 4 if empty_line >= 0 else len(data)
            if end > MAX_HEAD:
                raise Malformed(f"its head has more than {MAX_HEAD} octets")
            if empty_line < 0:
                self._partial = data
                self._emit(Event.PART)
                return
            self._partial = b""
            self._parse_head(data[:end])
            data = data[end:]
            if self.status >= 200:
                break
            self._swallow_informational()
            if not data:
                return
        if self._body is _NONE:
            self._end(extra=bool(data))
        elif data:
            self._read_body(data)

    def _parse_head(self, head: bytes) -> None:
        self.headers = []
        self._answer_ended = self._extra = False
        self._parser = parser = HttpResponseParser(self)
        try:
            parser.feed_data(head)
        except HttpParserUpgrade:
            # Only a 101 is one, and nothing that is forwarded asks for it.
            raise Malformed("it would switch to another protocol (101)") from None
        if len(self.headers) > MAX_HEADERS:
            raise Malformed(f"it has more than {MAX_HEADERS} headers")
        self.status = status = parser.get_status_code()
        if not 100 <= status <= 599:
            raise Malformed("its status is none of HTTP's")
        if status < 200:
            return
        framing = frame(status, head[5:8], self.headers, to_head=self._to_head)
        self._body = framing.body
        self.length = length = framing.length
        self._remaining = length or 0
        self._tail = b""
        self._wire = 0
        self._emit(Event.LAST_HEAD if framing.last else _HEAD)
        if framing.event_stream or (length is not None and length > self._limit):
            self._overflow()

    def _swallow_informational(self) -> None:
        check_informational(self.status, self.headers)
        self._informational += 1
        if self._informational > MAX_INFORMATIONAL:
            raise Malformed(f"it has more than {MAX_INFORMATIONAL} informational answers before it")
        self._emit(Event.INFORMATIONAL)

    # The body

    def _read_body(self, data: bytes) -> None:
        if self._body is _LENGTH:
            self._read_counted(data)
        elif self._body is _CHUNKED:
            self._read_chunks(data)
        else:
            self.pieces.append(data)
            self._collected += len(data)
            self._announce_body()

    def _read_counted(self, data: bytes) -> None:
        left = self._remaining - len(data)
        self.pieces.append(data if left >= 0 else data[:left])
        self._remaining = left
        # No overflow to look for: the length has told it before.
        self._emit(_BODY)
        if left <= 0:
            self._end(extra=left < 0)

    def _read_chunks(self, data: bytes) -> None:
        self._wire += len(data)
        self._tail = (self._tail + data)[-5:]
        before = len(self.pieces)
        failure: HttpParserError | None = None
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            failure = error
        if len(self.pieces) > before + 1:
            # One piece for each read: chunks of a few octets would cost ten times their memory.
            self.pieces[before:] = [b"".join(self.pieces[before:])]
        if self.pieces:
            self._announce_body()
        if self._answer_ended:
            # Behind the answer's end anything at all is only extra bytes.
            extra = self._extra or failure is not None or not _ends_exactly(self._tail)
            self._end(extra=extra)
        elif failure is not None:
            raise failure
        elif self._wire - self._collected > (
            MAX_CHUNK_OVERHEAD + CHUNK_OVERHEAD_RATIO * self._collected
        ):
            raise Malformed("its chunks are nearly all overhead")

    def _announce_body(self) -> None:
        if not self._overflown and self._collected > self._limit:
            self._overflow()
        self._emit(Event.BODY)

    def _overflow(self) -> None:
        self._overflown = True
        self._emit(Event.OVERFLOW)

    def _end(self, *, extra: bool) -> None:
        if extra:
            self._emit(Event.EXTRA_BYTES)
        self._emit(_END)

    # Called by the parser

    def on_message_begin(self) -> None:
        self._extra = self._answer_ended

    def on_header(self, name: bytes, value: bytes) -> None:
        # Later ones are trailers, which are dropped: nobody verified or expects them.
        if self._body is None:
            # llhttp leaves trailing white space, and admits none but SP and HTAB.
            self.headers.append((name, value.rstrip()))

    def on_body(self, piece: bytes) -> None:
        # Behind the end it is the body of another answer, which nobody asked for.
        if not self._answer_ended:
            self.pieces.append(piece)
            self._collected += len(piece)

    def on_message_complete(self) -> None:
        self._answer_ended = True


def _check_opening(data: bytes) -> None:
    """Refuse at the first byte what cannot become an answer.

    llhttp would skip line ends before it.
    """
    if not any(known.startswith(data) for known in _OPENINGS):
        raise Malformed("it does not begin with HTTP/1.1")


def _ends_exactly(tail: bytes) -> bool:
    """Tell whether a chunked body ended with the last byte that was read.

    It ends with the last line of its last chunk or of its trailers, which is never empty, and one
    empty line. llhttp skips any CR and LF behind that without a word; other bytes it reports.
    """
    return tail[1:] == _END_OF_HEAD and tail[0] not in b"\r\n"
