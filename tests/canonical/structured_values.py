"""Random structured values (RFC 9651 section 3), for the tests that parse and write them."""

from __future__ import annotations

import string
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from canonical import Date, DisplayString, Token

_INTEGERS = st.integers(-999_999_999_999_999, 999_999_999_999_999)
_TOKEN_FIRST = string.ascii_letters + "*"
_TOKEN_REST = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~:/"
_KEY_FIRST = string.ascii_lowercase + "*"
_KEY_REST = string.ascii_lowercase + string.digits + "_-.*"


def _word(first: str, rest: str) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(first), st.text(rest, max_size=8)).map("".join)


keys = _word(_KEY_FIRST, _KEY_REST)
bare_items: st.SearchStrategy[Any] = st.one_of(
    _INTEGERS,
    st.integers(-(10**15) + 1, 10**15 - 1).map(lambda number: Decimal(number).scaleb(-3)),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12),
    st.binary(max_size=12),
    st.booleans(),
    _word(_TOKEN_FIRST, _TOKEN_REST).map(Token),
    _INTEGERS.map(Date),
    st.text(max_size=6).map(DisplayString),
)
parameters = st.dictionaries(keys, bare_items, max_size=3)
items = st.tuples(bare_items, parameters)
inner_lists = st.tuples(st.lists(items, max_size=4), parameters)
members: st.SearchStrategy[Any] = st.one_of(items, inner_lists)
lists = st.lists(members, max_size=5)
dictionaries = st.dictionaries(keys, members, max_size=5)


def typed(value: Any) -> Any:
    """Return the value with every type spelled out: 1, True, Date(1) and Decimal(1) differ."""
    match value:
        case dict():
            return {key: typed(each) for key, each in value.items()}
        case list() | tuple():
            return [typed(each) for each in value]
        case _:
            return type(value).__name__, value
