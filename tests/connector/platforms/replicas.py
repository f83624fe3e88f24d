"""Replicas for tests: discoveries that share a real store, a clock, and a world of profiles."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from canonical import CanonicalError
from connector.egress.urls import ProfileUrl, normalise
from connector.errors import Refusal
from connector.platforms.budgets import Lane
from connector.platforms.discovery import Discovery
from connector.platforms.fleet import Fleet
from connector.platforms.fleet_document import FleetSeal
from connector.platforms.fleet_scripts import KEEP, SEEK, SETTLE
from connector.platforms.fleet_store import FleetStore
from connector.store.opening import open_store
from tests.connector.platforms.profiles import fetched, jwk, profile_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from connector.egress.fetch import FetchedDocument
    from connector.platforms.documents import Profile

_PEERS: Final = itertools.count()
FLEET_KEY: Final = bytes(range(32))
URL: Final = normalise("https://platform.example/ucp")
LEASE: Final = 30.0
"""Seconds for which a replica may fetch; none that is alive is ever late."""
GRACE: Final = 1.0
"""Seconds until others fetch what did not verify, which many tests wait for."""


def url_of(name: str) -> ProfileUrl:
    return normalise(f"https://{name}.example/ucp")


def seal_with(key: bytes = FLEET_KEY, **changes: Any) -> FleetSeal:
    settings = {"nested_keys": False, "allow_loopback": False, "max_document": 262_144, **changes}
    return FleetSeal(key, **settings)


async def eventually(condition: Callable[[], bool]) -> None:
    """Let others work until something holds that no event tells of; TimeoutError after a minute."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what it asks is another process, or has no event
            await asyncio.sleep(0.001)


class World:
    """What is published where, how often it was fetched, and what time it is."""

    def __init__(self) -> None:
        self.now = float(round(time.time()))
        self.documents: dict[str, FetchedDocument] = {}
        self.fetches: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._keys: dict[str, dict[str, Any]] = {}

    def clock(self) -> float:
        return self.now

    def publish(
        self, *kids: str, url: ProfileUrl = URL, max_age: int = 300, stale: int = 0
    ) -> None:
        """Publish keys under these names; a name stands for one key at all times."""
        keys = [self._keys.setdefault(f"{url.url} {kid}", jwk(kid)) for kid in kids]
        cache_control = f"max-age={max_age}, stale-while-revalidate={stale}"
        self.documents[url.url] = fetched(profile_json(*keys), cache_control)

    async def fetch(self, url: ProfileUrl) -> FetchedDocument:
        self.fetches.append(url.url)
        await self.gate.wait()
        # As the network would: others get their turn meanwhile.
        await asyncio.sleep(0.01)
        document = self.documents.get(url.url)
        if document is None:
            raise Refusal("profile_unreachable", "status", "the answer's status is 404")
        return document


class Replica(NamedTuple):
    """One gateway's discovery, and its share in the store."""

    world: World
    discovery: Discovery
    store: FleetStore

    @property
    def results(self) -> dict[str, int]:
        return dict(+self.store.results)

    async def serve(
        self,
        kid: str = "a",
        *,
        url: ProfileUrl = URL,
        signed: bool = True,
        registered: bool = False,
        peer: str = "",
    ) -> str:
        """Do what the gateway does for one request; ``signed`` means that its signature is good.

        Each request comes from a peer of its own, unless one is given. Return "served",
        "key_not_found", "signature_invalid", or the code of a refusal.
        """
        try:
            profile = await self._profile(
                kid, url, registered=registered, peer=peer or f"peer {next(_PEERS)}"
            )
        except Refusal as refusal:
            return refusal.code.name
        if profile is None:
            return "key_not_found"
        if not signed:
            return "signature_invalid"
        self.discovery.verified(url.url, profile.keys, registered=registered)
        return "served"

    async def _profile(
        self, kid: str, url: ProfileUrl, *, registered: bool, peer: str
    ) -> Profile | None:
        arrival = self.world.now
        profile = await self.discovery.resolve(url, peer=peer, registered=registered, now=arrival)
        if _has(profile, kid):
            return profile
        profile = await self.discovery.refresh(
            url, peer=peer, registered=registered, now=arrival, kids=frozenset([kid])
        )
        return profile if _has(profile, kid) else None


def _has(profile: Profile, kid: str) -> bool:
    try:
        profile.keys.get(kid)
    except CanonicalError:
        return False
    return True


@contextlib.asynccontextmanager
async def running_replicas(
    world: World,
    store_url: str,
    count: int = 3,
    *,
    seal: FleetSeal | None = None,
    entries: int = 1000,
    lease: float = LEASE,
    grace: float = GRACE,
    timeout: float = 10.0,  # noqa: ASYNC109 - the store client's
    **changes: Any,
) -> AsyncIterator[list[Replica]]:
    """Run replicas until the block ends; further settings are those of their discoveries."""
    replicas, clients = [], []
    settings = {"rate": 1000.0, "burst": 1000, "cache_entries": 1000, **changes}
    for _ in range(count):
        client = open_store(
            store_url, directory=Path(), timeout=timeout, scripts=(SEEK, SETTLE, KEEP)
        )
        await client.start()
        clients.append(client)
        store = FleetStore(
            client, seal or seal_with(), clock=world.clock, entries=entries, lease=lease
        )
        fleet = Fleet(store, clock=world.clock, entries=1000, grace=grace)
        discovery = Discovery(
            dict.fromkeys(Lane, world.fetch), clock=world.clock, fleet=fleet, **settings
        )
        replicas.append(Replica(world, discovery, store))
    try:
        yield replicas
    finally:
        for replica in replicas:
            await replica.discovery.aclose()
        for client in clients:
            await client.aclose()


def random_key() -> bytes:
    return os.urandom(32)
