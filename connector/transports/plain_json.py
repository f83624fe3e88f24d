"""JSON text that is read once, by the fast reader, and written canonically by the fast writer.

That is most of what platforms send: names once, integers that every reader takes for the same, no
escapes by number, no character from U+E000 on. For such values RFC 8785 and Python's encoder
agree: names in the order of code points are in that of UTF-16 code units (section 3.2.3), and no
number needs another form. Whatever else is JSON is left to the slower readers.
"""

from __future__ import annotations

import re
from json import JSONDecoder, JSONEncoder
from typing import Any, Final, NamedTuple, NoReturn

from connector.transports.json_members import is_deep, read_object

_HIGH: Final = re.compile("[\ue000-\U0010ffff]")
_DIGITS: Final = 15
"""An integer of so many characters is exact as a double."""


class PlainObject(NamedTuple):
    """An object of plain text; what JsonObject tells of one, without spans."""

    value: dict[str, Any]
    octets: bytes
    """The whole text."""

    def names(self) -> list[str]:
        """Return the names of the members in order."""
        return list(self.value)

    def has(self, name: str) -> bool:
        """Tell whether a member has this name."""
        return name in self.value

    def string(self, name: str) -> str | None:
        """Return the member of this name, where its value is a string."""
        value = self.value.get(name)
        return value if isinstance(value, str) else None

    def inner(self, name: str) -> PlainObject | None:
        """Return the member of this name, where its value is an object."""
        value = self.value.get(name)
        return PlainObject(value, self.octets) if isinstance(value, dict) else None

    def literal(self, name: str) -> str | None:
        """Return the text of the value of this name; of the outermost object only."""
        if name not in self.value:
            return None
        value = self.value[name]
        if type(value) is int:
            return str(value)
        if type(value) is str and b"\\" not in self.octets:
            return f'"{value}"'
        found = read_object(self.octets)
        return None if found is None else found.literal(name)


def read_plain(octets: bytes) -> PlainObject | None:
    """Return the object that plain text holds; None for anything else."""
    if b"\\u" in octets or is_deep(octets):
        return None
    try:
        text = octets.decode()
        if not text.isascii() and _HIGH.search(text) is not None:
            return None
        value = _DECODER.decode(text)
    except ValueError:  # from the decoders of UTF-8 and of JSON, and from here
        return None
    return PlainObject(value, octets) if isinstance(value, dict) else None


def write_plain(value: Any) -> bytes:
    """Return the RFC 8785 form of a value that was read here."""
    return _ENCODER.encode(value).encode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _integer(literal: str) -> int:
    if len(literal) > _DIGITS or literal == "-0":
        raise ValueError("an integer that has another form, or perhaps another value")
    return int(literal)


def _other(_: str) -> NoReturn:
    raise ValueError("a number that is no integer")


_DECODER: Final = JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_other, parse_constant=_other
)
_ENCODER: Final = JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
)
