"""Structured fields (RFC 9651): parse strictly.

The grammar is regular: a field nests at most three levels (member, inner list, item), so a reader
with one position and one expression per kind of token is the whole parser, in linear time. Every
expression stops where the grammar's token must end; what is left over then fails one level up.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from canonical.base64 import decode
from canonical.errors import CanonicalError
from canonical.values import BareItem, Date, DisplayString, Token

if TYPE_CHECKING:
    from canonical.values import InnerList, Item, Member

# RFC 9651 section 3.1.2: key = ( lcalpha / "*" ) *( lcalpha / DIGIT / "_" / "-" / "." / "*" )
_KEY_PATTERN: Final = r"[a-z*][a-z0-9_\-.*]*"
# RFC 9651 section 3.3.3: unescaped = %x20-21 / %x23-5B / %x5D-7E
_UNESCAPED: Final = r"[ !#-\[\]-~]"

_KEY: Final = re.compile(_KEY_PATTERN).match
_OWS: Final = re.compile(r"[ \t]*").match
_SP: Final = re.compile(r" *").match

# RFC 9651 section 4.2.3.1. One group per kind; the group's number picks the conversion below. A
# number's bounds on digits are in the expression: a digit too many is left over, and fails.
_BARE_ITEM: Final = re.compile(
    rf'''"({_UNESCAPED}*)"
       | (-?[0-9]{{1,12}}\.[0-9]{{1,3}})
       | (-?[0-9]{{1,15}})
       | ([A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*)
       | :([A-Za-z0-9+/=]*):
       | \?([01])
       | "((?:{_UNESCAPED}|\\["\\])*)"
       | @(-?[0-9]{{1,15}})
       | %"((?:[ !#$&-~]|%[0-9a-f]{{2}})*)"''',
    re.VERBOSE,
).match

# A parameter (section 4.2.3.2) in one step where its value is absent, a plain string or an
# integer; the empty fourth group says that another kind of value follows.
_PARAMETER: Final = re.compile(
    rf';[ ]*({_KEY_PATTERN})(?:=(?:"({_UNESCAPED}*)"|(-?[0-9]{{1,15}})(?![0-9.])|()))?'
).match

_ESCAPE: Final = re.compile(r"\\(.)")
_PERCENT: Final = re.compile(rb"%(..)")

Text: TypeAlias = str | bytes


class Reader:
    """A position in the text of one field; each method reads what its name says.

    With ``unique_parameters`` a parameter that is given twice is an error instead of overwriting
    the first.
    """

    __slots__ = ("pos", "text", "unique_parameters")

    def __init__(self, text: str, *, unique_parameters: bool = False) -> None:
        self.text = text
        self.pos = 0
        self.unique_parameters = unique_parameters

    def fault(self, wanted: str) -> CanonicalError:
        return CanonicalError(f"malformed structured field: {wanted} expected at {self.pos}")

    def at_end(self) -> bool:
        return self.pos == len(self.text)

    def key(self) -> str:
        match = _KEY(self.text, self.pos)
        if match is None:
            raise self.fault("a key")
        self.pos = match.end()
        return match[0]

    def bare_item(self) -> BareItem:
        match = _BARE_ITEM(self.text, self.pos)
        if match is None:
            raise self.fault("a bare item")
        self.pos = match.end()
        kind = match.lastindex or 0
        text: str = match[kind]
        return text if kind == 1 else _converted(kind, text)

    def parameters(self) -> dict[str, BareItem]:
        parameters: dict[str, BareItem] = {}
        while (match := _PARAMETER(self.text, self.pos)) is not None:
            self.pos = match.end()
            kind = match.lastindex
            key = match[1]
            if self.unique_parameters and key in parameters:
                raise CanonicalError(f"the parameter {key[:80]} is given twice")
            if kind == 2:
                parameters[key] = match[2]
            elif kind == 3:
                parameters[key] = int(match[3])
            else:
                parameters[key] = True if kind == 1 else self.bare_item()
        return parameters

    def item(self) -> Item:
        return self.bare_item(), self.parameters()

    def inner_items(self) -> list[Item]:
        """Read ``( ... )`` without the inner list's own parameters."""
        if not self.text.startswith("(", self.pos):
            raise self.fault("an inner list")
        self.pos += 1
        items: list[Item] = []
        while True:
            # RFC 9651 section 4.2.1.2: spaces may stand anywhere, one must stand between items.
            start = self.pos
            self.pos = _SP(self.text, start).end()  # type: ignore[union-attr]  # matches always
            if self.text.startswith(")", self.pos):
                self.pos += 1
                return items
            if items and self.pos == start:
                raise self.fault('a space or ")"')
            items.append(self.item())

    def member(self) -> Member:
        """Read an item or an inner list."""
        if self.text.startswith("(", self.pos):
            return self.inner_items(), self.parameters()
        return self.item()

    def separator(self) -> bool:
        """Read the comma between two members; False at the end of the field."""
        self.pos = _OWS(self.text, self.pos).end()  # type: ignore[union-attr]  # matches always
        if self.at_end():
            return False
        if self.text[self.pos] != ",":
            raise self.fault("a comma")
        self.pos = _OWS(self.text, self.pos + 1).end()  # type: ignore[union-attr]  # likewise
        if self.at_end():
            raise self.fault("a member after the comma")
        return True


