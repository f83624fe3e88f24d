"""Three gateways at one store ask a platform for its profile as often as one gateway would."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import pytest

from connector.platforms.fleet_document import FleetSeal
from connector.settings.fields import secret_octets
from connector.settings.gateway import Discovery
from tests.end_to_end.fleet import FLEET_KEY, running_fleet
from tests.end_to_end.load import ask_all
from tests.end_to_end.platform import ORDERS, Platform
from tests.end_to_end.raw_server import RawServer, answer
from tests.end_to_end.refusals import check_refusal
from tests.store_servers import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.fleet import Fleet
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Draft
    from tests.store_servers import StoreServer

PATH: Final = "/.well-known/ucp"
SEAL: Final = FleetSeal(
    secret_octets(FLEET_KEY),
    nested_keys=False,
    allow_loopback=True,
    max_document=Discovery().max_document,
)


@pytest.fixture(scope="module")
def store() -> Iterator[StoreServer]:
    with TemporaryDirectory(prefix="f-") as name, running_server(Path(name)) as running:
        yield running


@pytest.fixture(scope="module")
def fleet(
    module_merchant: Merchant, store: StoreServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with running_fleet(
        folder, store, module_merchant.settings(), store={"timeout": "3s"}
    ) as running:
        yield running


@pytest.fixture
def host() -> Iterator[RawServer]:
    with RawServer() as running:
        yield running


def published(host: RawServer, *others: Platform, max_age: int = 90) -> Platform:
    """Return a platform whose profile is at ``host``, beside the keys of others."""
    platform = Platform(f"{host.origin}{PATH}", "first")
    publish(host, platform, *others, max_age=max_age)
    return platform


def publish(host: RawServer, *platforms: Platform, max_age: int = 90) -> None:
    keys = [each.public_jwk for each in platforms]
    lifetime = ("Cache-Control", f"max-age={max_age}")
    host.default = answer(platforms[0].profile(keys=keys), "200 OK", lifetime)


def codes(fleet: Fleet, *drafts: Draft) -> Counter[str]:
    """Send each request to one gateway after the other, all at once; count codes, "" for good."""
    addresses = [gateway.address for gateway in fleet.gateways]
    octets = [draft.wire() for draft in drafts]
    exchanges = asyncio.run(ask_all(addresses, octets, lambda _: None))
    return Counter(each.code for each in exchanges)


def test_a_profile_is_fetched_once_in_its_life_and_once_for_a_new_key(
    fleet: Fleet, merchant: Merchant, host: RawServer
) -> None:
    platform = published(host)
    # As many as may wait for a stranger's profile at once, from one address, at each gateway.
    assert codes(fleet, *(platform.signed() for _ in range(24))) == {"": 24}
    assert len(host.requests) == 1
    fleet.pass_time(91)
    assert codes(fleet, *(platform.signed() for _ in range(60))) == {"": 60}
    assert len(host.requests) == 2
    fleet.pass_time(61)
    rotated = Platform(platform.profile_url, "second")
    publish(host, platform, rotated)
    drafts = [each.signed() for _ in range(30) for each in (platform, rotated)]
    assert codes(fleet, *drafts) == {"": 60}
    assert len(host.requests) == 3
    assert len(merchant.requests) == 144


def test_a_kid_that_nobody_publishes_costs_one_refresh_in_each_floor(
    fleet: Fleet, merchant: Merchant, host: RawServer
) -> None:
    platform = published(host, max_age=600)
    assert codes(fleet, *(platform.signed() for _ in range(9))) == {"": 9}
    for floor in range(1, 3):
        fleet.pass_time(61)
        strangers = [Platform(platform.profile_url, f"{floor}-{number}") for number in range(30)]
        refused = codes(fleet, *(each.signed() for each in strangers))
        assert refused.keys() <= {"key_not_found", "discovery_pending"}
        assert sum(refused.values()) == 30
        assert len(host.requests) == 1 + floor
    assert codes(fleet, *(platform.signed() for _ in range(9))) == {"": 9}
    # None of the others' ever came through.
    assert len(merchant.requests) == 18
    assert len(host.requests) == 3


def test_a_replica_takes_what_verified_at_another_and_nothing_that_was_planted(
    fleet: Fleet, merchant: Merchant, host: RawServer
) -> None:
    first, second, third = fleet.gateways
    platform, attacker = published(host), Platform(f"{host.origin}/attacker", "first")
    field = SEAL.names(platform.profile_url).field
    assert first.ask(platform.signed().wire()).status == 200
    while not fleet.store.ask("HEXISTS", SEAL.profiles, field):
        pass
    own = fleet.store.ask("HGET", SEAL.profiles, field)
    assert second.ask(platform.signed().wire()).status == 200
    assert len(host.requests) == 1
    # The attacker verifies with a profile of his own, and writes the store, but has no fleet key.
    host.script["/attacker"] = answer(attacker.profile())
    assert first.ask(attacker.signed().wire()).status == 200
    named = SEAL.names(attacker.profile_url).field
    while not fleet.store.ask("HEXISTS", SEAL.profiles, named):
        pass
    before = fleet.results(third).get("refused", 0)
    for planted in (fleet.store.ask("HGET", SEAL.profiles, named), own[:-1] + b"x"):
        fleet.store.ask("HSET", SEAL.profiles, field, planted)
        forged = attacker.draft(target=f"{ORDERS}/forged")
        forged.put("UCP-Agent", f'profile="{platform.profile_url}"')
        check_refusal(third.ask(attacker.sign(forged).wire()), "signature_invalid")
        fleet.pass_time(91)
    assert fleet.results(third)["refused"] >= before + 2
    assert third.ask(platform.signed().wire()).status == 200
    assert f"{ORDERS}/forged" not in [seen.target.decode() for seen in merchant.requests]
    third.warned("a profile in the store was refused")


def test_nothing_that_did_not_verify_is_shared(
    fleet: Fleet, merchant: Merchant, host: RawServer
) -> None:
    platform, other = published(host), Platform(kid="first")
    forged = other.draft()
    forged.put("UCP-Agent", f'profile="{platform.profile_url}"')
    check_refusal(fleet.gateways[0].ask(other.sign(forged).wire()), "signature_invalid")
    assert len(host.requests) == 1
    field = SEAL.names(platform.profile_url).field
    assert not fleet.store.ask("HEXISTS", SEAL.profiles, field)
    assert not merchant.requests
    # Everything that is in the store has an end, and tells nobody whose it is.
    keys = fleet.store.ask("KEYS", "*")
    assert all(key.startswith(b"ucp1:{") and fleet.store.ask("PTTL", key) > 0 for key in keys)
    assert not [key for key in keys if b"127.0.0.1" in key]


def test_without_its_store_each_gateway_reads_on_and_fetches_for_itself(
    fleet: Fleet, merchant: Merchant, host: RawServer
) -> None:
    platform = published(host)
    assert fleet.gateways[0].ask(platform.signed().wire()).status == 200
    fleet.store.pause()
    try:
        for gateway in fleet.gateways:
            assert gateway.ask(platform.signed().wire()).status == 200
        # The two others had nothing yet, and could not know what the first one has.
        assert len(host.requests) == 3
    finally:
        fleet.store.resume()
    assert len(merchant.requests) == 4
    for gateway in fleet.gateways:
        gateway.await_ready()
    assert codes(fleet, *(platform.signed() for _ in range(9))) == {"": 9}
    assert len(host.requests) == 3
