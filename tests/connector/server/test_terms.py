"""The terms of a merchant's platforms: what the tier says, less what the merchant takes away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connector.server.terms import Terms, merchant_terms
from connector.settings.loading import settings_from
from tests.connector.authentication.platform import URL

if TYPE_CHECKING:
    from connector.settings.schema import Settings

OTHER = "https://other.example/.well-known/ucp"
READS = ["get_checkout", "get_order"]


def settings(platforms: dict[str, Any], **sections: Any) -> Settings:
    one = {
        "id": "shop",
        "authorities": ["shop.example.com"],
        "upstream": {"url": "http://127.0.0.1:9"},
        "platforms": platforms,
    }
    return settings_from({"merchants": [one], **sections}, folder=Path("/"))


def terms(platforms: dict[str, Any], **sections: Any) -> Terms:
    configured = settings(platforms, **sections)
    return merchant_terms(configured, configured.merchants[0])


@pytest.mark.parametrize(
    ("tier", "merchant", "permitted"),
    [
        ("all", "all", None),
        (READS, "all", {*READS}),
        ("all", READS, {*READS}),
        (READS, ["get_order", "create_cart"], {"get_order"}),
        ("all", [], set()),
    ],
)
def test_discovered_platforms_may_what_both_the_tier_and_the_merchant_permit(
    tier: list[str] | str, merchant: list[str] | str, permitted: set[str] | None
) -> None:
    found = terms(
        {"discovered_operations": merchant}, tiers={"discovered": {"operations": tier}}
    ).discovered.operations
    assert found == permitted


def test_registered_platforms_are_not_held_to_what_discovered_ones_may() -> None:
    found = terms({"discovered_operations": READS, "registered": [{"profile": URL}]})
    assert found.registered[URL].policy.operations is None


def test_a_registration_of_the_discovered_tier_is_unless_it_has_operations_of_its_own() -> None:
    listed = [
        {"profile": URL, "tier": "discovered"},
        {"profile": OTHER, "tier": "discovered", "operations": ["create_cart"]},
    ]
    found = terms({"discovered_operations": READS, "registered": listed}).registered
    assert found[URL].policy.operations == frozenset(READS)
    assert found[OTHER].policy.operations == frozenset({"create_cart"})


def test_discovery_and_revoked_keys_are_part_of_the_terms() -> None:
    key = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
    found = terms({"discovery": "registered"}, discovery={"revoked": [key]})
    assert not found.discovery_open
    assert found.revoked == {key}
