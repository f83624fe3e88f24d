"""The JSON Canonicalization Scheme (RFC 8785): one octet string for one JSON value.

JSON text is read strictly first: what two readers could take for different values (a name that
occurs twice, digits that a double cannot hold, a lone surrogate) has no canonical form here.
"""

from __future__ import annotations

from decimal import Decimal
from json import JSONDecodeError, JSONDecoder, JSONEncoder
from math import isfinite
from typing import Any, Final, NoReturn

from canonical.errors import CanonicalError

MAX_DEPTH: Final = 64
"""Arrays and objects inside each other, the outermost included."""

# The largest double has 309 digits (ECMA-262 section 6.1.6.1); one more place for the sign.
_MAX_INTEGER: Final = 310
_MAX_EXACT: Final = 2**53
# Up to 15 significant digits survive the way through a double that is not nearly zero; a point, a
# sign or an exponent makes 16. Whoever sends many short numbers has us compare none of them.
_ALWAYS_EXACT: Final = 16

# RFC 8785 section 3.2.2.2 asks for exactly what this encoder writes: the short escapes, \u00xx in
# lower case for the other control characters, everything else as it is.
_quoted = JSONEncoder(ensure_ascii=False).encode


def canonicalize(value: object) -> bytes:
    """Return the RFC 8785 form of JSON text (bytes) or of a value (anything else).

    Values are None, bool, int, float, str, lists, tuples and dicts. A number is refused where its
    canonical form would have other digits before the decimal point than the literal or int had,
    or where it would overflow or become zero; further places of a fraction are rounded to the
    nearest double (RFC 8785 section 3.2.2.3). Raises CanonicalError, also for NaN, a byte order
    mark, invalid UTF-8, a repeated name, a lone surrogate and more than ``MAX_DEPTH`` levels.
    """
    try:
        parts: list[str] = []
        _write(parse_json(value) if isinstance(value, bytes) else value, parts.append, MAX_DEPTH)
        return "".join(parts).encode()
    except UnicodeEncodeError:
        raise CanonicalError("a string holds a lone surrogate") from None
    except RecursionError:
        raise CanonicalError(f"JSON is nested deeper than {MAX_DEPTH} levels") from None


def parse_json(text: bytes) -> Any:
    """Return the value of JSON text (RFC 8259, UTF-8, no byte order mark, no repeated name).

    Numbers are as in :func:`canonicalize`. The text is read whole before depth and surrogates can
    be judged, so bound its size first. Raises CanonicalError.
    """
    if text.startswith(b"\xef\xbb\xbf"):
        raise CanonicalError("JSON text begins with a byte order mark")
    try:
        return _DECODER.decode(text.decode())
    except UnicodeDecodeError:
        raise CanonicalError("JSON text is not UTF-8") from None
    except JSONDecodeError as error:
        # The decoder's own message has a position and no content.
        raise CanonicalError(f"not JSON: {error}") from None
    except RecursionError:
        raise CanonicalError(f"JSON is nested deeper than {MAX_DEPTH} levels") from None


def _write(value: Any, put: Any, levels: int) -> None:
    """Hand the canonical text of a value to ``put`` in pieces."""
    if isinstance(value, str):
        put(_quoted(value))
    elif value is None:
        put("null")
    elif value is True:
        put("true")
    elif value is False:
        put("false")
    elif isinstance(value, int):
        put(_integer_text(value))
    elif isinstance(value, float):
        put(_double_text(value))
    elif not levels:
        raise CanonicalError(f"JSON is nested deeper than {MAX_DEPTH} levels")
    elif isinstance(value, dict):
        _write_object(value, put, levels - 1)
    elif isinstance(value, (list, tuple)):
        between = "["
        for element in value:
            put(between)
            _write(element, put, levels - 1)
            between = ","
        put("]" if value else "[]")
    else:
        raise CanonicalError(f"{type(value).__name__} is not a kind of JSON value")


def _write_object(members: dict[Any, Any], put: Any, levels: int) -> None:
    if not all(isinstance(name, str) for name in members):
        raise CanonicalError("a name in an object is not a string")
    between = "{"
    # RFC 8785 section 3.2.3: in the order of UTF-16 code units, which is not that of code points.
    for name in sorted(members, key=_utf16):
        put(between + _quoted(name) + ":")
        _write(members[name], put, levels)
        between = ","
    put("}" if members else "{}")


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be")


def _integer_text(value: int) -> str:
    if -_MAX_EXACT <= value <= _MAX_EXACT:
        return int.__repr__(value)
    try:
        text = _double_text(float(value))
    except OverflowError:
        raise CanonicalError("a number is too large for a double") from None
    if Decimal(text) != value:
        raise CanonicalError("a number has more digits than a double holds")
    return text


def _double_text(value: float) -> str:
    """Format a double as ECMAScript does (ECMA-262 section 6.1.6.1.20, Number::toString)."""
    if not isfinite(value):
        raise CanonicalError("NaN and infinities are no JSON numbers")
    if value == 0:
        return "0"  # RFC 8785 section 3.2.2.3: also for minus zero
    # The same shortest digits, laid out otherwise: Python's exponent begins at 1e16 and 1e-5.
    mantissa, _, exponent = float.__repr__(value).partition("e")
    if not exponent:
        return mantissa.removesuffix(".0")
    power = int(exponent)
    if not -7 < power < 21:
        return f"{mantissa}e{power:+d}"
    sign = "-" if value < 0 else ""
    digits = mantissa.lstrip("-").replace(".", "")
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    # From 1e16 on a double is an integer, and 17 digits never reach behind its point.
    return f"{sign}{digits.ljust(power + 1, '0')}"


def _integer(literal: str) -> int:
    if len(literal) > _MAX_INTEGER:
        raise CanonicalError("a number is too large for a double")
    return int(literal)


def _fraction(literal: str) -> float:
    """Read a literal with a point or an exponent."""
    value = float(literal)
    exact = len(literal) <= _ALWAYS_EXACT
    if exact and "e" not in literal and "E" not in literal:
        return value
    if not isfinite(value):
        raise CanonicalError("a number is too large for a double")
    if value == 0:
        if literal.lower().partition("e")[0].strip("-0."):
            raise CanonicalError("a number is too small for a double")
    elif not exact and int(Decimal(literal)) != int(Decimal(float.__repr__(value))):
        raise CanonicalError("a number has more digits than a double holds")
    return value


def _constant(_: str) -> NoReturn:
    raise CanonicalError("NaN and infinities are no JSON numbers")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise CanonicalError("a name occurs twice in one object")
    return members


_DECODER: Final = JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_fraction,
    parse_int=_integer,
    parse_constant=_constant,
)
