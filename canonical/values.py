"""The types of structured values (RFC 9651 section 3) that Python has no type of its own for."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias


class Token(str):
    """A Token (RFC 9651 section 3.3.4): a short word without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Token({str.__repr__(self)})"


class DisplayString(str):
    """A Display String (RFC 9651 section 3.3.8): text in any script, for people."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"DisplayString({str.__repr__(self)})"


class Date(int):
    """A Date (RFC 9651 section 3.3.7): whole seconds since 1970-01-01T00:00:00Z."""

    def __repr__(self) -> str:
        return f"Date({int.__repr__(self)})"


BareItem: TypeAlias = int | Decimal | str | bytes | bool | Token | Date | DisplayString
Parameters: TypeAlias = Mapping[str, BareItem]
Item: TypeAlias = tuple[BareItem, Parameters]
InnerList: TypeAlias = tuple[list[Item], Parameters]
Member: TypeAlias = Item | InnerList
"""A member of a List or a Dictionary."""
