"""Admission's scripts by themselves: the gateway's connection beside redis-py, called for each.

One process on the contender's core calls, 32 calls under way, each with keys and a token of its
own. The passes of both clients alternate.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop

from bench.baselines.redis_py import RedisPyClient
from bench.load import CONNECTIONS
from bench.requests import PROFILE
from bench.results import Called
from connector.admission.limits import Limit
from connector.admission.plans import make_plan
from connector.admission.scripts import ADMIT, SETTLE
from connector.admission.store_keys import CLAIM, answer_of, caller_keys
from connector.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.stores import Store
    from connector.store.client import StoreClient
    from connector.store.scripts import Script

    Call = tuple[Script, tuple[bytes, ...], tuple[bytes, ...]]

OURS: Final = "one pipelined connection"
REDIS_PY: Final = "redis-py"
READ: Final = "admit a read"
CLAIMED: Final = "admit a write: claim it"
SETTLED: Final = "settle a write"

_EXPECTED: Final = {READ: b"admitted", CLAIMED: b"claimed", SETTLED: b"done"}
_ANSWER: Final = b"a" * 400
_PLAN: Final = make_plan(Limit.of(1e-6, 1_000_000), Limit.of(1e-6, 1_000_000))
_NO_NONCE: Final = (b"", b"0")
_ABOUT: Final = (
    b'{"merchant":"flower-shop","identity":"https://platform.example/.well-known/ucp",'
    b'"operation":"create_checkout","audit_id":"019aa3d4-0000-7000-8000-000000000000"}'
)


def measure_calls(store: Store, passes: int, count: int) -> list[Called]:
    """Call each script ``count`` times in each pass, over both clients and both kinds of socket."""
    found: dict[tuple[str, str, str], Called] = {}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for _ in range(passes):
            for way, url in (("unix", store.unix_url), ("TCP", store.url)):
                for client in (OURS, REDIS_PY):
                    store.empty()
                    runner.run(_pass(found, store, client, way, url, count))
    return list(found.values())


async def _pass(
    found: dict[tuple[str, str, str], Called],
    store: Store,
    name: str,
    way: str,
    url: str,
    count: int,
) -> None:
    client = _client(name, url)
    await client.start()
    try:
        for script, calls in make_calls(count).items():
            called = found.setdefault((script, name, way), Called(script, name, way, [], [], []))
            spent, stored, began = time.process_time(), store.seconds(), time.perf_counter()
            await _call_all(client, calls, _EXPECTED[script])
            called.rates.append(count / (time.perf_counter() - began))
            called.cpu.append((time.process_time() - spent) / count)
            called.store.append((store.seconds() - stored) / count)
    finally:
        await client.aclose()


def _client(name: str, url: str) -> StoreClient:
    scripts = (ADMIT, SETTLE)
    if name == REDIS_PY:
        return RedisPyClient(url, scripts)
    return open_store(url, directory=Path(), timeout=5.0, scripts=scripts)


def make_calls(count: int) -> dict[str, list[Call]]:
    """Return what admission asks the store for so many reads, and for so many different writes."""
    keys, series = caller_keys("flower-shop", PROFILE), secrets.token_bytes(8)
    calls: dict[str, list[Call]] = {READ: [], CLAIMED: [], SETTLED: []}
    for number in range(count):
        value = series + number.to_bytes(8)
        claim = keys.name(CLAIM, b"create_checkout", value)
        names = (claim, answer_of(claim))
        token, payload = value.hex().encode("ascii") * 2, value * 2
        limits = (b"1", *_PLAN.reads_arguments, *_NO_NONCE)
        calls[READ].append((ADMIT, (keys.reads,), (b"read", *limits, b"")))
        write = (b"write", *limits, token, *_PLAN.writes_arguments)
        rest = (payload, b"60000000", b"0", _ABOUT)
        calls[CLAIMED].append((ADMIT, (keys.reads, keys.writes, *names), (*write, *rest)))
        kept = (_ANSWER, b"172800000", b"172800000", b"")
        calls[SETTLED].append((SETTLE, names, (b"completed", token, payload, b"", *kept)))
    return calls


async def _call_all(client: StoreClient, calls: Sequence[Call], expected: bytes) -> None:
    waiting = iter(calls)

    async def call_some() -> None:
        for call in waiting:
            reply = await client.run(*call)
            if reply[0] != expected:
                raise LookupError(f"a script replied {reply[0]!r} instead of {expected!r}")

    await asyncio.gather(*(call_some() for _ in range(CONNECTIONS)))
