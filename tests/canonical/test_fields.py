from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import (
    CanonicalError,
    Date,
    DisplayString,
    InnerList,
    Token,
    parse_dictionary,
    parse_item,
    parse_list,
    serialize,
)
from canonical.fields import parse_inner_list
from tests.canonical import structured_values as values
from tests.canonical.structured_values import typed

# The examples of RFC 9651 section 3.
ITEMS: list[tuple[str, Any]] = [
    ("5", (5, {})),
    ("5;foo=bar", (5, {"foo": Token("bar")})),
    ("42", (42, {})),
    ("-999999999999999", (-999_999_999_999_999, {})),
    ("4.5", (Decimal("4.5"), {})),
    ('"hello world"', ("hello world", {})),
    (r'"a\"b\\c"', ('a"b\\c', {})),
    ("foo123/456", (Token("foo123/456"), {})),
    ("*", (Token("*"), {})),
    (":cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==:", (b"pretend this is binary content.", {})),
    ("::", (b"", {})),
    ("?1", (True, {})),
    ("?0", (False, {})),
    ("@1659578233", (Date(1659578233), {})),
    (
        '%"This is intended for display to %c3%bcsers."',
        (DisplayString("This is intended for display to üsers."), {}),
    ),
    ("a;b;c=?0", (Token("a"), {"b": True, "c": False})),
]

LISTS: list[tuple[str, Any]] = [
    ("", []),
    ("sugar, tea, rum", [(Token("sugar"), {}), (Token("tea"), {}), (Token("rum"), {})]),
    (
        '("foo" "bar"), ("baz"), ("bat" "one"), ()',
        [
            ([("foo", {}), ("bar", {})], {}),
            ([("baz", {})], {}),
            ([("bat", {}), ("one", {})], {}),
            ([], {}),
        ],
    ),
    (
        '("foo";a=1;b=2);lvl=5, ("bar" "baz");lvl=1',
        [
            ([("foo", {"a": 1, "b": 2})], {"lvl": 5}),
            ([("bar", {}), ("baz", {})], {"lvl": 1}),
        ],
    ),
]

DICTIONARIES: list[tuple[str, Any]] = [
    (
        'en="Applepie", da=:w4ZibGV0w6ZydGU=:',
        {"en": ("Applepie", {}), "da": ("Æbletærte".encode(), {})},
    ),
    ("a=?0, b, c;foo=bar", {"a": (False, {}), "b": (True, {}), "c": (True, {"foo": Token("bar")})}),
    ("rating=1.5, feelings=(joy sadness)", {
        "rating": (Decimal("1.5"), {}),
        "feelings": ([(Token("joy"), {}), (Token("sadness"), {})], {}),
    }),
]  # fmt: skip

MALFORMED = [
    "", " ", "a b", "a,", "1.", "1.2345", "1234567890123456", "1234567890123.1", "-", "--1", "+1",
    '"a', '"\\a"', '"é"', '"\t"', ":aGVsbG8:", ":iZ==:", ":_-Ah:", ":", "?2", "?", "@1.5", "@",
    '%"%C3%BC"', '%"%c3"', "%foo", "a;", "a;A=1", "a;b=", "a;b =1", "a ;b", "(a)", "=", "\x00",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), ITEMS)
def test_an_item_is_read_and_written_back(text: str, value: Any) -> None:
    assert typed(value) == typed(parse_item(text))
    assert text == serialize(value)


@pytest.mark.parametrize(("text", "value"), LISTS)
def test_a_list_is_read_and_written_back(text: str, value: Any) -> None:
    assert typed(value) == typed(parse_list(text.encode()))
    assert text == serialize(value)


@pytest.mark.parametrize(("text", "value"), DICTIONARIES)
def test_a_dictionary_is_read_and_written_back(text: str, value: Any) -> None:
    assert typed(value) == typed(parse_dictionary(text))
    assert text == serialize(value)


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_item_is_refused(text: str) -> None:
    with pytest.raises(CanonicalError):
        parse_item(text)


@pytest.mark.parametrize(
    "text",
    ["a,", "a,,b", ",a", "(a", "(a b", "(a,b)", '("a""b")', "(a)b", "a;b=(c)", "((a))", "\ta"],
)
def test_a_malformed_list_is_refused(text: str) -> None:
    with pytest.raises(CanonicalError):
        parse_list(text)


@pytest.mark.parametrize("text", ["A=1", "a=", "a=1,", "a = 1", "a=1 b=2", "=1", "1=a", "a=1;"])
def test_a_malformed_dictionary_is_refused(text: str) -> None:
    with pytest.raises(CanonicalError):
        parse_dictionary(text)


