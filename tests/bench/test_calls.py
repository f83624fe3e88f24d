from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bench.baselines import gateway_variant
from bench.baselines.redis_py import RedisPyClient
from bench.calls import CLAIMED, OURS, READ, REDIS_PY, SETTLED, measure_calls
from bench.requests import Platform
from bench.steps import admission_steps, inner_steps, make_lane
from bench.stores import Store, embedded
from connector.audit.ledger import Ledger
from connector.server import auditing, serve
from connector.server.admissions import Admissions, open_client
from connector.store.directory import SOCKET
from tests.store_servers import running_server


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


def test_a_store_tells_whether_it_holds_claims_and_who_asks_through_redis_py(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path / "store") as server:
        store = Store(server.unix_path, server.pid)
        assert not store.holds_claims()
        server.ask("SET", "a", "b")
        assert store.holds_claims()
        before = store.redis_py_clients()
        with Redis(unix_socket_path=str(server.unix_path)) as client:
            client.ping()
            assert store.redis_py_clients() == before + 1


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
    monkeypatch.setattr(serve, "Admissions", Admissions)
    monkeypatch.setattr(serve, "open_client", open_client)


def test_the_variant_over_redis_py_admits_and_settles(tmp_path: Path) -> None:
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


def test_the_variant_without_admission_asks_no_store() -> None:
    gateway_variant.exchange("forward")
    platform = Platform()

    async def take() -> int:
        # There is no such store, and its watch was never started.
        lane, _ = make_lane(platform, 1, "unix:///nowhere")
        return len(await admission_steps(lane, await inner_steps(lane, platform, "POST", 3)))

    assert asyncio.run(take()) == 1
