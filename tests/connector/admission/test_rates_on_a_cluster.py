"""Rates on a Cluster: callers whose slots lie on different shards, each with all of its own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from redis.crc import key_slot

from connector.admission.limits import MICROSECONDS, Limit
from connector.admission.scripts import ADMIT
from connector.admission.store_keys import CallerKeys, caller_keys
from connector.store.opening import open_store
from tests.connector.admission.scripted import START, by_given_clock
from tests.store_topologies import running_cluster

if TYPE_CHECKING:
    from connector.store.client import StoreClient
    from tests.store_topologies import Cluster

SHARDS: Final = 3
LIMITS: Final = (Limit.of(1 / 20, 20), Limit.of(60 / 100, 7), Limit.of(1 / 3, 1))
STEP: Final = 17_000
"""Microseconds between two requests of a caller: more than any of the limits admits."""
_ADMIT: Final = by_given_clock(ADMIT)


def _callers(cluster: Cluster) -> list[CallerKeys]:
    """Find a caller for each shard, and a second one for the first."""
    by_port: dict[int, list[CallerKeys]] = {}
    number = 0
    while len(by_port) < SHARDS or len(by_port[cluster.primaries[0].port]) < 2:
        keys = caller_keys("shop", f"https://platform-{number}.example/ucp")
        by_port.setdefault(cluster.owner_of(keys.reads).port, []).append(keys)
        number += 1
    assert len({key_slot(found[0].reads) for found in by_port.values()}) == SHARDS
    first = by_port.pop(cluster.primaries[0].port)
    return [*first[:2], *(found[0] for found in by_port.values())]


async def _read(store: StoreClient, now: int, caller: CallerKeys, limit: Limit) -> bool:
    clock = json.dumps([str(now // MICROSECONDS), str(now % MICROSECONDS)]).encode()
    rate = (b"%.17g" % limit.interval, b"%.17g" % limit.tolerance)
    arguments = (b"read", b"1", *rate, b"", b"0", b"", clock)
    word, *_ = await store.run(_ADMIT, [caller.reads], arguments)
    assert word in (b"admitted", b"limited")
    return bool(word == b"admitted")


async def _minute(url: str, callers: list[CallerKeys]) -> list[int]:
    """Have each caller ask all through a minute; return how often each was admitted."""
    limits = [LIMITS[number % len(LIMITS)] for number in range(len(callers))]
    admitted = [0] * len(callers)
    # Two gateways, of which each sees every other request.
    stores = [open_store(url, directory=Path(), timeout=15.0, scripts=(_ADMIT,)) for _ in range(2)]
    try:
        for store in stores:
            await store.start()
        for number, now in enumerate(range(START, START + 60 * MICROSECONDS + 1, STEP)):
            store = stores[number % 2]
            asked = zip(callers, limits, strict=True)
            words = await asyncio.gather(*(_read(store, now, *each) for each in asked))
            admitted = [count + word for count, word in zip(admitted, words, strict=True)]
    finally:
        for store in stores:
            await store.aclose()
    return admitted


def _expected(limit: Limit) -> int:
    """Return how many the pure arithmetic admits in that minute."""
    admitted, ahead = 0, 0.0
    for _ in range(START, START + 60 * MICROSECONDS + 1, STEP):
        ahead, wait = limit.take(max(ahead - STEP, 0.0))
        admitted += not wait
    return admitted


def test_over_a_minute_callers_on_every_shard_get_their_rates_and_not_one_more(
    tmp_path: Path,
) -> None:
    with running_cluster(tmp_path, SHARDS) as cluster:
        callers = _callers(cluster)
        admitted = asyncio.run(_minute(cluster.url, callers))
        held = [server.ask("DBSIZE") for server in cluster.primaries]

    # Each caller's rate is where its slot is, and nowhere else.
    assert sorted(held) == [1, 1, 2]
    for number, count in enumerate(admitted):
        limit = LIMITS[number % len(LIMITS)]
        assert abs(count - _expected(limit)) <= 1
        assert count <= 60 * MICROSECONDS / limit.interval + limit.burst + 1
