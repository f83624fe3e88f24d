"""Structured fields (RFC 9651 section 4.1): write the one canonical text of a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Final

from canonical.base64 import encode
from canonical.errors import CanonicalError
from canonical.values import Date, DisplayString, Token

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEY: Final = re.compile(r"[a-z*][a-z0-9_\-.*]*").fullmatch
_TOKEN: Final = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*").fullmatch
_PRINTABLE: Final = re.compile(r"[ -~]*").fullmatch

_INTEGER_LIMIT: Final = 10**15
# Twelve digits before the point and three behind it (section 3.3.2), and room to round.
_DECIMAL: Final = Context(prec=16, rounding=ROUND_HALF_EVEN, traps=[])
_THOUSANDTH: Final = Decimal("0.001")
_DECIMAL_LIMIT: Final = Decimal(10**12)


def serialize(value: object) -> str:
    """Return the text of a dictionary, list, inner list or item.

    A dict is a Dictionary, a list a List, ``([items], parameters)`` an inner list and
    ``(value, parameters)`` an item; an item without parameters may be the bare value. The text of
    an empty dictionary or list is empty: the field is then left out. CanonicalError for a value
    that has no text.
    """
    if isinstance(value, (dict, Mapping)):  # a dict, nearly always: told without asking an ABC
        return ", ".join(_dictionary_member(key, member) for key, member in value.items())
    if isinstance(value, list):
        return ", ".join(_member(member) for member in value)
    return _member(value)


def _dictionary_member(key: object, member: object) -> str:
    # Section 4.1.2: a member that is true is its key and parameters alone.
    value, parameters = _split(member)
    if value is True:
        return _key(key) + _parameters(parameters)
    return f"{_key(key)}={_member(member)}"


def _member(member: object) -> str:
    value, parameters = _split(member)
    if isinstance(value, list):
        return f"({_items(value)}){_parameters(parameters)}"
    return _bare_item(value) + _parameters(parameters)


def _items(items: Sequence[object]) -> str:
    texts = []
    for item in items:
        value, parameters = _split(item)
        texts.append(_bare_item(value) + _parameters(parameters))
    return " ".join(texts)


def _split(member: object) -> tuple[object, Mapping[object, object]]:
    if not isinstance(member, tuple):
        return member, {}
    if len(member) != 2 or not isinstance(member[1], (dict, Mapping)):
        raise CanonicalError("a structured item is (value, parameters)")
    return member[0], member[1]


def _parameters(parameters: Mapping[object, object]) -> str:
    return "".join(
        f";{_key(name)}" if value is True else f";{_key(name)}={_bare_item(value)}"
        for name, value in parameters.items()
    )


def _key(key: object) -> str:
    if not isinstance(key, str) or _KEY(key) is None:
        shown = repr(key[:40]) if isinstance(key, str) else type(key).__name__
        raise CanonicalError(f"{shown} is no key of a structured field")
    return key


def _bare_item(value: object) -> str:
    match value:
        case bool():
            return "?1" if value else "?0"
        case Date():
            return f"@{_integer(value)}"
        case int():
            return _integer(value)
        case Decimal():
            return _decimal(value)
        case Token():
            if _TOKEN(value) is None:
                raise CanonicalError("not a token of a structured field")
            return str(value)
        case DisplayString():
            return _display_string(value)
        case str():
            if _PRINTABLE(value) is None:
                raise CanonicalError("a structured string holds printable ASCII only")
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case bytes():
            return f":{encode(value)}:"
    raise CanonicalError(f"no structured value: {type(value).__name__}")


def _integer(value: int) -> str:
    if not -_INTEGER_LIMIT < value < _INTEGER_LIMIT:
        raise CanonicalError("a structured integer has at most 15 digits")
    return str(int(value))


def _decimal(value: Decimal) -> str:
    # Section 4.1.5: round to three places, half to even, then at most twelve digits before them.
    rounded = _DECIMAL.quantize(value, _THOUSANDTH)
    if not rounded.is_finite() or abs(rounded) >= _DECIMAL_LIMIT:
        raise CanonicalError("a structured decimal has at most 12 digits before its point")
    text = f"{rounded:f}".rstrip("0")
    text += "0" if text.endswith(".") else ""
    # A negative zero has no sign of its own.
    return text.removeprefix("-") if not rounded else text


def _display_string(value: str) -> str:
    # Section 4.1.11: the percent sign, the quote and all but printable ASCII are escaped.
    try:
        octets = value.encode()
    except UnicodeEncodeError:
        raise CanonicalError("a display string is not Unicode text") from None
    return (
        '%"'
        + "".join(
            chr(octet) if 0x20 <= octet <= 0x7E and octet not in b'%"' else f"%{octet:02x}"
            for octet in octets
        )
        + '"'
    )
