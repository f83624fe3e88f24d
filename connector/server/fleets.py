"""From settings to this process's share in its fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.platforms.fleet import Fleet
from connector.platforms.fleet_document import FleetSeal
from connector.platforms.fleet_store import FleetStore
from connector.settings.fields import secret_octets

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.platforms.fleet_store import ScriptStore
    from connector.settings.schema import Settings
    from connector.telemetry.metrics import Metrics

_LEASE_MARGIN: Final = 1.0
"""Seconds that a lease stands beyond the time-out of a fetch, for what comes before and after."""


def build_fleet(
    settings: Settings, store: ScriptStore, clock: Callable[[], float], metrics: Metrics
) -> Fleet | None:
    """Return what shares profiles with the replicas at this store; None without a fleet key."""
    discovery = settings.discovery
    if discovery.fleet_key is None:
        return None
    documents = FleetStore(
        store,
        FleetSeal(
            secret_octets(discovery.fleet_key.get_secret_value()),
            nested_keys=discovery.nested_keys,
            allow_loopback=discovery.insecure_allow_loopback_profiles,
            max_document=discovery.max_document,
        ),
        clock=clock,
        entries=discovery.cache_entries,
        lease=discovery.timeout + _LEASE_MARGIN,
    )
    metrics.fleet = documents.results
    return Fleet(documents, clock=clock, entries=discovery.cache_entries)
