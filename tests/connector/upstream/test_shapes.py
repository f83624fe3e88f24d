import itertools
from typing import Any

import pytest

from connector.upstream import headers as rules
from connector.upstream.headers import answer_headers, observed_head
from connector.upstream.shapes import MAX_LINES, MAX_OCTETS, MAX_SHAPES, Names, Shapes, names_of

HOST = (b"Host", b"shop.example.com")


def test_the_same_names_are_decided_once() -> None:
    count = itertools.count(1)
    shapes = Shapes[int](lambda _names: next(count))
    assert [shapes[b"A", b"b"], shapes[b"A", b"b"]] == [1, 1]
    assert [shapes[b"b", b"A"], shapes[b"a", b"b"], shapes[()]] == [2, 3, 4]


def test_what_is_refused_is_decided_anew() -> None:
    def refuse(names: Names) -> Any:
        raise ValueError(names)

    shapes = Shapes[Any](refuse)
    for _ in range(2):
        with pytest.raises(ValueError, match="A"):
            shapes[b"A",]
    assert not shapes


def test_names_are_as_spelled_and_in_order() -> None:
    assert names_of([(b"b", b"1"), (b"B", b"2"), (b"a", b"3")]) == (b"b", b"B", b"a")


def test_what_is_remembered_of_strangers_names_is_bounded() -> None:
    for at in range(3 * MAX_SHAPES):
        line = (b"x-%d" % at, b"")
        assert answer_headers([line]) == [line]
        assert b"x-%d: " % at in observed_head("GET", "/", [HOST, line], 0, host=None)
        assert len(rules._RETURNING) <= MAX_SHAPES
        assert len(rules._OBSERVED) <= MAX_SHAPES


@pytest.mark.parametrize(
    "names", [(b"x",) * (MAX_LINES + 1), (b"x" * (MAX_OCTETS + 1),), (b"x" * 512, b"y" * 513)]
)
def test_the_names_of_a_huge_head_are_not_remembered(names: Names) -> None:
    shapes = Shapes[int](len)
    assert shapes[names] == len(names)
    assert not shapes


@pytest.mark.parametrize("names", [(b"x",) * MAX_LINES, (b"x" * MAX_OCTETS,)])
def test_those_of_a_usual_one_are(names: Names) -> None:
    shapes = Shapes[int](len)
    assert shapes[names] == len(names)
    assert names in shapes
