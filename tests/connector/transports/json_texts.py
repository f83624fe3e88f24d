"""JSON for property tests: values, and the many ways in which one value can be written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACE = st.text(" \t\n\r", max_size=2)
STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | STRINGS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(STRINGS, VALUES, max_size=4)


@st.composite
def spelled(draw: st.DrawFn, value: Any) -> str:
    """Write a value: white space anywhere, members in any order, characters as escapes."""
    if isinstance(value, dict):
        members = [
            f"{draw(spelled(name))}{draw(SPACE)}:{draw(SPACE)}{draw(spelled(value[name]))}"
            for name in draw(st.permutations(list(value)))
        ]
        return _between("{", members, "}", draw(SPACE))
    if isinstance(value, list):
        return _between("[", [draw(spelled(each)) for each in value], "]", draw(SPACE))
    if isinstance(value, str) and draw(st.booleans()):
        return f'"{"".join(_escapes(value))}"'
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


def _between(opening: str, parts: list[str], closing: str, space: str) -> str:
    return opening + space + f"{space},{space}".join(parts) + space + closing


def _escapes(text: str) -> Iterator[str]:
    units = text.encode("utf-16-be")
    for at in range(0, len(units), 2):
        yield f"\\u{units[at : at + 2].hex()}"


@st.composite
def pieces(draw: st.DrawFn, octets: bytes) -> list[bytes]:
    """Cut octets anywhere, into empty pieces too."""
    cuts = sorted(draw(st.lists(st.integers(0, len(octets)), max_size=8)))
    return [octets[start:end] for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)]
