"""Whether JSON text holds too many values is found without reading it, and never wrongly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from connector import json_marks
from connector.json_marks import MAX_VALUES, is_crowded
from tests.connector.transports.json_texts import VALUES, spelled

CROWDED = {
    "numbers": b"[" + b"1," * MAX_VALUES + b"1]",
    "arrays in a row": b"[" + b"[]," * MAX_VALUES + b"1]",
    "arrays in each other": b"[" * MAX_VALUES,
    "objects": b'{"a":' * MAX_VALUES,
    "strings": b"[" + b'"\\\\",' * MAX_VALUES + b"1]",
    "brackets that only close": b"]" * MAX_VALUES,
}


@pytest.mark.parametrize("text", CROWDED.values(), ids=CROWDED)
def test_crowded_text_is_found(text: bytes) -> None:
    assert is_crowded(text)


@pytest.mark.parametrize(
    "inside",
    [b",", b"[", b"]", b"{", b'\\"', b'\\",', b"\\\\,"],
    ids=lambda inside: inside.decode(),
)
def test_what_stands_in_a_string_is_no_value(inside: bytes) -> None:
    assert not is_crowded(b'["%b"]' % (inside * 5 * MAX_VALUES))


@given(VALUES.flatmap(spelled))
def test_no_text_of_few_values_is_crowded(text: str) -> None:
    def count(value: Any) -> int:
        below = value.values() if isinstance(value, dict) else value
        return 1 + (sum(map(count, below)) if isinstance(value, (dict, list)) else 0)

    values = count(json.loads(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_marks, "MAX_VALUES", values + 1)
        assert not is_crowded(text.encode())
