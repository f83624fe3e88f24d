from __future__ import annotations

import asyncio

import pytest

from bench.overhead import measure_overheads
from bench.requests import Platform
from bench.steps import inner_steps, make_lane


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_gateways_configuration_loads_and_every_step_takes_the_benchs_requests(
    method: str,
) -> None:
    platform = Platform()
    inner = asyncio.run(inner_steps(make_lane(platform, 1), platform, method, 3))
    assert all(seconds > 0 for seconds in inner.seconds.values())
    for head in inner.heads:
        assert b"\r\nUCP-Verified: true\r\n" in head
        assert b"\r\nUCP-Verified-Identity: https://platform.example/" in head


def test_every_overhead_is_measured_beside_its_bare_operation() -> None:
    for overhead in measure_overheads(Platform(), 2):
        assert len(overhead.whole) == len(overhead.bare) == 2
        assert all(seconds > 0 for seconds in [*overhead.whole, *overhead.bare])
