"""Where the members of a JSON object stand in its text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.jcs import MAX_DEPTH
from connector.transports.json_members import is_deep, read_object
from tests.connector.transports.json_texts import OBJECTS, SPACE, spelled

SUITE = Path(__file__).resolve().parents[4] / "shared" / "vectors" / "JSONTestSuite"


def suite(prefix: str) -> list[Any]:
    paths = sorted((SUITE / "test_parsing").glob(f"{prefix}*.json"))
    if paths:
        return [pytest.param(path, id=path.name) for path in paths]
    absent = pytest.mark.skip(reason="the JSONTestSuite vectors are not there")
    return [pytest.param(SUITE, marks=absent)]


@given(st.data(), OBJECTS, SPACE, SPACE)
def test_every_member_is_found_where_it_stands(
    data: st.DataObject, value: dict[str, Any], before: str, after: str
) -> None:
    text = before + data.draw(spelled(value)) + after
    read = read_object(text.encode())
    assert read is not None
    assert text == read.text
    found = {member.name: json.loads(text[member.start : member.end]) for member in read.members}
    assert value == found
    assert all(text[member.start : member.end].strip() for member in read.members)


@pytest.mark.parametrize("path", suite("y_"))
def test_valid_json_is_read_as_a_member(path: Path) -> None:
    text = path.read_bytes()
    read = read_object(b'{"id" : ' + text + b" }")
    assert read is not None
    assert text.decode().strip(" \t\r\n") == read.literal("id")


@pytest.mark.parametrize("path", suite("n_"))
def test_what_is_not_json_is_no_object(path: Path) -> None:
    text = path.read_bytes()
    assert read_object(text) is None
    assert read_object(b'{"id":' + text + b"}") is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"1",
        b'"id"',
        b"null",
        b"}",
        b',"id":1}',
        b'[{"id":1}]',
        b"{",
        b'{"id"',
        b'{"id":',
        b'{"id":1',
        b'{"id":1,}',
        b'{,"id":1}',
        b'{"id":1 "a":2}',
        b'{"id" 1}',
        b'{"id"::1}',
        b"{1:1}",
        b"{[]:1}",
        b'{"id":01}',
        b'{"id":1.}',
        b'{"id":NaN}',
        b'{"id":-Infinity}',
        b'{"id":"\n"}',
        b'{"id":"\xff"}',
        b'{"id":1}}',
        b'{"id":1}{}',
        b'{"id":1}\0',
        b'{"id":1}\x0c',
        b'\xef\xbb\xbf{"id":1}',
        '{"id":1}'.encode("utf-16"),
        '{"id":\u00a01}'.encode(),
    ],
)
def test_anything_else_is_no_object(text: bytes) -> None:
    assert read_object(text) is None


def test_a_repeated_name_has_no_only_member() -> None:
    read = read_object(b'{"id":1,"a":{"id":0},"\\u0069d":2}')
    assert read is not None
    assert read.has("id")
    assert read.only("id") is None
    assert read.literal("id") is None
    assert read.literal("a") == '{"id":0}'


def test_names_are_compared_with_their_case() -> None:
    read = read_object(b'{"ID":1,"Id":2,"id":3}')
    assert read is not None
    assert read.literal("id") == "3"
    assert not read.has("iD")


def test_a_number_may_have_any_number_of_digits() -> None:
    digits = "9" * 200_000
    read = read_object(b'{"id":%b,"a":1e%b}' % (digits.encode(), digits.encode()))
    assert read is not None
    assert read.literal("id") == digits


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"":', b"}")])
def test_as_many_levels_as_canonical_json_may_have_are_read(opening: bytes, closing: bytes) -> None:
    inner = MAX_DEPTH - 1

    def nested(levels: int, beside: bytes) -> bytes:
        return b'{"a":[' + beside + b'],"id":' + opening * levels + b"1" + closing * levels + b"}"

    # Few brackets are not looked at one by one.
    for beside in (b"", b"[[]],{}" + b",[{}]" * MAX_DEPTH):
        assert not is_deep(nested(inner, beside))
        assert read_object(nested(inner, beside)) is not None
        assert is_deep(nested(inner + 1, beside))
        assert read_object(nested(inner + 1, beside)) is None


def test_levels_are_counted_and_not_brackets() -> None:
    text = b'{"a":[' + b"[[]]," * 100 + b'1],"id":1}'
    assert not is_deep(text)
    assert read_object(text) is not None


@pytest.mark.parametrize("string", [b"[" * 100, b'\\"' + b"{" * 100, b"\\\\", b"]" * 100])
def test_brackets_in_strings_are_no_levels(string: bytes) -> None:
    text = b'{"a":"' + string + b'","b":[' + b"[]," * 100 + b"1]}"
    assert not is_deep(text)
    assert read_object(text) is not None


def test_a_string_of_closing_brackets_hides_no_level() -> None:
    text = b'{"a":["' + b"]" * 100 + b'"' + b",[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"]}"
    assert is_deep(text)


@pytest.mark.parametrize("text", [b"[" * 1_000_000, b'{"a":' * 300_000, b'"' + b'\\"[' * 400_000])
def test_hostile_text_is_put_aside(text: bytes) -> None:
    assert read_object(text) is None


@given(st.lists(st.sampled_from([b'"', b"\\", b"[", b"]", b"{", b"}", b"a", b"\xff", b"\n"])))
def test_judging_depth_fails_on_nothing(parts: list[bytes]) -> None:
    octets = b"".join(parts)
    assert is_deep(octets + b"]" * 100) == is_deep(octets)
