from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.diagnosis.shell_words import ShellError, split


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  a\tb \n", [b"a", b"b"]),
        ("a \\\n  b \\\r\n c", [b"a", b"b", b"c"]),
        ("a\\\nb", [b"ab"]),
        ("'a b'\"c d\"e\\ f", [b"a bc de f"]),
        ("''", [b""]),
        ('"a\\"b\\\\c\\d\\\ne"', [b'a"b\\c\\de']),
        ("'it'\\''s'", [b"it's"]),
        ("https://x/a?b#c", [b"https://x/a?b#c"]),
        ("é", "é".encode().split()),
        (r"$'a\'b\\c\n\t\"'", [b"a'b\\c\n\t\""]),
        (r"$'\u0021\u00e9\U0001F600'", "!é😀".encode().split()),
        (r"$'\x41\101\0\e\q'", [b"AA\0\x1b\\q"]),
        ("$'a''b'", [b"ab"]),
    ],
)
def test_a_line_is_split_as_a_shell_does(line: str, words: list[bytes]) -> None:
    assert split(line) == words


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a 'b", "not closed"),
        ('a "b', "not closed"),
        ("a $'b", "not closed"),
        ("a\\", "ends in a backslash"),
        ("curl https://x/a?b=1&c=2", "& stands without quotes"),
        ("curl x | jq", r"\| stands without quotes"),
        ("curl x; ls", "; stands without quotes"),
        ("curl x > y", "> stands without quotes"),
        ("curl $URL", r"\$ stands where only a shell"),
        ("curl `x`", "` stands where only a shell"),
        ('curl "$URL"', "only a shell can fill in"),
        ('curl "`x`"', "only a shell can fill in"),
        ("curl x # y", "# begins a comment"),
        (r"$'\Uffffffff'", "no character"),
    ],
)
def test_what_needs_a_shell_is_said(line: str, says: str) -> None:
    with pytest.raises(ShellError, match=says):
        split(line)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_what_was_quoted_comes_back(words: list[str]) -> None:
    assert split(shlex.join(words)) == [word.encode() for word in words]


@given(st.text(max_size=60))
def test_only_its_own_error_leaves_for_any_text(line: str) -> None:
    try:
        split(line)
    except ShellError:
        return
