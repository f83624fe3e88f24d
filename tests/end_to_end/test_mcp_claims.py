"""Claims of tool calls, through the pipeline in this process, to a real store and merchant.

Of MCP's own are: the key stands for name and arguments, a repetition has an id of its own, and a
call may have no key.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections import Counter
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from canonical import Request
from connector.gateway import Gateway
from connector.server.admissions import Admissions, open_client
from connector.server.build import build_discovery, build_lane
from connector.settings.loading import settings_from
from connector.steps import Received
from connector.telemetry.decisions import DecisionLog
from connector.telemetry.metrics import Metrics
from connector.transports.mcp_calls import request_id
from connector.transports.problems import ProblemRenderer
from tests.connector.told_ledger import ToldLedger
from tests.end_to_end.gateway import configuration
from tests.end_to_end.raw_server import Seen, Visit, answer
from tests.store_servers import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Draft, Platform
    from tests.store_servers import StoreServer

ENDPOINT: Final = "/ucp/mcp"
CART: Final = {"line_items": [{"quantity": 1}]}


class _Told(NamedTuple):
    """What the caller was answered."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def replayed(self) -> bool:
        return self.headers.get(b"Idempotent-Replayed") == b"true"

    @property
    def message(self) -> dict[str, Any]:
        parsed = json.loads(self.body)
        assert isinstance(parsed, dict)
        return parsed


class _Pipeline:
    """One gateway without its listeners."""

    def __init__(self, gateway: Gateway, metrics: Metrics) -> None:
        self._gateway = gateway
        self._metrics = metrics

    async def ask(self, draft: Draft) -> _Told:
        request = Request(
            method=draft.method, target=draft.target, headers=draft.lines, body=draft.body
        )
        received = Received(request, "shop", "127.0.0.1", time.time(), time.perf_counter())
        answered = await self._gateway.handle(received)
        body = answered.body
        octets = body if isinstance(body, bytes) else b"".join([piece async for piece in body])
        return _Told(answered.status, dict(answered.headers), octets)

    def results(self) -> Counter[str]:
        """Return how often admission came to which result."""
        families = text_string_to_metric_families(self._metrics.exposition().decode())
        (admissions,) = (each for each in families if each.name == "ucp_connector_admissions")
        return Counter(
            {
                sample.labels["result"]: int(sample.value)
                for sample in admissions.samples
                if sample.name.endswith("_total")
            }
        )


