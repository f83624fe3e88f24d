"""A gateway with the least limits: what a stranger may cost, and who else pays for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.gateway import PATIENCE, configuration, running_gateway
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Draft, Platform
from tests.end_to_end.raw_server import RawServer, Seen, Visit, answer
from tests.end_to_end.refusals import check_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    shop = module_merchant.settings(platforms={"registered": [platform.registration()]})
    settings = configuration(
        shop,
        limits={"in_flight": 1, "header_timeout": "2500ms", "body_timeout": "2500ms"},
        rates={"per_peer": "1/h burst 2"},
        trusted_proxies=["127.0.0.1"],
    )
    with running_gateway(tmp_path_factory.mktemp("gateway"), settings) as running:
        yield running


def behind(draft: Draft, address: str) -> bytes:
    """Send it as a proxy would for a client of this address."""
    return draft.add("X-Forwarded-For", address).wire()


def test_a_peer_that_comes_too_often_has_to_wait_and_no_other_one(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    for _ in range(2):
        assert gateway.ask(behind(platform.signed(), "198.51.100.1")).status == 200
    answered = gateway.ask(behind(platform.signed(), "198.51.100.1"))
    check_refusal(answered, "rate_limited")
    assert 60 < int(answered.value("Retry-After")) <= 3600
    # Who names other hops before its own is the same peer.
    forged = gateway.ask(behind(platform.signed(), "198.51.100.9, 198.51.100.1"))
    check_refusal(forged, "rate_limited")
    assert gateway.ask(behind(platform.signed(), "198.51.100.2")).status == 200
    assert len(merchant.requests) == 3
    assert [seen.values("X-Forwarded-For") for seen in merchant.requests] == [
        ["198.51.100.1"],
        ["198.51.100.1"],
        ["198.51.100.2"],
    ]


def test_a_refused_request_counts_too(gateway: RunningGateway, platform: Platform) -> None:
    for _ in range(2):
        check_refusal(gateway.ask(behind(platform.draft(), "198.51.100.3")), "signature_missing")
    check_refusal(gateway.ask(behind(platform.draft(), "198.51.100.3")), "rate_limited")


def test_the_addresses_of_one_network_are_one_peer(
    gateway: RunningGateway, platform: Platform
) -> None:
    for number in (1, 2):
        address = f"2001:db8:1:2::{number}"
        assert gateway.ask(behind(platform.signed(), address)).status == 200
    check_refusal(gateway.ask(behind(platform.signed(), "2001:db8:1:2:ffff::3")), "rate_limited")
    assert gateway.ask(behind(platform.signed(), "2001:db8:1:3::1")).status == 200


def test_no_more_is_begun_than_may_be_in_flight(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    released = threading.Event()

    def slow(visit: Visit, seen: Seen) -> None:
        assert released.wait(PATIENCE)
        answer()(visit, seen)

    merchant.script[CHECKOUTS] = slow
    first = behind(platform.signed("POST", CHECKOUTS, b"{}"), "198.51.100.4")
    with gateway.connect() as connection:
        connection.send(first)
        merchant.await_requests(1)
        check_refusal(gateway.ask(behind(platform.signed(), "198.51.100.5")), "overloaded")
        released.set()
        assert connection.answer().status == 200
    assert gateway.ask(behind(platform.signed(), "198.51.100.5")).status == 200


@pytest.mark.parametrize(
    ("cut", "address"),
    [
        ("within the head", "198.51.100.11"),
        ("before the body", "198.51.100.12"),
        ("within the body", "198.51.100.13"),
    ],
)
def test_what_arrives_too_slowly_is_ended(
    cut: str, address: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.signed("POST", CHECKOUTS, b'{"line_items": []}')
    octets = behind(draft, address)
    end = {"within the head": 50, "before the body": len(draft.head())}.get(cut, len(octets) - 1)
    with gateway.connect() as connection:
        connection.send(octets[:end])
        check_refusal(connection.answer(), "malformed_request")
        assert connection.has_ended()
    after = platform.signed(target=f"{ORDERS}/after")
    assert gateway.ask(behind(after, address)).status == 200
    assert [seen.target.decode() for seen in merchant.requests] == [after.target]


def test_who_says_nothing_is_closed_without_a_word(gateway: RunningGateway) -> None:
    with gateway.connect() as connection:
        assert connection.has_ended()


def test_a_profile_on_this_machine_is_not_asked_for(
    gateway: RunningGateway, merchant: Merchant
) -> None:
    with RawServer() as inside:
        for number, host in enumerate(("127.0.0.1", "localhost", "[::1]", "0.0.0.0")):  # noqa: S104 - an attack
            for scheme in ("http", "https"):
                stranger = Platform(f"{scheme}://{host}:{inside.port}/.well-known/ucp")
                answered = gateway.ask(behind(stranger.signed(), f"192.0.2.{number}"))
                check_refusal(answered, "invalid_profile_url")
        assert inside.visits == 0
    assert merchant.requests == []
