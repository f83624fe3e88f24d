"""The members of a JSON object as they stand in its text: where each value begins and ends.

JSON-RPC messages are recorded and sent again octet for octet, so they are never read into values
and written anew. What stands inside the members is checked to be JSON (RFC 8259), not kept.
"""

from __future__ import annotations

import re
from itertools import accumulate
from json import JSONDecoder
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from canonical.jcs import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE: Final = r"[ \t\n\r]*+"
_EMPTY: Final = re.compile(rf"{_SPACE}\{{{_SPACE}\}}{_SPACE}")
_OPENING: Final = re.compile(rf'{_SPACE}\{{{_SPACE}(?=")')
_COLON: Final = re.compile(rf"{_SPACE}:{_SPACE}")
_NEXT: Final = re.compile(rf'{_SPACE},{_SPACE}(?=")')
_CLOSING: Final = re.compile(rf"{_SPACE}\}}{_SPACE}")

# A string, an open one to the end. It never looks back: a closing quote that may be missing would
# otherwise be searched for from every quote again.
_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?+', re.DOTALL)
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS: Final = bytes(octet for octet in range(256) if octet not in _STEPS)


class Member(NamedTuple):
    """A name, read, and the span of its value in the text."""

    name: str
    start: int
    end: int


class JsonObject(NamedTuple):
    """The text of a JSON object and its members in order; names may repeat."""

    text: str
    members: list[Member]

    def only(self, name: str) -> Member | None:
        """Return the member of this name where there is exactly one, however it is spelled."""
        found = [member for member in self.members if member.name == name]
        return found[0] if len(found) == 1 else None

    def literal(self, name: str) -> str | None:
        """Return the text of the value of the one member of this name."""
        member = self.only(name)
        return None if member is None else self.text[member.start : member.end]

    def names(self) -> list[str]:
        """Return the names of the members in order."""
        return [member.name for member in self.members]

    def has(self, name: str) -> bool:
        """Tell whether a member has this name."""
        return any(member.name == name for member in self.members)

    def string(self, name: str) -> str | None:
        """Return the one member of this name as text, where its value is a string."""
        literal = self.literal(name)
        if literal is None or not literal.startswith('"'):
            return None
        value: str = _DECODER.decode(literal)
        return value

    def inner(self, name: str) -> JsonObject | None:
        """Return the one member of this name, where its value is an object."""
        literal = self.literal(name)
        if literal is None or not literal.startswith("{"):
            return None
        return JsonObject(literal, list(_members(literal)))


def read_object(octets: bytes) -> JsonObject | None:
    """Return the object that UTF-8 JSON text holds, spans in characters; None for anything else.

    The whole text is checked, in linear time; more than ``MAX_DEPTH`` levels are refused before
    anything is called within itself. Numbers may have any number of digits.
    """
    if is_deep(octets):
        return None
    try:
        text = octets.decode()
        return JsonObject(text, list(_members(text)))
    except ValueError:  # from the decoders of UTF-8 and of JSON, and from here
        return None


def is_deep(octets: bytes) -> bool:
    """Tell whether brackets of JSON text stand more than ``MAX_DEPTH`` deep in each other."""
    if octets.count(b"[") + octets.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _TEXT.sub(b"", octets).translate(None, _OTHERS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH


def _members(text: str) -> Iterator[Member]:
    if _EMPTY.fullmatch(text) is not None:
        return
    before = _OPENING.match(text)
    if before is None:
        raise ValueError("no object")
    while before is not None:
        name, at = _DECODER.raw_decode(text, before.end())
        colon = _COLON.match(text, at)
        if colon is None:
            raise ValueError("a name without a value")
        start = colon.end()
        _, at = _DECODER.raw_decode(text, start)
        yield Member(name, start, at)
        before = _NEXT.match(text, at)
    if _CLOSING.fullmatch(text, at) is None:
        raise ValueError("an object that does not end")


def _constant(_: str) -> NoReturn:
    raise ValueError("NaN and infinities are no JSON numbers")


# Numbers stay text: reading long ones takes more than linear time.
_DECODER: Final = JSONDecoder(parse_int=str, parse_float=str, parse_constant=_constant)
