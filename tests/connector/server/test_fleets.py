"""A fleet key, and what it makes of a process."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest

from connector.egress.urls import normalise
from connector.server.fleets import build_fleet
from connector.settings.inert import inert_settings
from connector.store.errors import StoreUnavailable
from connector.telemetry.metrics import Metrics
from tests.connector.server.test_build import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.store.scripts import Script

KEY = base64.b64encode(bytes(range(32))).decode()


class Asked:
    """A store that says nothing, and remembers what it was asked."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.arguments: list[bytes] = []

    async def run(
        self,
        script: Script,
        keys: Sequence[bytes],
        arguments: Sequence[bytes],
        *,
        replicas: int = 0,
    ) -> Any:
        del script, replicas
        self.keys += keys
        self.arguments += arguments
        raise StoreUnavailable("It is a test's.", applied=False)


def asked_for(**discovery: Any) -> bytes:
    """Return what the store is asked for, for one profile."""
    store = Asked()
    fleet = build_fleet(
        settings(discovery={"fleet_key": KEY, **discovery}), store, lambda: 0.0, Metrics()
    )
    assert fleet is not None
    assert asyncio.run(fleet.look(normalise("https://platform.example/ucp"), None)) is None
    return store.arguments[0]


def _url_safe(text: str) -> str:
    return text.replace("+", "-").replace("/", "_").rstrip("=")


def test_without_a_key_nothing_is_shared_and_nothing_told() -> None:
    metrics = Metrics()
    assert build_fleet(settings(), Asked(), lambda: 0.0, metrics) is None
    assert b"fleet" not in metrics.exposition()


def test_with_a_key_the_metrics_tell_what_came_of_sharing() -> None:
    metrics = Metrics()
    configured = settings(discovery={"fleet_key": KEY})
    assert inert_settings(configured) == []
    fleet = build_fleet(configured, Asked(), lambda: 0.0, metrics)
    assert fleet is not None
    asyncio.run(fleet.look(normalise("https://platform.example/ucp"), None))
    expected = b'ucp_connector_fleet_profiles_total{result="unavailable"} 1.0'
    assert expected in metrics.exposition()
    assert b'{result="missed"} 0.0' in metrics.exposition()
    assert b'{result="refused"} 0.0' in metrics.exposition()


def test_the_same_key_in_either_alphabet_makes_one_fleet() -> None:
    other = base64.b64encode(bytes([0xFB] * 32)).decode()
    assert asked_for(fleet_key=other) == asked_for(fleet_key=_url_safe(other))
    assert asked_for() != asked_for(fleet_key=other)


@pytest.mark.parametrize(
    "changed",
    [
        {"nested_keys": True},
        {"max_document": "128KiB"},
        {"insecure_allow_loopback_profiles": True},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_gateways_that_read_profiles_otherwise_are_another_fleet(changed: dict[str, Any]) -> None:
    assert asked_for(**changed) != asked_for()
    # What has nothing to do with reading may differ.
    assert asked_for(timeout="3s", budget="7/s", cache_entries=5) == asked_for()
