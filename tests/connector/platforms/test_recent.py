from __future__ import annotations

import pytest

from connector.platforms.recent import Recent


def test_what_was_not_touched_for_longest_is_forgotten() -> None:
    table: Recent[str, int] = Recent(2)
    table.put("a", 1)
    table.put("b", 2)
    assert table.get("a") == 1
    table.put("c", 3)
    assert [table.get(key) for key in "abc"] == [1, None, 3]


def test_putting_counts_as_touching() -> None:
    table: Recent[str, int] = Recent(2)
    table.put("a", 1)
    table.put("b", 2)
    table.put("a", 3)
    table.put("c", 4)
    assert [table.get(key) for key in "abc"] == [3, None, 4]


def test_its_size_is_constant() -> None:
    table: Recent[int, int] = Recent(8)
    for number in range(1, 1000):
        table.put(number, number)
    assert len(table) == 8


def test_dropping_what_is_not_there_is_no_error() -> None:
    table: Recent[str, int] = Recent(1)
    table.put("a", 1)
    table.drop("a")
    table.drop("a")
    assert (table.get("a"), len(table)) == (None, 0)


def test_a_table_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Recent[str, int](0)
