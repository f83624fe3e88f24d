"""``insecure_observe``: what does not verify goes on, marked, and everybody is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Draft, Platform
from tests.end_to_end.refusals import check_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.end_to_end.client import Line
    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant

BODY: Final = b'{"line_items": []}'
ENFORCED: Final = "enforced.example.com"


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    platforms = {"registered": [platform.registration()]}
    shop = module_merchant.settings(
        platforms=platforms, enforcement={"signatures": "insecure_observe"}
    )
    other = module_merchant.settings(id="other", authorities=[ENFORCED], platforms=platforms)
    settings = configuration(shop, other)
    with running_gateway(tmp_path_factory.mktemp("gateway"), settings) as running:
        yield running


def _body_changed(platform: Platform) -> Draft:
    draft = platform.signed("POST", CHECKOUTS, BODY)
    draft.body = BODY.replace(b"[]", b"{}")
    return draft


UNVERIFIED: Final[dict[str, tuple[str, Callable[[Platform], Draft]]]] = {
    "unsigned": ("signature_missing", lambda platform: platform.draft()),
    "an unsigned write": (
        "signature_missing",
        lambda platform: platform.draft("POST", CHECKOUTS, BODY),
    ),
    "signed by another key": (
        "signature_invalid",
        lambda platform: Platform(platform.profile_url).signed(),
    ),
    "an unknown key": (
        "key_not_found",
        lambda platform: Platform(platform.profile_url, "other").signed(),
    ),
    "another body": ("digest_mismatch", _body_changed),
    "no agent": (
        "invalid_profile_url",
        lambda platform: platform.sign(platform.draft().drop("UCP-Agent")),
    ),
    "no key for a write": (
        "idempotency_key_missing",
        lambda platform: platform.sign(
            platform.draft("POST", CHECKOUTS, BODY).drop("Idempotency-Key")
        ),
    ),
    "a form": (
        "unsupported_media",
        lambda platform: platform.sign(
            platform.draft("POST", CHECKOUTS, BODY).put("Content-Type", "text/plain")
        ),
    ),
}


@pytest.mark.parametrize("name", UNVERIFIED)
def test_what_does_not_verify_is_forwarded_and_marked(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    code, make = UNVERIFIED[name]
    draft = make(platform)
    own: list[Line] = list(draft.lines)
    # What only the connector may say does not get through here either.
    for claim in ("UCP-Verified", "UCP-Verified-Identity", "Audit-ID", "X-Forwarded-For"):
        draft.lines.insert(1, (claim.encode(), b"true"))
    answered = gateway.ask(draft.wire())
    assert answered.status == 200
    (seen,) = merchant.requests
    assert seen.request_line == f"{draft.method} {draft.target} HTTP/1.1".encode()
    assert seen.body == draft.body
    assert seen.lines == [*own, (b"UCP-Verified", b"false")]
    gateway.expect_decision(answered, decision="observe", code=code, status=200)


def test_what_verifies_is_forwarded_as_verified(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    answered = gateway.ask(platform.signed().wire())
    (seen,) = merchant.requests
    assert seen.values("UCP-Verified") == ["true"]
    assert seen.values("UCP-Verified-Identity") == [platform.profile_url]
    gateway.expect_decision(answered, decision="accept")


STILL_REFUSED: Final[dict[str, tuple[str, Callable[[Platform], Draft]]]] = {
    "two Hosts": ("malformed_request", lambda platform: platform.signed().add("Host", "b")),
    "a dot segment": (
        "malformed_request",
        lambda platform: platform.signed(target=f"{ORDERS}/../orders/1"),
    ),
    "an odd path id": ("malformed_request", lambda platform: platform.signed(target=f"{ORDERS}/;")),
    "a large head": (
        "headers_too_large",
        lambda platform: platform.signed().add("X-Long", "x" * 20000),
    ),
    "another authority": (
        "unknown_authority",
        lambda platform: platform.signed().put("Host", "elsewhere.example.com"),
    ),
    "another path": ("unknown_operation", lambda platform: platform.signed(target="/admin")),
    "no operation": (
        "unknown_operation",
        lambda platform: platform.signed(target=f"{ORDERS}/1/refund"),
    ),
}


@pytest.mark.parametrize("name", STILL_REFUSED)
def test_the_wire_the_path_and_the_authority_are_enforced_all_the_same(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    code, make = STILL_REFUSED[name]
    check_refusal(gateway.ask(make(platform).wire()), code)
    after = platform.signed(target=f"{ORDERS}/after")
    assert gateway.ask(after.wire()).status == 200
    assert [seen.target.decode() for seen in merchant.requests] == [after.target]


def test_the_other_merchant_is_not_observed(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.draft().put("Host", ENFORCED)
    check_refusal(gateway.ask(draft.wire()), "signature_missing")
    assert merchant.requests == []


def test_whoever_runs_it_is_told_of_it(gateway: RunningGateway) -> None:
    assert "WARNING" in gateway.warned("shop: insecure_observe")
    warnings = gateway.admin("/readyz").document()["warnings"]
    assert [warning for warning in warnings if "insecure_observe" in warning and "shop" in warning]
    assert not [warning for warning in warnings if "other" in warning]
    metrics = gateway.admin("/metrics").body.decode()
    assert 'ucp_connector_insecure_observe{merchant="shop"} 1.0' in metrics
    assert 'ucp_connector_insecure_observe{merchant="other"}' not in metrics
