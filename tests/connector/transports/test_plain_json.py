"""What the fast reader takes, the fast writer writes as RFC 8785 wants it; the rest it leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import canonicalize
from canonical.jcs import MAX_DEPTH
from connector.transports.plain_json import read_plain, write_plain
from tests.connector.transports.json_texts import OBJECTS, spelled

NAMES = st.text(st.characters(max_codepoint=0xD7FF), max_size=5)
PLAIN = st.dictionaries(
    NAMES,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**14) + 1, 10**15 - 1) | NAMES,
        lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
        max_leaves=10,
    ),
)


@given(PLAIN)
def test_plain_text_is_read_and_its_canonical_form_written(value: dict[str, Any]) -> None:
    octets = json.dumps(value, ensure_ascii=False).encode()
    read = read_plain(octets)
    # The control characters that have no short escape are written by number.
    assert (read is None) == (b"\\u" in octets)
    if read is not None:
        assert read.value == value
        assert write_plain(read.value) == canonicalize(octets)


@given(OBJECTS.flatmap(spelled))
def test_whatever_is_read_has_the_canonical_form_that_is_written(text: str) -> None:
    octets = text.encode()
    read = read_plain(octets)
    assert read is None or write_plain(read.value) == canonicalize(octets)


@pytest.mark.parametrize(
    "inner",
    [
        b'{"a":1,"a":1}',
        b'"\\u0061"',
        b"1.0",
        b"1e2",
        b"-0",
        b"1" * 16,
        b"NaN",
        b"-Infinity",
        '"\ue000"'.encode(),
        '{"\U0001f339":1}'.encode(),
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        b"",
        b"1,",
        b"[1",
        b'"\n"',
    ],
)
def test_what_is_not_plain_is_left_to_others(inner: bytes) -> None:
    assert read_plain(b'{"a":1}') is not None
    assert read_plain(b'{"a":' + inner + b"}") is None


@pytest.mark.parametrize("octets", [b"", b"[]", b"1", b'"a"', b"{} {}", b"\xef\xbb\xbf{}"])
def test_what_is_no_object_is_left_to_others(octets: bytes) -> None:
    assert read_plain(octets) is None


@pytest.mark.parametrize(
    "literal", ["1", "0", "-7", '"a"', '""', '"a\\n"', '"\\/"', '"é"', "null", "true", "[1]"]
)
def test_a_literal_is_as_it_is_written(literal: str) -> None:
    read = read_plain(f'{{"x":"\\t", "id" : {literal} }}'.encode())
    assert read is not None
    assert read.literal("id") == literal
    assert read.literal("ID") is None
