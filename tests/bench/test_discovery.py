"""The arithmetic and the table of floods that nobody measured."""

from __future__ import annotations

import pytest

from bench.discovery.results import Flood, table
from bench.discovery.world import address_of


def flood(*ratios: float, budget: str = "10/s", **changes: int) -> Flood:
    """A flood that made both platforms slower by these factors, one for each round."""
    calm = [[[0.001] * 100, [0.002] * 100] for _ in ratios]
    flooded = [[[0.001 * ratio] * 100, [0.002 * ratio] * 100] for ratio in ratios]
    held = {"cap": 200, "in_store": 180, "in_memory": 200, **changes}
    return Flood(
        budget=budget,
        profiles=10_000,
        calm=calm,
        flooded=flooded,
        codes={"served": 7},
        fetches=9,
        cap=held["cap"],
        in_store=held["in_store"],
        store_octets=4096,
        in_memory=held["in_memory"],
        memory_octets=8192,
    )


def test_the_median_of_the_rounds_counts() -> None:
    assert flood(1.0, 5.0, 1.1).ratio(0) == pytest.approx(1.1)
    assert flood(1.0, 5.0, 1.1).within()
    assert not flood(1.0, 5.0, 1.3).within()


def test_a_budget_that_lets_everybody_through_promises_bounds_alone() -> None:
    assert flood(4.0, budget="1000/s").within()
    assert not flood(1.0, budget="1000/s", in_store=202).within()
    assert not flood(1.0, budget="1000/s", in_memory=201).within()


def test_the_table_has_a_column_for_each_flood() -> None:
    lines = table([flood(1.1), flood(2.0, budget="1000/s")]).splitlines()
    assert {line.count("|") for line in lines} == {4}
    assert "10,000 profiles, budget 1000/s" in lines[0]
    assert "| registered: p50 in ms, calm → flood | 1.00 → 1.10 | 1.00 → 2.00 |" in lines
    assert "| profiles in the store, and their KiB | 180 of 200, 4 | 180 of 200, 4 |" in lines


def test_every_stranger_has_an_address_of_its_own() -> None:
    addresses = {address_of(number) for number in range(10_000)}
    assert len(addresses) == 10_000
    assert {address[:6] for address in addresses} == {"127.1.", "127.2.", "127.3."}
