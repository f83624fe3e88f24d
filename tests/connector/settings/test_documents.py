from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.settings.documents import read_document
from connector.settings.errors import ConfigurationError


def read(text: str) -> Any:
    return read_document(text, "config.yaml")


def problem(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    (line,) = caught.value.problems
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "no",
        "on",
        "off",
        "True",
        "FALSE",
        "Yes",
        "y",
        "2026-08-25",
        "12:30:45",
        "010",
        "0x1f",
        "1_000",
        ".5",
        "1.",
        "=",
        "<<",
        "Null",
        "NULL",
        ".inf",
        ".nan",
        "2026-08-25T12:00:00Z",
    ],
)
def test_what_yaml_1_1_would_convert_stays_text(text: str) -> None:
    assert read(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-7", -7),
        ("8080", 8080),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("", None),
        ("~", None),
        ("null", None),
        ('"true"', "true"),
        ("'8080'", "8080"),
        ("!!str 8080", "8080"),
        ("[1, {b: c}, ]", [1, {"b": "c"}]),
    ],
)
def test_a_value_has_the_type_of_its_text(text: str, value: object) -> None:
    read_value = read(f"a: {text}")["a"]
    assert read_value == value
    assert type(read_value) is type(value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\n\n"])
def test_a_text_without_content_is_none(text: str) -> None:
    assert read(text) is None


def test_a_byte_order_mark_and_a_directive_change_nothing() -> None:
    assert read("\ufeff%YAML 1.1\n---\na: on\n") == {"a": "on"}


def test_anchors_may_repeat_parts() -> None:
    assert read("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_repeated_key_is_refused_with_both_lines() -> None:
    assert problem("a: 1\nb: 2\na: 3\n") == (
        "config.yaml: line 3: the key 'a' stands twice, first on line 1"
    )
    assert "line 3: the key 'c'" in problem("b:\n  c: 1\n  c: 1\n")
    assert "stands twice" in problem('{a: 1, "a": 1}')


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: [1\n", 3, "not YAML"),
        ("a: 1\nb: c: d\n", 2, "mapping values are not allowed"),
        ("a:\n\t- b\n", 2, "cannot start any token"),
        ("a: 1\nb: \x01\n", 2, "a character that YAML does not allow"),
        ("a: 1\n---\nb: 2\n", 2, "a second document begins"),
        ("a: 1\n1: 2\n", 2, "a key is not text"),
        ("true: 2\n", 1, "a key is not text"),
        ("? [a]\n: b\n", 1, "a key is not text"),
        ("a: !!python/object/apply:os.system [id]\n", 1, "a tag"),
        ("a: !thing b\n", 1, "a tag"),
        ("a: !e!thing b\n", 1, "a tag"),
        ("a: !!set {b}\n", 1, "a tag"),
        ("a: !!bool yes\n", 1, "the tag does not fit"),
        ("a: !!int b\n", 1, "the tag does not fit"),
        ("a: !!null b\n", 1, "the tag does not fit"),
        ("a: &x [*x]\n", 1, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, line: int, words: str) -> None:
    told = problem(text)
    assert told.startswith(f"config.yaml: line {line}: ")
    assert words in told


def test_aliases_cannot_grow_beyond_bounds() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "too many values" in problem("\n".join(lines))


def test_endless_nesting_is_one_line() -> None:
    assert "nested too deeply" in problem("[" * 50_000)
    assert "nested too deeply" in problem("[" * 100 + "]" * 100)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "- [", "[? "])
def test_what_is_nested_too_deeply_is_refused_before_the_rest_is_read(opening: str) -> None:
    wrong_further_on = opening * 70 + "\n%"
    assert problem(wrong_further_on) == "config.yaml: line 1: nested too deeply"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
def test_sixty_four_levels_are_read(opening: str, closing: str) -> None:
    assert read(opening * 64 + "x" + closing * 64)
    assert "nested too deeply" in problem(opening * 65 + "x" + closing * 65)


@pytest.mark.parametrize("text", ["a: *hunter2", "a: [&hunter2 1, &hunter2 2]", "a: !hunter2!x y"])
def test_a_secret_that_looks_like_yaml_is_not_repeated(text: str) -> None:
    assert "hunter2" not in problem(text)


@given(st.text() | st.text(alphabet="ab:- \n[]{}#&*!|>'\"%@`,?\t01~"))
def test_only_configuration_errors_escape(text: str) -> None:
    with suppress(ConfigurationError):
        read(text)
