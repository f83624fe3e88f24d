"""The harness itself: it finds what is there to be found, and its parts fit each other."""

from __future__ import annotations

from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.fuzz import targets
from tests.fuzz.inputs import read_message, write_message
from tests.fuzz.libfuzzer import figures
from tests.fuzz.mutation import mutations
from tests.fuzz.seeds import seeds
from tests.fuzz.signers import genuine
from tests.fuzz.tokens import TOKENS, as_dictionary

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = """\
#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 40Mb
#8192\tpulse  cov: 30 ft: 44 corp: 9/90b lim: 80 exec/s: 4096 rss: 41Mb
#9000\tDONE   cov: 31 ft: 45 corp: 10/95b lim: 80 exec/s: 4500 rss: 41Mb
stat::number_of_executed_units: 9000
stat::average_exec_per_sec:     4500
"""
CRASH = """\
#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 40Mb

 === Uncaught Python exception: ===
ValueError: no such thing
Traceback (most recent call last):
  File "x.py", line 1, in x

==123== ERROR: libFuzzer: fuzz target exited
MS: 1 EraseBytes-; base unit: 00
artifact_prefix='.fuzz/jcs/'; Test unit written to .fuzz/jcs/crash-00ff
stat::number_of_executed_units: 77
"""


@pytest.fixture
def nothing_genuine() -> Iterator[set[bytes]]:
    """What is genuine, to be emptied; put back afterwards."""
    before = set(genuine)
    yield genuine
    genuine.update(before)


@pytest.mark.parametrize("target", ["signatures", "jws", "envelope", "ap2"])
def test_a_signature_that_verifies_and_that_no_seed_made_is_a_finding(
    target: str, nothing_genuine: set[bytes]
) -> None:
    start = seeds(target)
    nothing_genuine.clear()
    with pytest.raises(AssertionError, match="a forgery"):
        _run(target, start)


def _run(target: str, inputs: list[bytes]) -> None:
    for data in inputs:
        targets.TARGETS[target](data)


def test_an_error_of_another_kind_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: bytes) -> bytes:
        raise KeyError

    monkeypatch.setattr(targets, "canonicalize", broken)
    with pytest.raises(KeyError):
        targets.jcs(b"{}")


def test_a_form_that_is_not_its_own_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "canonicalize", lambda text: text + b" ")
    with pytest.raises(AssertionError):
        targets.jcs(b"{}")


def test_a_message_is_read_as_it_was_written() -> None:
    headers = [("Host", "shop.example.com"), ("X-Folded", "one\r\n two")]
    written = write_message(b'("@path")', "POST", "/a?b=c", headers, b"x\n\ny")
    first, request = read_message(written)
    assert first == b'("@path")'
    assert (request.method, request.target, request.body) == ("POST", "/a?b=c", b"x\n\ny")
    assert list(request.headers) == [
        (b"Host", b" shop.example.com"),
        (b"X-Folded", b" one\r\n two"),
    ]


@pytest.mark.parametrize("data", [b"", b"\n", b"a", b"\n\n\n\n", b"()\nGET", b"()\nGET /\nHost"])
def test_any_octets_are_a_message(data: bytes) -> None:
    assert read_message(data).request.body == (b"\n" if data == b"\n\n\n\n" else b"")


def test_mutations_are_the_same_each_time_and_differ_from_each_other() -> None:
    def some() -> list[bytes]:
        return list(islice(mutations([b'{"a":1}', b"[2,3]"], Random(1)), 200))  # noqa: S311 - the same each time

    assert some() == some()
    assert len(set(some())) > 150


def test_every_token_is_a_line_of_the_dictionary() -> None:
    lines = as_dictionary().splitlines()
    assert len(lines) == len(TOKENS)
    assert lines[:2] == [r'"\x22"', r'"\x5C\x22"']
    assert all(line.isascii() and line.count('"') == 2 for line in lines)


def test_the_figures_of_a_run_are_its_last() -> None:
    assert figures(RUN) == (9000, 31, 45, 10, None, "")


def test_a_finding_is_told_with_its_exception_and_its_file() -> None:
    read = figures(CRASH)
    assert read.executions == 77
    assert read.artifact == ".fuzz/jcs/crash-00ff"
    assert read.exception.startswith("ValueError: no such thing")
    assert "==" not in read.exception
