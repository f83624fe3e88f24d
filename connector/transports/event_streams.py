"""The answer to one call in an event stream, found and kept while the stream passes.

Lines and fields are those of the HTML standard, section 9.2.6 (interpreting an event stream);
of the fields only ``data`` counts. What is not UTF-8 is no JSON-RPC message (MCP, Transports), so
an event with such octets is none, although a browser would mend them.
"""

from __future__ import annotations

import codecs
import re
from decimal import Decimal, InvalidOperation
from json import JSONDecoder
from typing import Final

from connector.transports.json_members import JsonObject, read_object
from connector.transports.passing_objects import PassingObject

_LINE_END: Final = re.compile(rb"\r\n?|\n")
_DATA: Final = b"data:"
# So many octets of a line tell what it is; the first may begin with a byte order mark.
_LONGEST_HEAD: Final = len(codecs.BOM_UTF8) + len(_DATA) + 1
_RESPONSE: Final = ("result", "error")

_UNDECIDED, _KEPT, _IGNORED = "undecided", "kept", "ignored"


class EventRecorder:
    """Finds the JSON-RPC response with the id of a call among the events of a stream.

    ``call_id`` is the id as the call writes it, ``limit`` the octets that an answer may have. Ids
    are compared as JSON values: ``1`` and ``"1"`` differ, ``1``, ``1.0`` and ``1e0`` are one
    number, because a merchant whose language has one kind of numbers can only send back the
    number (RFC 8259 section 6); digits are compared exactly. Nothing passed is held, and never
    more than ``limit`` octets are kept. Raises ValueError where ``call_id`` is no string or number.
    """

    def __init__(self, call_id: bytes, limit: int) -> None:
        wanted = _id_value(call_id.decode())
        if wanted is None:
            raise ValueError("the id of a call is a string or a number")
        self.answer: bytes | None = None
        """The data of the event that answers the call, lines joined by LF; None until it came."""
        self.answered = False
        """Whether the answer came, kept or not."""
        self.overflow = False
        """Whether the answer came and is larger than ``limit``."""
        self._wanted = wanted
        # Room for every spelling of a string: escapes have six octets. Of a number, for one that
        # is six times as long.
        self._longest_id = 6 * len(call_id)
        self._limit = limit
        self._after_cr = False
        self._first = True
        self._line = _UNDECIDED
        self._head = b""
        self._has_data = False
        self._data = bytearray()
        self._passing: PassingObject | None = None

    def feed(self, data: bytes) -> None:
        """Read the next octets of the stream; an event counts when its empty line has come."""
        if self.answered or not data:
            return
        # A CR ended its line at once: the event must not wait for an LF that may never come.
        at = 1 if self._after_cr and data.startswith(b"\n") else 0
        self._after_cr = data.endswith(b"\r")
        while at < len(data) and not self.answered:
            end = _LINE_END.search(data, at)
            if end is None:
                self._part_of_line(data, at, len(data))
                return
            self._part_of_line(data, at, end.start())
            self._end_of_line()
            at = end.end()

    def _part_of_line(self, data: bytes, start: int, end: int) -> None:
        if self._line == _UNDECIDED:
            middle = min(end, start + _LONGEST_HEAD - len(self._head))
            self._head += data[start:middle]
            start = middle
            if len(self._head) < _LONGEST_HEAD:
                return
            self._decide()
        if self._line == _KEPT:
            self._keep(data[start:end])

    def _end_of_line(self) -> None:
        if self._line == _UNDECIDED and self._decide():
            self._end_of_event()
        self._line = _UNDECIDED
        self._head = b""

    def _decide(self) -> bool:
        """Tell from its head what a line is: data or not, or (the result) empty."""
        head = self._head
        if self._first:
            head = head.removeprefix(codecs.BOM_UTF8)
            self._first = False
        # A field without a colon has an empty value.
        is_data = head.startswith(_DATA) or head == b"data"
        self._line = _KEPT if is_data else _IGNORED
        if is_data:
            if self._has_data:
                self._keep(b"\n")
            self._has_data = True
            self._keep(head[len(_DATA) :].removeprefix(b" "))
        return not head

    def _keep(self, piece: bytes) -> None:
        """Take a piece of an event's data."""
        if self._passing is not None:
            self._passing.feed(piece)
        elif len(self._data) + len(piece) <= self._limit:
            self._data += piece
        else:
            self._passing = PassingObject(("id", *_RESPONSE), self._longest_id)
            self._passing.feed(bytes(self._data))
            self._passing.feed(piece)
            self._data.clear()

    def _end_of_event(self) -> None:
        if self._passing is not None:
            self.answered = self.overflow = self._passing.is_whole() and self._fits(self._passing)
        elif self._has_data:
            data = bytes(self._data)
            message = read_object(data)
            if message is not None and self._fits(message):
                self.answered = True
                self.answer = data
        self._has_data = False
        self._data = bytearray()
        self._passing = None

    def _fits(self, message: JsonObject | PassingObject) -> bool:
        literal = message.literal("id")
        return (
            any(map(message.has, _RESPONSE))
            and literal is not None
            and len(literal.encode()) <= self._longest_id
            and _id_value(literal) == self._wanted
        )


def _id_value(literal: str) -> str | Decimal | None:
    """Return what an id is compared by; None where it is neither a string nor a number."""
    if literal.startswith(("[", "{")):
        return None
    try:
        value = _DECODER.decode(literal)
    except (ValueError, InvalidOperation):  # no JSON; an exponent that nobody can count with
        return None
    return value if isinstance(value, (str, Decimal)) else None


_DECODER: Final = JSONDecoder(parse_int=Decimal, parse_float=Decimal)