@asynccontextmanager
async def pipeline(
    merchant: Merchant, platform: Platform, store: StoreServer
) -> AsyncIterator[_Pipeline]:
    shop = merchant.settings(platforms={"registered": [platform.registration()]})
    settings = settings_from(configuration(shop, store={"url": store.url}), folder=Path("/"))
    metrics, (listed,) = Metrics(), settings.merchants
    discovery = build_discovery(settings, time.time)
    admissions = Admissions(settings, open_client(settings.store), metrics)
    lane = build_lane(settings, listed, discovery, admissions)
    ledger: Any = ToldLedger()
    await admissions.watch.start()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    log = DecisionLog(nowhere)
    try:
        gateway = Gateway(
            {"shop": lane}, strangers=ProblemRenderer(), metrics=metrics, log=log, ledger=ledger
        )
        yield _Pipeline(gateway, metrics)
    finally:
        await discovery.aclose()
        await admissions.aclose()
        await lane.upstream.aclose()
        log.close()
        os.close(nowhere)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    with running_server(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(autouse=True)
def _orders(merchant: Merchant) -> None:
    """Have every call answered with an order of its own, under the call's id."""
    numbers = count(1)

    def make(visit: Visit, seen: Seen) -> None:
        body = b'{"jsonrpc": "2.0", "result": {"order": %d}, "id": %b}'
        found = request_id(seen.body) or b"null"
        answer(body % (next(numbers), found))(visit, seen)

    merchant.default = make


def call(
    platform: Platform,
    number: object,
    key: str | None = None,
    name: str = "create_checkout",
    **changes: Any,
) -> Draft:
    """Sign a call with this id, whose key is among its arguments."""
    meta = {"meta": {"idempotency-key": key}} if key is not None else {}
    params = {"name": name, "arguments": {"checkout": CART, **meta, **changes}}
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    draft = platform.draft("POST", ENDPOINT, json.dumps(message).encode())
    return platform.sign(draft.drop("Idempotency-Key"), nonce=str(uuid.uuid4()))


def test_a_retry_with_a_new_id_is_answered_under_its_own_id(
    merchant: Merchant, platform: Platform, store: StoreServer
) -> None:
    key = str(uuid.uuid4())

    async def scene() -> Counter[str]:
        async with pipeline(merchant, platform, store) as gateway:
            first = await gateway.ask(call(platform, 1, key))
            assert first.message == {"jsonrpc": "2.0", "result": {"order": 1}, "id": 1}
            assert not first.replayed
            for number in (2, "again", 1):
                again = await gateway.ask(call(platform, number, key))
                assert again.replayed
                assert again.status == first.status
                # All but the id is as it was, octet by octet.
                literal = json.dumps(number).encode()
                assert again.body == first.body.replace(b'"id": 1}', b'"id": %b}' % literal)
            return gateway.results()

    assert asyncio.run(scene()) == {"claimed": 1, "replay": 3}
    assert len(merchant.requests) == 1


def test_a_key_stands_for_its_tool_and_arguments(
    merchant: Merchant, platform: Platform, store: StoreServer
) -> None:
    key = str(uuid.uuid4())

    async def scene() -> Counter[str]:
        async with pipeline(merchant, platform, store) as gateway:
            await gateway.ask(call(platform, 1, key))
            other = await gateway.ask(call(platform, 1, key, checkout={"line_items": []}))
            assert other.status == 409
            assert other.message["error"]["data"]["code"] == "idempotency_conflict"
            # Of another tool it is another key.
            another = await gateway.ask(call(platform, 1, key, "create_cart"))
            assert not another.replayed
            assert another.message["result"] == {"order": 2}
            return gateway.results()

    assert asyncio.run(scene()) == {"claimed": 2, "conflict": 1}
    assert len(merchant.requests) == 2


def test_a_call_without_a_key_runs_once_for_each_signature(
    merchant: Merchant, platform: Platform, store: StoreServer
) -> None:
    captured = call(platform, 7)

    async def scene() -> Counter[str]:
        async with pipeline(merchant, platform, store) as gateway:
            first = await gateway.ask(captured)
            assert (first.status, first.replayed) == (200, False)
            for _ in range(2):
                again = await gateway.ask(captured)
                assert again.replayed
                assert again.body == first.body
            # Signed anew it is another call: without a key nobody can tell it from a retry.
            second = await gateway.ask(call(platform, 7))
            assert not second.replayed
            assert second.message["result"] == {"order": 2}
            return gateway.results()

    assert asyncio.run(scene()) == {"claimed": 2, "replay": 2}
    assert len(merchant.requests) == 2


def test_an_answer_in_an_event_stream_is_replayed_as_the_one_answer_that_it_is(
    merchant: Merchant, platform: Platform, store: StoreServer
) -> None:
    key = str(uuid.uuid4())
    events = (
        b'data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n'
        b'data: {"jsonrpc":"2.0","id":"a","result":{"order":9}}\n\n'
    )
    merchant.script[ENDPOINT] = answer(events, "200 OK", ("Content-Type", "text/event-stream"))

    async def scene() -> Counter[str]:
        async with pipeline(merchant, platform, store) as gateway:
            first = await gateway.ask(call(platform, "a", key))
            assert first.body == events
            again = await gateway.ask(call(platform, "b", key))
            assert again.replayed
            assert again.headers[b"Content-Type"] == b"application/json"
            assert again.body == b'{"jsonrpc":"2.0","id":"b","result":{"order":9}}'
            return gateway.results()

    assert asyncio.run(scene()) == {"claimed": 1, "replay": 1}
    assert len(merchant.requests) == 1
