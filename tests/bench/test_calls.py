from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.baselines import gateway_variant
from bench.baselines.redis_py import RedisPyClient
from bench.calls import CLAIMED, OURS, READ, REDIS_PY, SETTLED, measure_calls
from bench.requests import Platform
from bench.steps import admission_steps, inner_steps, make_lane
from bench.stores import Store, embedded
from connector.audit.ledger import Ledger
from connector.server import admissions, auditing
from connector.store.directory import SOCKET
from tests.store_servers import running_server

if TYPE_CHECKING:
    from connector.admission.control import AdmissionControl


def test_each_script_is_called_over_both_clients_and_both_sockets(tmp_path: Path) -> None:
    with running_server(tmp_path / "store") as server:
        store = Store(server.unix_path, server.pid, server.url)
        # A reply that is not the expected one would be an error.
        found = measure_calls(store, 2, 5)
    assert {(each.script, each.client, each.way) for each in found} == {
        (script, client, way)
        for script in (READ, CLAIMED, SETTLED)
        for client in (OURS, REDIS_PY)
        for way in ("unix", "TCP")
    }
    assert all(len(each.rates) == len(each.cpu) == len(each.store) == 2 for each in found)


def test_a_store_is_emptied(tmp_path: Path) -> None:
    with running_server(tmp_path / "store") as server:
        server.ask("SET", "a", "b")
        Store(server.unix_path, server.pid).empty()
        assert server.ask("DBSIZE") == 0


def test_an_embedded_store_is_found_and_leaves_the_contenders_core(tmp_path: Path) -> None:
    cores = {max(os.sched_getaffinity(0))}
    with running_server(tmp_path / "store") as server:
        (tmp_path / SOCKET).symlink_to(server.unix_path)
        found = embedded(tmp_path, cores)
        assert found.pid == server.pid
        assert all(
            os.sched_getaffinity(int(thread.name)) == cores
            for thread in Path(f"/proc/{server.pid}/task").iterdir()
        )


@pytest.fixture(autouse=True)
def _exchanged_parts_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "Ledger", Ledger)


def test_the_variant_over_redis_py_admits_and_settles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admissions, "open_client", admissions.open_client)
    gateway_variant.exchange("redis-py")
    platform = Platform()

    async def take(url: str) -> tuple[Any, int]:
        lane, made = make_lane(platform, 1, url)
        await made.watch.start()
        try:
            steps = await admission_steps(lane, await inner_steps(lane, platform, "POST", 3))
        finally:
            await made.aclose()
        return made.client, len(steps)

    with running_server(tmp_path / "store") as store:
        client, steps = asyncio.run(take(store.url))
    assert isinstance(client, RedisPyClient)
    assert steps == 2


def test_the_variant_without_admission_asks_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admissions, "AdmissionControl", _control_of(admissions))
    gateway_variant.exchange("forward")
    platform = Platform()

    async def take() -> int:
        # There is no such store, and its watch was never started.
        lane, _ = make_lane(platform, 1, "unix:///nowhere")
        return len(await admission_steps(lane, await inner_steps(lane, platform, "POST", 3)))

    assert asyncio.run(take()) == 1


def _control_of(module: Any) -> type[AdmissionControl]:
    control: type[AdmissionControl] = module.AdmissionControl
    return control
