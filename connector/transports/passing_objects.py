"""A JSON object that is too large to keep, read as it passes.

Theory of operation: the table below is the grammar of RFC 8259 between scalars. Strings are read
in whole runs, numbers and words are collected and checked at their end. What is remembered is the
open brackets (``MAX_DEPTH`` at most), an escape cut in two, the scalar at hand, and the values of
the few members that were asked for. What this accepts, ``read_object`` accepts, and the other way
round, except numbers of more than ``LONGEST_NUMBER`` characters.
"""

from __future__ import annotations

import json
import re
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Final

from canonical.jcs import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_NUMBER: Final = 1024

_SPACE: Final = re.compile(r"[ \t\n\r]*+")
# RFC 8259 section 7: no control characters, and no other escapes than these. The group itself is
# not possessive: Python 3.11.2 then steps into an escape that is cut in two.
_IN_STRING: Final = re.compile(
    r'[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*+)*'
)
_LONGEST_ESCAPE: Final = len(r"\u0000")
_RUN: Final = re.compile(r"[-+.0-9A-Za-z]*+")
_SCALAR: Final = re.compile(
    r"true|false|null|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?"
)

# What is expected next; the last three are no expectations of structure.
_START, _FIRST_NAME, _NAME, _COLON = "start", "first name", "name", "colon"
_VALUE, _FIRST_ELEMENT = "value", "first element"
_AFTER_MEMBER, _AFTER_ELEMENT, _DONE = "after member", "after element", "done"
_STRING, _BARE, _FAILED = "string", "bare", "failed"

_OPEN, _CLOSE, _QUOTE, _PASS = "open", "close", "quote", "pass"

# (expected, character) -> (act, expected then); closing looks at what is still open.
_TABLE: Final = {
    (_START, "{"): (_OPEN, _FIRST_NAME),
    (_FIRST_NAME, '"'): (_QUOTE, _COLON),
    (_FIRST_NAME, "}"): (_CLOSE, ""),
    (_NAME, '"'): (_QUOTE, _COLON),
    (_COLON, ":"): (_PASS, _VALUE),
    (_VALUE, "{"): (_OPEN, _FIRST_NAME),
    (_VALUE, "["): (_OPEN, _FIRST_ELEMENT),
    (_VALUE, '"'): (_QUOTE, ""),
    (_FIRST_ELEMENT, "{"): (_OPEN, _FIRST_NAME),
    (_FIRST_ELEMENT, "["): (_OPEN, _FIRST_ELEMENT),
    (_FIRST_ELEMENT, '"'): (_QUOTE, ""),
    (_FIRST_ELEMENT, "]"): (_CLOSE, ""),
    (_AFTER_MEMBER, ","): (_PASS, _NAME),
    (_AFTER_MEMBER, "}"): (_CLOSE, ""),
    (_AFTER_ELEMENT, ","): (_PASS, _VALUE),
    (_AFTER_ELEMENT, "]"): (_CLOSE, ""),
}


