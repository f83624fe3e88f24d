from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench.overhead import measure_overheads
from bench.requests import Platform
from bench.steps import admission_steps, inner_steps, make_lane
from tests.store_servers import running_server

if TYPE_CHECKING:
    from pathlib import Path

    from bench.steps import Inner


@pytest.mark.parametrize(("method", "steps"), [("GET", 1), ("POST", 2)])
def test_the_gateways_configuration_loads_and_every_step_takes_the_benchs_requests(
    tmp_path: Path, method: str, steps: int
) -> None:
    platform = Platform()

    async def take(url: str) -> tuple[Inner, dict[str, float]]:
        lane, admissions = make_lane(platform, 1, url)
        await admissions.watch.start()
        try:
            inner = await inner_steps(lane, platform, method, 3)
            return inner, await admission_steps(lane, inner)
        finally:
            await admissions.aclose()

    with running_server(tmp_path / "store") as store:
        inner, admission = asyncio.run(take(store.unix_url))
    assert len(admission) == steps
    judged = [name for name in inner.seconds if name.startswith("the body against its schema")]
    assert len(judged) == (method == "POST")
    assert all(seconds > 0 for seconds in [*inner.seconds.values(), *admission.values()])
    for head in inner.heads:
        assert b"\r\nUCP-Verified: true\r\n" in head
        assert b"\r\nUCP-Verified-Identity: https://platform.example/" in head


def test_what_admission_refuses_is_not_measured(tmp_path: Path) -> None:
    platform = Platform()

    async def take_twice(url: str) -> None:
        lane, admissions = make_lane(platform, 1, url)
        await admissions.watch.start()
        try:
            inner = await inner_steps(lane, platform, "POST", 3)
            await admission_steps(lane, inner)
            await admission_steps(lane, inner)
        finally:
            await admissions.aclose()

    with (
        running_server(tmp_path / "store") as store,
        pytest.raises(LookupError, match="admission says replay"),
    ):
        asyncio.run(take_twice(store.unix_url))


def test_every_overhead_is_measured_beside_its_bare_operation() -> None:
    for overhead in measure_overheads(Platform(), 2):
        assert len(overhead.whole) == len(overhead.bare) == 2
        assert all(seconds > 0 for seconds in [*overhead.whole, *overhead.bare])
