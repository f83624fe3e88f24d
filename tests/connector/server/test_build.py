"""What the settings become."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connector.authentication.policy import Policy
from connector.server.admissions import Admissions, open_client
from connector.server.build import build_authenticator, build_discovery, build_lane, build_transport
from connector.settings.loading import settings_from
from connector.telemetry.metrics import Metrics
from tests.connector.authentication.platform import KEY, URL

if TYPE_CHECKING:
    from connector.settings.schema import Settings

PUBLIC = {name: value for name, value in KEY.items() if name != "d"}


def settings(merchant: dict[str, Any] | None = None, **sections: Any) -> Settings:
    one = {
        "id": "shop",
        "authorities": ["shop.example.com"],
        "upstream": {"url": "http://127.0.0.1:9"},
        **(merchant or {}),
    }
    return settings_from({"merchants": [one], **sections}, folder=Path("/"))


def policy(platform: dict[str, Any], **tiers: Any) -> Policy:
    given = {"profile": URL, "keys": [PUBLIC], "version": "2026-08-25", **platform}
    configured = settings({"platforms": {"registered": [given]}}, tiers=tiers)
    discovery = build_discovery(configured, lambda: 0.0)
    judge = build_authenticator(configured, configured.merchants[0], discovery)
    return judge._registered[URL].policy


def test_a_registration_has_its_tiers_terms_where_it_has_none_of_its_own() -> None:
    tiers = {"registered": {"operations": ["get_order"], "freshness": {"required": True}}}
    expected = Policy(
        "registered",
        created_required=True,
        max_age=300.0,
        operations=frozenset({"get_order"}),
    )
    assert policy({}, **tiers) == expected


def test_a_registration_may_differ_from_its_tier() -> None:
    terms = {"operations": ["get_cart"], "coverage": "compat", "freshness": {"required": False}}
    own = policy(terms, registered={"freshness": {"required": True}})
    assert own == Policy("registered", coverage="compat", operations=frozenset({"get_cart"}))


def test_an_empty_list_of_operations_permits_none() -> None:
    assert policy({"operations": []}).operations == frozenset()


def test_a_maximum_age_counts_only_where_created_is_asked_for() -> None:
    assert policy({"freshness": {"required": False, "max_age": "1m"}}).max_age is None


@pytest.mark.parametrize(("prefix", "found"), [("off", False), ("/", True), ("/ucp/v1", True)])
def test_the_rest_endpoint_can_be_closed(prefix: str, found: bool) -> None:  # noqa: FBT001 - data
    configured = settings({"endpoints": {"rest": prefix}})
    assert (build_transport(configured.merchants[0]) is not None) is found


def test_observing_is_off_unless_it_is_asked_for_by_its_unsafe_name() -> None:
    configured = settings()
    discovery = build_discovery(configured, lambda: 0.0)
    admissions = Admissions(configured, open_client(configured.store), Metrics())
    assert not build_lane(configured, configured.merchants[0], discovery, admissions).observe
    unsafe = settings({"enforcement": {"signatures": "insecure_observe"}})
    assert build_lane(unsafe, unsafe.merchants[0], discovery, admissions).observe
