"""What a tier decides, term by term: the same request by a stranger and by who is registered."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from canonical import load_key
from tests.end_to_end import audit_log
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.platform import ORDERS, Draft, Platform
from tests.end_to_end.raw_server import RawServer, answer
from tests.end_to_end.test_older_schemes import detached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant

MANY: Final = "100000/s"
TARGET_URI: Final = ["@method", "@target-uri", "ucp-agent"]


class Callers(NamedTuple):
    """One of each tier, one whose registration says everything otherwise, one without pins."""

    discovered: Platform
    registered: Platform
    own: Platform
    fetched: Platform


@pytest.fixture(scope="module")
def callers() -> Iterator[Callers]:
    with RawServer() as first, RawServer() as second:
        known, own = (Platform(f"https://{name}.example/ucp", name) for name in ("known", "own"))
        yield Callers(fetched_from(first), known, own, fetched_from(second))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def gateway(module_merchant: Merchant, callers: Callers, home: Path) -> Iterator[RunningGateway]:
    own = {
        "schemes": ["rfc9421"],
        "coverage": "strict",
        "freshness": {"required": True, "max_age": "1m", "nonce": True},
        "operations": ["get_order", "create_checkout"],
        "rates": {"reads": "7000/s"},
    }
    registered = [
        callers.registered.registration(),
        callers.own.registration(**own),
        {"profile": callers.fetched.profile_url},
    ]
    tiers = {
        "discovered": {
            "freshness": {"required": True, "max_age": "1m", "nonce": True},
            "operations": ["get_order", "create_checkout"],
            "rates": {"reads": "5000/s", "total": MANY, "per_origin": MANY},
        },
        "registered": {
            "schemes": ["rfc9421", "detached-jws"],
            "coverage": "target-uri",
            "rates": {"reads": "6000/s"},
        },
    }
    settings = configuration(
        module_merchant.settings(platforms={"registered": registered}),
        discovery={"insecure_allow_loopback_profiles": True, "budget": "1/h"},
        tiers=tiers,
    )
    with running_gateway(home, settings) as running:
        yield running


def _signed(platform: Platform, components: list[str] | None = None, **parameters: Any) -> Draft:
    """Sign a read whose nonce is new, unless ``parameters`` say otherwise."""
    chosen = {"nonce": str(uuid.uuid4()), **parameters}
    return platform.sign(platform.draft(target=f"{ORDERS}/1"), components, **chosen)


def _old(platform: Platform) -> Draft:
    return _signed(platform, created=int(time.time()) - 120)


def _cart(platform: Platform) -> Draft:
    draft = platform.draft(target="/ucp/v1/carts/1")
    return platform.sign(draft, nonce=str(uuid.uuid4()))


TERMS: Final[dict[str, tuple[Callable[[Platform], Draft], str, str]]] = {
    "schemes": (detached, "signature_invalid", "scheme_not_allowed"),
    "coverage": (
        lambda platform: _signed(platform, TARGET_URI),
        "signature_invalid",
        "coverage_insufficient",
    ),
    "freshness.required": (
        lambda platform: _signed(platform, created=None),
        "signature_invalid",
        "created_missing",
    ),
    "freshness.max_age": (_old, "signature_invalid", "too_old"),
    "operations": (_cart, "operation_not_permitted", "operation_not_permitted"),
}
"""What the registered tier takes and the discovered one refuses, with code and reason."""


@pytest.mark.parametrize("term", TERMS)
def test_a_term_holds_for_its_tier_and_a_registration_may_say_otherwise(
    term: str, gateway: RunningGateway, merchant: Merchant, callers: Callers
) -> None:
    make, code, reason = TERMS[term]
    for strict in (callers.discovered, callers.own):
        answered = gateway.ask(make(strict).wire())
        assert answered.document()["code"] == code
        gateway.expect_decision(answered, decision="reject", code=code, reason=reason)
        assert merchant.requests == []
    assert gateway.ask(make(callers.registered).wire()).status == 200
    assert len(merchant.requests) == 1


def test_a_nonce_must_be_new_where_the_terms_say_so(
    gateway: RunningGateway, merchant: Merchant, callers: Callers
) -> None:
    nonce = str(uuid.uuid4())
    for platform, again in (
        (callers.discovered, 401),
        (callers.own, 401),
        (callers.registered, 200),
    ):
        request = _signed(platform, nonce=nonce).wire()
        assert [gateway.ask(request).status, gateway.ask(request).status] == [200, again]
    assert len(merchant.requests) == 4


def test_rates_are_those_of_the_terms(gateway: RunningGateway, callers: Callers) -> None:
    told = [gateway.ask(_signed(each).wire()).value("RateLimit-Policy") for each in callers[:3]]
    assert ["q=5000;" in told[0], "q=6000;" in told[1], "q=7000;" in told[2]] == [True] * 3


def test_the_tier_stands_on_the_forwarded_request(
    gateway: RunningGateway, merchant: Merchant, callers: Callers
) -> None:
    for each in callers[:3]:
        assert gateway.ask(_signed(each).wire()).status == 200
    tiers = [seen.values("UCP-Verified-Tier")[0] for seen in merchant.requests]
    assert tiers == ["discovered", "registered", "registered"]


def test_the_budget_of_fetches_is_that_of_strangers_alone(
    gateway: RunningGateway, merchant: Merchant, callers: Callers
) -> None:
    # The one fetch in an hour was for this stranger, now or in a test before.
    assert gateway.ask(_signed(callers.discovered).wire()).status == 200
    with RawServer() as host:
        late = fetched_from(host)
        answered = gateway.ask(_signed(late).wire())
        assert (answered.status, answered.document()["code"]) == (503, "discovery_pending")
        assert host.requests == []
    assert gateway.ask(_signed(callers.fetched).wire()).status == 200
    seen = [each.values("UCP-Verified-Tier")[0] for each in merchant.requests]
    assert seen == ["discovered", "registered"]


def test_the_keys_that_a_registered_platform_publishes_are_written_down(
    gateway: RunningGateway, callers: Callers, home: Path
) -> None:
    assert gateway.ask(_signed(callers.fetched).wire()).status == 200
    (record,) = audit_log.await_records(
        home, lambda each: each.get("action") == "platform_keys_changed"
    )
    assert record["details"] == {
        "profile": callers.fetched.profile_url,
        "merchants": ["shop"],
        "first": True,
        "added": [load_key(callers.fetched.jwk).thumbprint],
    }


def fetched_from(host: RawServer) -> Platform:
    """Return a platform whose profile is at ``host``."""
    platform = Platform(f"{host.origin}/ucp", "fetched-2026")
    host.default = answer(platform.profile())
    return platform
