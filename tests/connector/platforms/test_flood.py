"""A flood of 10,000 profile URLs through the real fetcher, with real sockets."""

from __future__ import annotations

import asyncio
import gc
import ssl
import tracemalloc

from connector.egress.fetch import Fetcher
from connector.egress.urls import ProfileUrl, normalise
from connector.errors import Refusal
from connector.platforms.budgets import Lane
from connector.platforms.discovery import PLACES, Discovery
from tests.connector.egress.loopback import document, resolving_to, serving, socket_spy
from tests.connector.platforms.profiles import NO_KEYS, jwk, profile_json

FLOOD = 10_000
KNOWN = "known.example"


class Merchant:
    """A server on loopback that answers known platforms at once and strangers when let go."""

    def __init__(self) -> None:
        self.answer = document(profile_json(jwk("a")))
        self.held = asyncio.Event()
        self.full = asyncio.Event()
        self.open = 0
        self.most_open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        if self.open == PLACES[Lane.STRANGER]:
            self.full.set()
        await self.held.wait()
        self.open -= 1
        writer.write(self.answer)

    async def serve_known(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.answer)


def url_of(name: str, port: int) -> ProfileUrl:
    return normalise(f"http://{name}:{port}/ucp", allow_loopback=True)


async def code_of(discovery: Discovery, url: ProfileUrl, peer: str) -> str:
    try:
        await discovery.resolve(url, peer=peer, registered=False, now=1000.0)
    except Refusal as refusal:
        return refusal.code.name
    return "found"


def test_sockets_fetches_and_memory_stay_at_their_bounds_while_known_platforms_go_on() -> None:
    async def scenario() -> int:
        merchant = Merchant()
        fetcher = Fetcher(
            resolve=resolving_to("127.0.0.1"),
            tls=ssl.create_default_context(),
            max_document=256 * 1024,
            connect_timeout=10,
            timeout=30,
            allow_loopback=True,
        )
        now = 1000.0
        discovery = Discovery(
            dict.fromkeys(Lane, fetcher),
            clock=lambda: now,
            rate=1e6,
            burst=1_000_000,
            cache_entries=100,
        )
        async with serving(merchant.serve) as slow, serving(merchant.serve_known) as quick:
            known = url_of(KNOWN, quick.port)
            await discovery.resolve(known, peer="peer", registered=False, now=now)
            discovery.verified(known.url, NO_KEYS)

            async def flood() -> list[str]:
                return await asyncio.gather(
                    *(
                        code_of(
                            discovery,
                            url_of(f"stranger-{number}.example", slow.port),
                            f"peer-{number}",
                        )
                        for number in range(FLOOD)
                    )
                )

            gc.collect()
            tracemalloc.start()
            running = asyncio.create_task(flood())
            await merchant.full.wait()
            now += 61
            assert discovery.lookup(known.url, now) is None
            refreshed = await discovery.resolve(known, peer="peer", registered=False, now=now)
            assert refreshed.fetched_at == now
            merchant.held.set()
            codes = await running
            del running
            gc.collect()
            kept, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert codes.count("found") == PLACES[Lane.STRANGER]
            assert codes.count("discovery_pending") == FLOOD - PLACES[Lane.STRANGER]
            assert slow.connections == merchant.most_open == PLACES[Lane.STRANGER]
            # The memo of URLs (4,096 entries) is most of it; nothing grows with the flood.
            assert kept < 8 * 1024 * 1024
            await discovery.aclose()
            return slow.connections + quick.connections

    with socket_spy() as seen:
        connections = asyncio.run(scenario())
    assert len([event for event, _ in seen if event == "socket.connect"]) == connections
