from __future__ import annotations

from typing import Any

import pytest

from connector.store.slots import host_or, read_view

A, B = [b"10.0.0.1", 7000, b"id", []], [b"10.0.0.2", 7001, b"id"]


def test_a_view_holds_the_ranges_in_order_and_all_nodes() -> None:
    view = read_view([[100, 16383, B, A], [0, 99, A]], "asked")
    assert view.ranges == ((0, 99, ("10.0.0.1", 7000)), (100, 16383, ("10.0.0.2", 7001)))
    assert view.addresses == {("10.0.0.1", 7000), ("10.0.0.2", 7001)}


@pytest.mark.parametrize("host", [b"", None, b"?"])
def test_a_node_that_does_not_know_its_name_is_where_it_was_asked(host: bytes | None) -> None:
    view = read_view([[0, 16383, [host, 7000, b"id"]]], "asked")
    assert view.ranges == ((0, 16383, ("asked", 7000)),)


@pytest.mark.parametrize(
    "reply",
    [
        [],
        [[1, 16383, A]],
        [[0, 16382, A]],
        [[0, 99, A], [101, 16383, A]],
        [[0, 100, A], [100, 16383, A]],
        [[0, 16384, A]],
        [[0, 16383]],
        [[0, 16383, [b"\xff", 1, b"id"]]],
        [[0, 16383, 5]],
        [7],
        None,
        b"OK",
    ],
)
def test_what_does_not_tell_of_every_slot_once_is_refused(reply: Any) -> None:
    with pytest.raises(ValueError, match=r"slots"):
        read_view(reply, "asked")


def test_a_name_that_is_known_is_kept() -> None:
    assert host_or("h", "asked") == host_or(b"h", "asked") == "h"