def test_spaces_around_members_mean_nothing() -> None:
    assert parse_list("a, b") == parse_list("  a\t,\tb  ")
    assert parse_list("(a b)") == parse_list("(  a   b )")
    assert parse_dictionary("a=1;x=2, b") == parse_dictionary("a=1;  x=2,b\t")


def test_of_a_repeated_key_the_last_wins_unless_keys_must_be_unique() -> None:
    assert parse_dictionary("a=1, b=2, a=3") == {"a": (3, {}), "b": (2, {})}
    with pytest.raises(CanonicalError, match="the member a occurs twice"):
        parse_dictionary("a=1, b=2, a=3", unique=True)
    assert parse_dictionary("a=1;x=2;x=3", unique=True) == {"a": (1, {"x": 3})}


def test_the_sizes_that_every_parser_must_take_are_taken() -> None:
    # RFC 9651 section 3: 1024 members, 256 items, 256 parameters, 1024 characters, 16384 octets.
    assert len(parse_list(", ".join(["a"] * 1024))) == 1024
    assert len(parse_dictionary(", ".join(f"k{i}=1" for i in range(1024)))) == 1024
    inner: InnerList = ([("x", {})] * 256, {f"p{i}": i for i in range(256)})
    assert inner == parse_inner_list(serialize(inner))
    for value in ("s" * 1024, Token("t" * 512), b"b" * 16384):
        assert (value, {}) == parse_item(serialize(value))


@pytest.mark.parametrize(
    "value",
    [
        10**15, -(10**15), Decimal(10**12), Decimal("999999999999.9995"), Decimal("NaN"),
        Decimal("sNaN"), Decimal("Infinity"), Decimal("1E+999999"), "é", "\n", "\x7f", Token(""),
        Token("a b"), Token("1a"), DisplayString("\ud800"), 1.5, None, object(), bytearray(b"x"),
        {"A": 1}, {"": 1}, {1: 1}, {10**5000: 1}, ("a", {"B": 1}), ("a", None), ("a", {}, {}),
        [("a", {"b": [1]})], [[[1]]], {"a": {"b": 1}},
    ],
)  # fmt: skip
def test_what_has_no_text_is_refused(value: object) -> None:
    with pytest.raises(CanonicalError):
        serialize(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.0015"), "0.002"),
        (Decimal("0.0025"), "0.002"),
        (Decimal(1), "1.0"),
        (Decimal("-0.0"), "0.0"),
        (Decimal("-0.0001"), "0.0"),
        (Decimal("-1.50"), "-1.5"),
        (Decimal("1E+3"), "1000.0"),
        (Decimal("999999999999.999"), "999999999999.999"),
    ],
)
def test_decimals_are_rounded_half_to_even_at_three_places(value: Decimal, text: str) -> None:
    assert text == serialize(value)


@given(values.items)
def test_an_item_survives_writing_and_reading(value: Any) -> None:
    assert typed(value) == typed(parse_item(serialize(value)))


@given(values.lists)
def test_a_list_survives_writing_and_reading(value: Any) -> None:
    assert typed(value) == typed(parse_list(serialize(value)))


@given(values.dictionaries)
def test_a_dictionary_survives_writing_and_reading(value: Any) -> None:
    assert typed(value) == typed(parse_dictionary(serialize(value), unique=True))
    assert typed(value) == typed(parse_dictionary(serialize(value).encode()))


_NEARLY = st.text('ab1;=,() "\\:?@%.-\t\x00é', max_size=20)


@given(st.one_of(_NEARLY, st.text(max_size=20), st.binary(max_size=20)))
def test_what_is_read_is_written_in_one_canonical_way(text: str | bytes) -> None:
    for parse in (parse_item, parse_list, parse_dictionary, parse_inner_list):
        try:
            value = parse(text)
        except CanonicalError:
            continue
        written = serialize(value)
        assert typed(value) == typed(parse(written))
        assert written == serialize(parse(written))


@pytest.mark.parametrize(
    "value",
    [
        *(10**15, 10**15 + 1, -(10**15), -(10**15) - 1),
        *(Decimal(10**12), Decimal(10**12) + 1, -Decimal(10**12), Decimal("1e30")),
        *(("a",), ("a", {}, {})),
    ],
)
def test_what_has_no_serialisation_beyond_an_edge_is_refused(value: Any) -> None:
    with pytest.raises(CanonicalError):
        serialize(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10**15 - 1, "999999999999999"),
        (1 - 10**15, "-999999999999999"),
        (Decimal("999999999999.9994"), "999999999999.999"),
        (Decimal("999999999999.0005"), "999999999999.0"),
        (Decimal("999999999999.0015"), "999999999999.002"),
        (DisplayString("\x1f \x7f"), '%"%1f %7f"'),
    ],
)
def test_what_lies_within_an_edge_is_written(value: Any, text: str) -> None:
    assert serialize(value) == text
