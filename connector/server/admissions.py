"""From settings to admission: the store of a process, and what admits each merchant's requests."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from connector.admission.claims import LEASE, RENEWAL
from connector.admission.control import AdmissionControl, Terms
from connector.admission.desk import ClaimDesk
from connector.admission.leases import Leases
from connector.admission.limits import Limit
from connector.admission.local import Concurrency, Stored, Totals, WithoutStore, limiter
from connector.admission.plans import make_plan
from connector.admission.scripts import ADMIT, SESSION_KEY, SETTLE, TOLD
from connector.admission.sealing import Sealer
from connector.admission.settlement import Settlement
from connector.admission.settling import Settler
from connector.admission.told import Told
from connector.admission.watch import StoreWatch
from connector.egress.urls import normalise
from connector.platforms import fleet_scripts
from connector.server.mcp import McpShared
from connector.settings.fields import secret_octets
from connector.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector.admission.plans import Plan
    from connector.gcra import Limiter
    from connector.settings.gateway import Store
    from connector.settings.merchants import Merchant
    from connector.settings.schema import Settings
    from connector.settings.terms import RegisteredPlatform, RegisteredTier
    from connector.settings.units import Rate
    from connector.steps import Claim
    from connector.store.client import StoreClient
    from connector.telemetry.metrics import Metrics

_SHARED: Final = 10
"""How many callers' worth the discovered tier has together, where nothing is set."""
_PATIENCE: Final = 2.0
"""Seconds that settlements get at the end of the process."""


def open_client(store: Store) -> StoreClient:
    """Return the client of the configured store, which is not started yet."""
    return open_store(
        store.url.get_secret_value(),
        directory=store.directory,
        timeout=store.timeout,
        scripts=(
            *(ADMIT, SETTLE, TOLD, SESSION_KEY),
            *(fleet_scripts.SEEK, fleet_scripts.SETTLE, fleet_scripts.KEEP),
        ),
    )


class Admissions:
    """What all merchants of a process share: the store, the leases, what waits to be settled."""

    def __init__(
        self, settings: Settings, client: StoreClient, metrics: Metrics, *, lease: float = LEASE
    ) -> None:
        store = settings.store
        self._settings = settings
        self._metrics = metrics
        self._lease = lease
        self.client = client
        self.watch = StoreWatch(self.client)
        self._sealer = Sealer(
            [secret_octets(key.get_secret_value()) for key in store.encryption_keys]
        )
        self.mcp = McpShared(settings, self.watch, self._sealer)
        self._leases = Leases(self._renew, lease=lease, renewal=lease * RENEWAL / LEASE)
        self._settler = Settler(self._tell, metrics.count_settlement)
        self._concurrency = Concurrency()
        self._without_store = WithoutStore(settings.rates.replicas)
        self._settlements: list[Settlement] = []

    def control(self, merchant: Merchant) -> AdmissionControl:
        """Make what admits one merchant's requests."""
        settings, store = self._settings, self._settings.store

        def count(result: str) -> None:
            self._metrics.count_admission(merchant.id, result)

        return AdmissionControl(
            Terms(
                merchant.id,
                by_identity=registered_plans(settings, merchant),
                by_tier={
                    name: _plan(settings, merchant, getattr(settings.tiers, name))
                    for name in ("discovered", "registered")
                },
                totals={"discovered": _totals(settings, merchant)},
                enforce=merchant.enforcement.rates == "enforce",
                idempotent=merchant.upstream.idempotent,
                idempotency_ttl=store.idempotency_ttl,
                tombstone_ttl=store.tombstone_ttl,
                replicas=store.wait_replicas,
                wait_in_progress=store.wait_in_progress,
            ),
            store=self.watch,
            settler=self._settler,
            sealer=self._sealer,
            concurrency=self._concurrency,
            without_store=self._without_store,
            count=count,
            lease=self._lease,
        )

    def settlement(self, merchant: Merchant) -> Settlement:
        """Make what settles one merchant's claims."""
        made = Settlement(
            self._leases, self._settler, self._sealer, frozenset(merchant.upstream.refusals)
        )
        self._settlements.append(made)
        return made

    def desk(self) -> ClaimDesk:
        """Make what an operator works with."""
        store = self._settings.store
        return ClaimDesk(self.client, keep=store.idempotency_ttl, tombstone=store.tombstone_ttl)

    def told(self) -> Told:
        """Make what brings operators' words from beside the gateways."""
        return Told(self.client, secrets.token_hex(8).encode())

    def figures(self) -> tuple[bool, int, int, int]:
        """Return what metrics tell: up, failed calls, leases held, settlements that wait."""
        up = not self.watch.down and self.watch.policy is None
        return up, self.watch.failures, len(self._leases), len(self._settler)

    async def aclose(self) -> None:
        """Settle what can be settled, and close the store's client."""
        for settlement in self._settlements:
            await settlement.aclose(_PATIENCE)
        await self._settler.aclose(_PATIENCE)
        self._leases.close()
        await self.watch.aclose()

    async def _tell(self, claim: Claim, arguments: Sequence[bytes]) -> bytes:
        reply: list[bytes] = await self.client.run(SETTLE, claim.keys, arguments)
        return reply[0]

    async def _renew(self, claim: Claim) -> bytes:
        lease = b"%d" % (self._lease * 1_000_000)
        return await self._tell(claim, (*claim.owner(b"renewed"), lease))


def _plan(
    settings: Settings,
    merchant: Merchant,
    tier: RegisteredTier,
    platform: RegisteredPlatform | None = None,
) -> Plan:
    """Make a plan: what a registration says wins, then its tier, then the merchant, then all."""
    own = (platform.rates if platform else None, tier.rates, merchant.rates)
    rates = [each for each in own if each is not None]
    freshness = (platform.freshness if platform else None) or tier.freshness

    def first(name: str) -> Rate:
        found = (getattr(each, name) for each in rates)
        chosen: Rate = next((rate for rate in found if rate is not None), None) or getattr(
            settings.rates, name
        )
        return chosen

    concurrent = [*(each.concurrent for each in rates), settings.rates.concurrent]
    return make_plan(
        _limit(first("reads")),
        _limit(first("writes")),
        nonce=freshness.nonce,
        max_age=freshness.max_age if freshness.required else None,
        concurrent=next((most for most in concurrent if most is not None), None),
    )


def registered_plans(settings: Settings, merchant: Merchant) -> dict[str, Plan]:
    """Return the plans of a merchant's registrations by their normalised profile URLs."""
    loopback = settings.discovery.insecure_allow_loopback_profiles
    return {
        normalise(platform.profile, allow_loopback=loopback).url: _plan(
            settings, merchant, getattr(settings.tiers, platform.tier), platform
        )
        for platform in merchant.platforms.registered
    }


def _totals(settings: Settings, merchant: Merchant) -> Totals:
    tier, replicas = settings.tiers.discovered, settings.rates.replicas
    plan = _plan(settings, merchant, tier)

    def limits(rate: Rate | None) -> Callable[[str], Limiter]:
        """One limiter for both kinds where a rate is set, else one each by the callers' own."""
        if rate is not None:
            both = limiter(_limit(rate).shared(replicas))
            return lambda _: both
        return lambda name: limiter(getattr(plan, name).times(_SHARED).shared(replicas))

    store = settings.store
    stored = Stored(store.discovered_limit / replicas, store.idempotency_ttl)
    return Totals(limits(tier.rates.total), limits(tier.rates.per_origin), stored)


def _limit(rate: Rate) -> Limit:
    return Limit.of(rate.interval, rate.burst)
