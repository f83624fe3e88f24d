"""The matrix of deaths and sleeps is complete, and holds; `make faults` plays it fifty times."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.faults import report
from tests.faults.matrix import KILL, MATRIX, MERCHANT_POINTS, STOP, steps_of_gateway
from tests.faults.report import DOCUMENT, insert
from tests.faults.rounds import play
from tests.faults.site import open_site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.matrix import Row

_LEASE = 3.0
"""Seconds. Half of it must be left when a request is sent: a machine may be slow for that long."""
_AT_ONCE = 8
"""Rounds wait for their lease more than they compute."""
_WAYS: dict[str, Callable[[Row], bool]] = {
    "killed": lambda row: row.action == KILL and not row.embedded,
    "killed with its store": lambda row: row.action == KILL and row.embedded,
    "asleep past its lease": lambda row: row.action == STOP,
}


@pytest.mark.parametrize("way", _WAYS)
def test_every_step_of_the_gateway_has_a_fault(way: str) -> None:
    steps = steps_of_gateway()
    assert len(steps) > 5

    assert {row.point for row in MATRIX if _WAYS[way](row)} == steps | set(MERCHANT_POINTS)


def test_no_row_is_there_twice() -> None:
    assert len({row.name for row in MATRIX}) == len(MATRIX)


def test_every_row_holds(tmp_path: Path) -> None:
    began = time.monotonic()
    with open_site(tmp_path, _LEASE) as site, ThreadPoolExecutor(_AT_ONCE) as pool:
        played = {row.name: pool.submit(play, site, row) for row in MATRIX}
        failed = {name: error for name, each in played.items() if (error := each.exception())}

    assert not failed, f"after {time.monotonic() - began:.0f} s"


def test_the_document_has_a_place_for_the_result_and_keeps_all_else() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    changed = insert(document, "| here |\n")

    assert f"{report.BEGIN}\n| here |\n{report.END}" in changed
    assert changed.partition(report.BEGIN)[0] == document.partition(report.BEGIN)[0]
    assert changed.partition(report.END)[2] == document.partition(report.END)[2]


def test_a_document_without_a_place_for_the_result_is_refused() -> None:
    with pytest.raises(ValueError, match="crash matrix"):
        insert("nothing", "text")
