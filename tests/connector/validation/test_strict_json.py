"""What is no JSON here, and what is too much of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connector.json_marks import MAX_VALUES
from connector.validation.strict_json import MAX_ITEMS, MAX_NAME, read

SUITE = Path(__file__).resolve().parents[4] / "shared" / "vectors" / "JSONTestSuite"
FILES = sorted((SUITE / "test_parsing").glob("[ny]_*.json"))


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (b"", [((), "json")]),
        (b"{", [((), "json")]),
        (b"{}x", [((), "json")]),
        (b"\xef\xbb\xbf{}", [((), "json")]),
        (b'"\xff"', [((), "json")]),
        (b'{"a":NaN}', [((), "json")]),
        (b'[{"a":1,"b":2,"\\u0061":3}]', [((0, "a"), "repeated_name")]),
        (b'{"a":1,"a":1,"b":2,"b":2}', [(("a",), "repeated_name"), (("b",), "repeated_name")]),
        (b'[{"id":1,"ID":2,"b":3}]', [((0, "ID"), "repeated_name")]),
        (b'{"id":1,"Id":2,"iD":3}', [(("Id",), "repeated_name"), (("iD",), "repeated_name")]),
        (
            b'{"a":1,"a":1,"B":2,"b":2}',
            [(("a",), "repeated_name"), (("b",), "repeated_name")],
        ),
        # A reader that folds all of Unicode takes the Kelvin sign for a k.
        ('{"k":1,"\u212a":2}'.encode(), [(("\u212a",), "repeated_name")]),
        (b'{"a":{"A":1},"b":[{"a":2},{"A":3}]}', []),
        (b'{"a":[0,1e400]}', [(("a", 1), "number")]),
        (b"[9007199254740993]", [((0,), "number")]),
        (b'{"a":1,"a":9007199254740993}', [(("a",), "repeated_name"), (("a",), "number")]),
        (b'["\\ud800"]', [((0,), "text")]),
        (b'{"\\ud800":0}', [(("\ud800",), "text")]),
        (b"[" * 64 + b"0" + b"]" * 64, []),
        (b"[" * 65 + b"]" * 65, [((0,) * 64, "too_deep")]),
        (b'{"a":' * 65 + b"{}" + b"}" * 65, [(("a",) * 64, "too_deep")]),
        (b"[" * 9_000, [((), "too_deep")]),
        (b'{"a":' * 100_000, [((), "too_many_values")]),
        (b"[" + b"0," * MAX_ITEMS + b"0]", [((), "too_many_items")]),
        (b'{"%b":0}' % (b"n" * (MAX_NAME + 1)), [(("n" * (MAX_NAME + 1),), "name_too_long")]),
    ],
)
def test_what_is_wrong_is_told_by_place_and_rule(text: bytes, problems: list[object]) -> None:
    assert list(read(text)[1]) == problems


@pytest.mark.parametrize(
    "value",
    [
        [[0] * 999] * 11,
        [{str(number): "" for number in range(900)}] * 12,
        [[[]] * 999] * 11,
    ],
)
def test_a_body_of_more_values_than_anybody_needs_is_not_judged(value: list[Any]) -> None:
    assert read(json.dumps(value).encode())[1] == (((), "too_many_values"),)


@pytest.mark.parametrize("mark", [b"0,", b"[],", b'{"":0},'])
def test_a_crowded_text_is_not_even_parsed(mark: bytes) -> None:
    crowded = b"[" + mark * MAX_VALUES + b"@"
    assert read(crowded)[1] == (((), "too_many_values"),)


def test_marks_inside_strings_do_not_count() -> None:
    text = b'["%b"]' % (b',[{\\"' * MAX_VALUES)
    assert read(text)[1] == ()


def test_at_most_ten_problems_are_told() -> None:
    doubled = b",".join(b'"n%d":0,"n%d":0' % (number, number) for number in range(20))
    assert len(read(b"{%b}" % doubled)[1]) == 10


@pytest.mark.parametrize("text", [b"[1.5,-0,1e3,123456789012345680000]", b'{"a":"\\ud83c\\udf39"}'])
def test_what_every_reader_takes_for_the_same_is_good(text: bytes) -> None:
    value, problems = read(text)
    assert problems == ()
    assert value


@pytest.mark.skipif(not FILES, reason="../shared/vectors/JSONTestSuite is not there")
def test_the_public_suite_is_judged_as_its_names_say() -> None:
    wrong = []
    for file in FILES:
        rules = {problem.rule for problem in read(file.read_bytes())[1]}
        # It lets a name stand twice; whoever signs must not.
        expected = "duplicated" in file.name or file.name.startswith("n_object_repeated")
        if bool(rules) != (file.name.startswith("n_") or expected):
            wrong.append((file.name, rules))
    assert wrong == []
