"""What is counted, and what is listed, of a run over mutants."""

from __future__ import annotations

import json

import pytest

from tests.mutation.report import (
    BEGIN,
    DOCUMENT,
    END,
    SURVIVORS,
    Result,
    insert,
    render,
    share,
    unexplained,
)

KILLED = Result("keys", "NumberReplacer", 1, "size = 32", "size = 33", "killed")
ENDLESS = Result("keys", "AddNot", 2, "while more:", "while not more:", "timed out")
ALIVE = Result("fields", "NumberReplacer", 3, "_MEMO = 512", "_MEMO = 513", "survived")
REASONS = [["fields", "_MEMO = 512", "_MEMO = 513", "a bound of a memory"]]


def test_what_ran_out_of_time_was_noticed() -> None:
    assert share([KILLED, ENDLESS]) == 1.0
    assert share([KILLED, ENDLESS, ALIVE, ALIVE]) == 0.5
    assert share([]) == 0.0


def test_a_survivor_without_a_reason_is_told() -> None:
    assert unexplained([KILLED, ENDLESS, ALIVE], REASONS) == []
    assert unexplained([KILLED, ENDLESS, ALIVE], []) == [ALIVE]


def test_the_table_counts_by_module_and_lists_survivors_once() -> None:
    text = render([KILLED, ENDLESS, ALIVE, ALIVE], REASONS)

    assert "| `fields.py` | 2 | 0 | 0 | 2 | 0.0% |" in text
    assert "| `keys.py` | 2 | 2 | 1 | 0 | 100.0% |" in text
    assert "| **all** | 4 | 2 | 1 | 2 | 50.0% |" in text
    assert text.count("a bound of a memory") == 1


def test_the_result_goes_between_the_marks() -> None:
    assert insert(f"a{BEGIN}old{END}b", "new\n") == f"a{BEGIN}\nnew\n{END}b"
    with pytest.raises(ValueError, match="no <!-- mutation: begin -->"):
        insert("a", "new\n")


def test_the_document_has_its_marks_and_every_reason_is_one() -> None:
    insert(DOCUMENT.read_text(encoding="utf-8"), "")
    for module, before, after, reason in json.loads(SURVIVORS.read_text(encoding="utf-8")):
        assert module
        assert before != after
        assert reason.strip()
