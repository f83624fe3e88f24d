from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from connector.store.errors import StoreUnavailable
from connector.store.sentinel import SentinelLocator
from connector.store.targets import parse_target
from tests.store_servers import HOST, free_port
from tests.store_topologies import SERVICE, Sentinels, running_sentinel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.store.targets import Endpoint

TIMEOUT = 3.0
"""Seconds; one test waits for it."""
WORD = "s3cr3t"


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    options = (f"user asker on >{WORD} +@all ~* &*",)
    with running_sentinel(tmp_path_factory.mktemp("s"), sentinel_options=options) as topology:
        yield topology


async def located(url: str) -> Endpoint:
    locator = SentinelLocator(parse_target(url), timeout=TIMEOUT)
    try:
        return await locator.locate()
    finally:
        await locator.aclose()


def test_the_master_is_located_with_what_its_url_says(topology: Sentinels) -> None:
    url = topology.url.replace("//", "//gateway:word@") + "/3"
    endpoint = asyncio.run(located(url))
    assert endpoint == parse_target(f"redis://gateway:word@{HOST}:{topology.master.port}/3")[1][0]
    assert "word@" not in repr(endpoint)


def test_sentinels_are_asked_with_their_own_password(topology: Sentinels) -> None:
    url = f"{topology.url}?sentinel_username=asker&sentinel_password={WORD}"
    endpoint = asyncio.run(located(url))
    assert endpoint.port == topology.master.port
    assert endpoint.password is None


def test_sentinels_that_refuse_the_password_are_unavailable(topology: Sentinels) -> None:
    url = f"{topology.url}?sentinel_username=asker&sentinel_password={WORD}-not"
    with pytest.raises(StoreUnavailable) as refused:
        asyncio.run(located(url))
    assert not refused.value.applied
    assert WORD not in repr(refused.value)
    assert refused.value.__cause__ is None


def test_a_service_that_no_sentinel_knows_is_unavailable(topology: Sentinels) -> None:
    with pytest.raises(StoreUnavailable, match="name of the service") as refused:
        asyncio.run(located(topology.url.replace(SERVICE, "other")))
    assert not refused.value.applied


def test_sentinels_that_are_not_there_are_unavailable() -> None:
    with pytest.raises(StoreUnavailable) as refused:
        asyncio.run(located(f"redis+sentinel://{HOST}:{free_port()}/{SERVICE}"))
    assert not refused.value.applied


def test_a_sentinel_that_does_not_reply_is_passed_over(topology: Sentinels) -> None:
    silent = topology.sentinels[0]
    silent.pause()
    try:
        assert asyncio.run(located(topology.url)).port == topology.master.port
    finally:
        silent.resume()


def test_who_is_cut_short_asks_another_sentinel_first_the_next_time(topology: Sentinels) -> None:
    async def cut_short() -> Endpoint:
        locator = SentinelLocator(parse_target(topology.url), timeout=60)
        try:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(locator.locate(), 0.05)
            return await asyncio.wait_for(locator.locate(), 20)
        finally:
            await locator.aclose()

    silent = topology.sentinels[0]
    silent.pause()
    try:
        assert asyncio.run(cut_short()).port == topology.master.port
    finally:
        silent.resume()


def test_another_kind_of_target_is_refused() -> None:
    with pytest.raises(ValueError, match="kind sentinel"):
        SentinelLocator(parse_target("redis://h"), timeout=TIMEOUT)


def test_after_a_failover_the_new_master_is_located(topology: Sentinels) -> None:
    async def before_and_after() -> tuple[int, int]:
        locator = SentinelLocator(parse_target(topology.url), timeout=TIMEOUT)
        try:
            before = await locator.locate()
            await asyncio.to_thread(topology.kill_master)
            return before.port, (await locator.locate()).port
        finally:
            await locator.aclose()

    old = topology.master.port
    assert asyncio.run(before_and_after()) == (old, topology.replicas[0].port)
    assert topology.master.port != old