def _converted(kind: int, text: str) -> BareItem:
    """Turn what a group of ``_BARE_ITEM`` caught into its value."""
    match kind:
        case 2:
            return Decimal(text)
        case 3:
            return int(text)
        case 4:
            return Token(text)
        case 5:
            return decode(text)
        case 6:
            return text == "1"
        case 7:
            return _ESCAPE.sub(r"\1", text)
        case 8:
            return Date(text)
    octets = _PERCENT.sub(lambda match: bytes.fromhex(match[1].decode()), text.encode())
    try:
        return DisplayString(octets.decode())
    except UnicodeDecodeError:
        raise CanonicalError("malformed structured field: a display string is not UTF-8") from None


def field_text(text: Text) -> str:
    """Return the text to parse: ASCII, without the spaces around it (RFC 9651 section 4.2)."""
    if not text.isascii():
        raise CanonicalError("malformed structured field: not ASCII")
    return (text.decode() if isinstance(text, bytes) else text).strip(" ")


def parse_item(text: Text) -> Item:
    """Return an Item field's ``(value, parameters)``; CanonicalError for any other text."""
    reader = Reader(field_text(text))
    item = reader.item()
    if not reader.at_end():
        raise reader.fault("the end")
    return item


def parse_list(text: Text) -> list[Member]:
    """Return a List field's members; several header lines are joined with a comma first."""
    reader = Reader(field_text(text))
    members: list[Member] = []
    more = not reader.at_end()
    while more:
        members.append(reader.member())
        more = reader.separator()
    return members


def parse_dictionary(text: Text, *, unique: bool = False) -> dict[str, Member]:
    """Return a Dictionary field's members by key; several header lines are joined first.

    Where a key occurs twice the last one wins (RFC 9651 section 4.2.2); with ``unique`` it is a
    CanonicalError that names the key.
    """
    reader = Reader(field_text(text))
    members: dict[str, Member] = {}
    more = not reader.at_end()
    while more:
        key = reader.key()
        if unique and key in members:
            raise CanonicalError(f"the member {key[:80]} occurs twice")
        members[key] = dictionary_value(reader)
        more = reader.separator()
    return members


def dictionary_value(reader: Reader) -> Member:
    """Read what follows a dictionary's key: a member, or nothing, which means true."""
    if reader.text.startswith("=", reader.pos):
        reader.pos += 1
        return reader.member()
    return True, reader.parameters()


def parse_inner_list(text: Text) -> InnerList:
    """Return ``(items, parameters)`` of a text that is one inner list."""
    reader = Reader(field_text(text))
    inner = reader.inner_items(), reader.parameters()
    if not reader.at_end():
        raise reader.fault("the end")
    return inner