class PassingObject:
    """Reads UTF-8 JSON text in pieces and keeps the values of the members that are ``wanted``.

    A value is kept as it is written where it is a string, number or word of at most ``longest``
    characters; of others it is known that they came. Memory is constant, time linear.
    """

    def __init__(self, wanted: Iterable[str], longest: int) -> None:
        self._values: dict[str, str | None] = {}
        self._repeated: set[str] = set()
        self._wanted = frozenset(wanted)
        # Every UTF-16 unit of a name may be an escape; a longer spelling is another name.
        self._longest_name = _LONGEST_ESCAPE * max(map(len, self._wanted)) + 2
        self._longest = longest
        self._decode = getincrementaldecoder("utf-8")().decode
        self._expected = _START
        self._after_string = ""
        self._open: list[str] = []
        self._name: str | None = None
        self._scalar = ""
        self._room = 0
        self._cut = ""

    def feed(self, octets: bytes) -> None:
        """Read the next octets."""
        if self._expected == _FAILED:
            return
        try:
            text = self._cut + self._decode(octets)
        except UnicodeDecodeError:
            self._expected = _FAILED
            return
        self._cut = ""
        at = 0
        while at < len(text) and self._expected != _FAILED:
            if self._expected == _STRING:
                at = self._string(text, at)
            elif self._expected == _BARE:
                at = self._bare(text, at)
            else:
                at = self._structure(text, at)

    def is_whole(self) -> bool:
        """Tell whether what was fed is one JSON object; nothing may be fed after this."""
        try:
            self._decode(b"", True)
        except UnicodeDecodeError:
            return False
        return self._expected == _DONE

    def literal(self, name: str) -> str | None:
        """Return the text of the value of the one member of this wanted name, where it is kept."""
        return None if name in self._repeated else self._values.get(name)

    def has(self, name: str) -> bool:
        """Tell whether a member has this wanted name."""
        return name in self._values

    def _structure(self, text: str, at: int) -> int:
        space = _SPACE.match(text, at)
        at = at if space is None else space.end()
        if at == len(text):
            return at
        expected = self._expected
        act, then = _TABLE.get((expected, text[at]), ("", ""))
        if act == _PASS:
            self._expected = then
        elif act == _OPEN and len(self._open) < MAX_DEPTH:
            self._value_came(None)
            self._open.append(then)
            self._expected = then
        elif act == _CLOSE:
            self._open.pop()
            self._expected = self._after_value()
        elif act == _QUOTE:
            self._begin(_STRING, self._longest_name if then else self._longest, '"')
            self._after_string = then
        elif not act and expected in {_VALUE, _FIRST_ELEMENT}:
            self._begin(_BARE, LONGEST_NUMBER, "")
            return at
        else:
            self._expected = _FAILED
        return at + 1

    def _begin(self, expected: str, room: int, begun: str) -> None:
        self._expected = expected
        self._scalar = begun
        self._room = room

    def _collect(self, piece: str) -> None:
        """Keep a piece of the scalar at hand, or what shows that it is too long."""
        if len(self._scalar) <= self._room:
            self._scalar += piece[: self._room + 1]

    def _string(self, text: str, at: int) -> int:
        run = _IN_STRING.match(text, at)
        end = at if run is None else run.end()
        self._collect(text[at:end])
        if end == len(text):
            return end
        if text[end] == '"':
            self._collect('"')
            self._string_came()
            return end + 1
        if text[end] == "\\" and len(text) - end < _LONGEST_ESCAPE:
            self._cut = text[end:]
            return len(text)
        self._expected = _FAILED
        return end

    def _string_came(self) -> None:
        kept = self._scalar if len(self._scalar) <= self._room else None
        if not self._after_string:
            self._value_came(kept)
            self._expected = self._after_value()
            return
        self._expected = self._after_string
        if len(self._open) == 1:
            name = None if kept is None else json.loads(kept)
            self._name = name if name in self._wanted else None

    def _bare(self, text: str, at: int) -> int:
        run = _RUN.match(text, at)
        end = at if run is None else run.end()
        self._collect(text[at:end])
        if len(self._scalar) > self._room:
            self._expected = _FAILED
        elif end < len(text):
            self._bare_came()
        return end

    def _bare_came(self) -> None:
        if _SCALAR.fullmatch(self._scalar) is None:
            self._expected = _FAILED
            return
        self._value_came(self._scalar if len(self._scalar) <= self._longest else None)
        self._expected = self._after_value()

    def _value_came(self, literal: str | None) -> None:
        """Note a value, whole or just opening, where it is that of a wanted member."""
        name = self._name
        if name is None:
            return
        if name in self._values:
            self._repeated.add(name)
        self._values[name] = literal
        self._name = None

    def _after_value(self) -> str:
        if not self._open:
            return _DONE
        return _AFTER_MEMBER if self._open[-1] == _FIRST_NAME else _AFTER_ELEMENT
