"""A JSON object read as it passes: the same verdict as reading it whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from canonical.jcs import MAX_DEPTH
from connector.transports.json_members import read_object
from connector.transports.passing_objects import LONGEST_NUMBER, PassingObject
from tests.connector.transports.json_texts import OBJECTS, VALUES, pieces, spelled
from tests.connector.transports.test_json_members import suite

if TYPE_CHECKING:
    from pathlib import Path

WANTED = ("id", "result")
LONGEST = 20

FRAGMENTS = st.sampled_from(
    [b"{", b"}", b"[", b"]", b",", b":", b'"', b'"id"', b'"r\\u0065sult"', b"\\", b"\\u12", b" ",
     b"1", b"-", b"0", b".", b"5e", b"+", b"true", b"null", b"tru", b"\xc3", b"\xa9", b"\n", b"\0",
     b'{"id":1}', b'"id":[{}]', b',"result":{}']
)  # fmt: skip


def passed(*octets: bytes) -> PassingObject:
    reader = PassingObject(WANTED, LONGEST)
    for piece in octets:
        reader.feed(piece)
    return reader


def assert_same_as_read_whole(text: bytes, reader: PassingObject) -> None:
    read = read_object(text)
    assert reader.is_whole() == (read is not None)
    if read is None:
        return
    for name in WANTED:
        assert read.has(name) == reader.has(name)
        literal = read.literal(name)
        kept = literal is not None and literal[0] not in "[{" and len(literal) <= LONGEST
        assert reader.literal(name) == (literal if kept else None)


@given(st.data(), OBJECTS, st.dictionaries(st.sampled_from(["id", "result", "ID"]), VALUES))
def test_in_any_pieces_an_object_is_read_as_if_it_were_whole(
    data: st.DataObject, value: dict[str, Any], wanted: dict[str, Any]
) -> None:
    text = data.draw(spelled({**value, **wanted})).encode()
    reader = passed(*data.draw(pieces(text)))
    assert reader.is_whole()
    assert_same_as_read_whole(text, reader)
    assert_same_as_read_whole(text, passed(*(bytes([octet]) for octet in text)))


@given(st.data(), OBJECTS, VALUES)
def test_a_damaged_object_is_judged_as_if_it_were_whole(
    data: st.DataObject, value: dict[str, Any], wanted: Any
) -> None:
    text = data.draw(spelled({**value, "id": wanted})).encode()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 3)))
    damaged = text[:start] + data.draw(FRAGMENTS) + text[end:]
    assert_same_as_read_whole(damaged, passed(*data.draw(pieces(damaged))))


@given(st.data(), st.lists(FRAGMENTS, max_size=12))
@example(None, [b'{"id":1}', b"\xc3"])
def test_any_octets_are_judged_as_if_they_were_whole(
    data: st.DataObject | None, parts: list[bytes]
) -> None:
    text = b"".join(parts)
    cut = parts if data is None else data.draw(pieces(text))
    assert_same_as_read_whole(text, passed(*cut))


@pytest.mark.parametrize("path", [*suite("y_"), *suite("n_"), *suite("i_")])
def test_published_texts_are_judged_as_if_they_were_whole(path: Path) -> None:
    text = b'{"id":' + path.read_bytes() + b',"result":0}'
    assert_same_as_read_whole(text, passed(text))
    assert_same_as_read_whole(text, passed(*(bytes([octet]) for octet in text[:5000]), text[5000:]))


def test_a_name_is_known_in_its_longest_spelling() -> None:
    escaped = "".join(f"\\u{ord(each):04X}" for each in "result")
    reader = passed(f'{{"{escaped}":7,"{escaped}\\u0000":8}}'.encode())
    assert reader.is_whole()
    assert reader.literal("result") == "7"


def test_a_repeated_member_has_no_literal_and_came() -> None:
    reader = passed(b'{"id":1,"\\u0069d":1}')
    assert reader.has("id")
    assert reader.literal("id") is None


def test_members_of_members_are_not_meant() -> None:
    reader = passed(b'{"a":{"id":1},"b":[{"result":2}]}')
    assert reader.is_whole()
    assert not reader.has("id")
    assert not reader.has("result")


@pytest.mark.parametrize("closing", [b'"', b""])
def test_of_a_long_string_hardly_anything_is_kept(closing: bytes) -> None:
    reader = passed(b'{"id":"', *[b"a" * 1000] * 1000, closing)
    assert len(reader._scalar) <= 2 * LONGEST + 2
    reader.feed(b'","result":1}' if not closing else b',"result":1}')
    assert reader.is_whole()
    assert reader.has("id")
    assert reader.literal("id") is None


@pytest.mark.parametrize("literal", [b"1" * LONGEST, b'"' + b"1" * (LONGEST - 2) + b'"'])
def test_a_value_is_kept_up_to_its_limit(literal: bytes) -> None:
    longer = literal[:2] + literal[1:]
    assert passed(b'{"id":%b}' % literal).literal("id") == literal.decode()
    assert passed(b'{"id":%b}' % longer).literal("id") is None
    assert passed(b'{"id":%b}' % longer).has("id")


@pytest.mark.parametrize("escape", [b"\\x", b"\\u12G", b"\\u 123", b"\\"])
def test_of_an_escape_no_more_is_held_than_it_may_have(escape: bytes) -> None:
    reader = passed(b'{"id":"' + escape)
    for _ in range(100):
        reader.feed(b" " * 10)
        assert len(reader._cut) < 6
    reader.feed(b'"}')
    assert not reader.is_whole()


@pytest.mark.parametrize(("digits", "whole"), [(LONGEST_NUMBER, True), (LONGEST_NUMBER + 1, False)])
def test_a_number_is_read_up_to_its_limit(digits: int, *, whole: bool) -> None:
    text = b'{"id":' + b"1" * digits + b"}"
    assert passed(text).is_whole() is whole
    assert passed(*(bytes([octet]) for octet in text)).is_whole() is whole


@pytest.mark.parametrize(("levels", "whole"), [(MAX_DEPTH - 1, True), (MAX_DEPTH, False)])
def test_levels_are_limited_as_when_read_whole(levels: int, *, whole: bool) -> None:
    text = b'{"id":' + b"[" * levels + b"]" * levels + b"}"
    assert passed(text).is_whole() is whole


def test_what_failed_stays_failed_and_keeps_nothing_more() -> None:
    reader = passed(b'{"id":tru}', b'{"id":1}', b"[" * 1000)
    assert not reader.is_whole()
    assert not reader.has("id")
    assert len(reader._open) == 1
