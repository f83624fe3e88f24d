"""The HTTP working group's structured-field-tests."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from canonical import (
    CanonicalError,
    Date,
    DisplayString,
    Token,
    parse_dictionary,
    parse_item,
    parse_list,
    serialize,
)
from tests.canonical.structured_values import typed
from tests.canonical.vectors import load_all

FILES = load_all("structured-field-tests")
PARSERS: dict[str, Any] = {
    "item": parse_item,
    "list": parse_list,
    "dictionary": parse_dictionary,
}
KINDS: dict[str, Any] = {
    "token": Token,
    "date": Date,
    "displaystring": DisplayString,
    "binary": base64.b32decode,
}


def _bare(value: Any) -> Any:
    return KINDS[value["__type"]](value["value"]) if isinstance(value, dict) else value


def _parameters(pairs: list[Any]) -> dict[str, Any]:
    return {name: _bare(value) for name, value in pairs}


def _member(member: Any) -> Any:
    value, parameters = member
    if isinstance(value, list):
        return [_member(item) for item in value], _parameters(parameters)
    return _bare(value), _parameters(parameters)


def _expected(kind: str, value: Any) -> Any:
    if kind == "item":
        return _member(value)
    if kind == "list":
        return [_member(member) for member in value]
    return {key: _member(member) for key, member in value}


@pytest.mark.parametrize("name", FILES)
def test_every_record_is_read_and_written_as_the_suite_says(name: str) -> None:
    for record in FILES[name]:
        kind, text = record["header_type"], ", ".join(record["raw"])
        try:
            value = PARSERS[kind](text)
        except CanonicalError:
            assert record.get("must_fail") or record.get("can_fail"), record["name"]
            continue
        assert not record.get("must_fail"), record["name"]
        assert typed(_expected(kind, record["expected"])) == typed(value), record["name"]
        canonical = ", ".join(record.get("canonical", record["raw"]))
        assert canonical == serialize(value), record["name"]


@pytest.mark.parametrize("name", FILES)
def test_octets_are_read_as_text_is(name: str) -> None:
    for record in FILES[name]:
        if not record.get("must_fail") and not record.get("can_fail"):
            text = ", ".join(record["raw"])
            parse = PARSERS[record["header_type"]]
            assert typed(parse(text)) == typed(parse(text.encode()))
