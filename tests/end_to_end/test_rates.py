"""Rates through real gateways: who is told what, who has to wait, and who never pays for others.

All rates here give back one request an hour, so that what is left is known to the request.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.gateway import PATIENCE, configuration, running_gateway
from tests.end_to_end.moved_gateway import moved_gateway
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Platform
from tests.end_to_end.raw_server import RawServer, Seen, Visit, answer, nobody
from tests.end_to_end.refusals import check_never_forwarded, check_refusal
from tests.store_servers import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.client import Answer
    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.store_servers import StoreServer

HOUR: Final = 3600
READS: Final = 4
WRITES: Final = 3
PER_ORIGIN: Final = 2
TOTAL: Final = 5
RATES: Final = {"reads": f"1/h burst {READS}", "writes": f"1/h burst {WRITES}"}
WATCHED: Final = "watched.example.com"
"""A merchant whose rates are only told."""
CLOSED: Final = "closed.example.com"
"""A merchant whose API is not there."""
_STATE: Final = re.compile(r'"(reads|writes)";r=(\d+);t=(\d+)')

_NAMES: Final = ("told", "hasty", "victim", "failed", "watched", "alone")
PLATFORMS: Final = {name: Platform(f"https://{name}.example/ucp", name) for name in _NAMES}
"""A platform for each test: what one has used up is used up."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    with running_server(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant,
    platform: Platform,
    store: StoreServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningGateway]:
    registered = [platform.registration()]
    for name, each in PLATFORMS.items():
        rates = {"concurrent": 1} if name == "alone" else RATES
        registered.append(each.registration(rates=rates))
    registered_only = {"platforms": {"registered": registered}}
    with nobody() as nowhere:
        settings = configuration(
            module_merchant.settings(**registered_only),
            module_merchant.settings(
                id="watched",
                authorities=[WATCHED],
                enforcement={"rates": "observe"},
                **registered_only,
            ),
            module_merchant.settings(
                id="closed", authorities=[CLOSED], upstream={"url": nowhere}, **registered_only
            ),
            store={"url": store.url},
            tiers={
                "discovered": {
                    "rates": {
                        "total": f"1/h burst {TOTAL}",
                        "per_origin": f"1/h burst {PER_ORIGIN}",
                    }
                }
            },
            discovery={"insecure_allow_loopback_profiles": True},
        )
        with running_gateway(tmp_path_factory.mktemp("gateway"), settings) as running:
            yield running


def read(by: Platform, authority: str | None = None) -> bytes:
    draft = by.draft()
    if authority is not None:
        draft.put("Host", authority)
    return by.sign(draft).wire()


def write(by: Platform, authority: str | None = None) -> bytes:
    draft = by.draft("POST", CHECKOUTS, b"{}")
    if authority is not None:
        draft.put("Host", authority)
    return by.sign(draft).wire()


def left(answered: Answer) -> tuple[str, int]:
    """Return (rate, what is left of it) as a caller is told."""
    found = _STATE.fullmatch(answered.value("RateLimit"))
    assert found is not None
    name, remaining, reset = found[1], int(found[2]), int(found[3])
    burst = READS if name == "reads" else WRITES
    assert answered.value("RateLimit-Policy") == f'"{name}";q={burst};w={burst * HOUR}'
    # All is there again when what was taken has come back.
    assert (burst - remaining - 1) * HOUR < reset <= (burst - remaining) * HOUR
    return name, remaining


def limited(gateway: RunningGateway, octets: bytes, reason: str) -> Answer:
    """Send what is over a rate."""
    before = gateway.counted("ucp_connector_admissions", "result")["limited"]
    answered = gateway.ask(octets)
    check_refusal(answered, "rate_limited")
    gateway.expect_decision(
        answered, decision="reject", code="rate_limited", reason=reason, status=429
    )
    assert gateway.counted("ucp_connector_admissions", "result")["limited"] == before + 1
    return answered


def test_a_caller_is_told_what_is_left_of_each_rate(gateway: RunningGateway) -> None:
    told = PLATFORMS["told"]
    for remaining in range(READS - 1, 0, -1):
        assert left(gateway.ask(read(told))) == ("reads", remaining)
    for remaining in range(WRITES - 1, -1, -1):
        octets = write(told)
        assert left(gateway.ask(octets)) == ("writes", remaining)
    # A repetition is a read, and may come where no write may.
    replay = gateway.ask(octets)
    assert replay.values("Idempotent-Replayed") == ["true"]
    assert left(replay) == ("reads", 0)


def test_what_exceeds_its_rate_is_refused_and_not_sent_and_leaves_nothing(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, store: StoreServer
) -> None:
    hasty = PLATFORMS["hasty"]
    for _ in range(READS):
        assert gateway.ask(read(hasty)).status == 200
    for _ in range(WRITES):
        assert gateway.ask(write(hasty)).status == 200
    kept = sorted(store.ask("KEYS", "*"))
    for octets, rate in ((read(hasty), "reads"), (write(hasty), "writes")):
        for _ in range(3):
            refused = limited(gateway, octets, rate)
            assert left(refused) == (rate, 0)
            # With jitter, and never too early.
            assert HOUR - 60 < int(refused.value("Retry-After")) <= HOUR * 5 / 4 + 1
    # No idempotency key is used up, and nothing else is.
    assert sorted(store.ask("KEYS", "*")) == kept
    check_never_forwarded(gateway, merchant, platform, before=READS + WRITES)


def test_a_flood_that_names_a_victim_leaves_the_victims_quota_alone(
    gateway: RunningGateway, merchant: Merchant
) -> None:
    victim, forger = PLATFORMS["victim"], Platform(PLATFORMS["victim"].profile_url, "victim")
    assert left(gateway.ask(read(victim))) == ("reads", READS - 1)
    assert left(gateway.ask(write(victim))) == ("writes", WRITES - 1)
    captured = victim.signed()
    captured.target = f"{ORDERS}/2"
    flood = {
        "signature_missing": [victim.draft().wire(), victim.draft("POST", CHECKOUTS, b"{}").wire()],
        # By its keyid, with another key; and with a signature of its own under another target.
        "signature_invalid": [read(forger), write(forger), captured.wire()],
    }
    with gateway.connect() as connection:
        for code, drafts in flood.items():
            for octets in drafts * 20:
                refused = connection.exchange(octets)
                check_refusal(refused, code)
                assert not refused.values("RateLimit")
                assert not refused.values("RateLimit-Policy")
    assert len(merchant.requests) == 2
    assert left(gateway.ask(read(victim))) == ("reads", READS - 2)
    assert left(gateway.ask(write(victim))) == ("writes", WRITES - 2)


def test_a_failure_of_the_merchants_tells_of_the_rates_too(gateway: RunningGateway) -> None:
    failed = PLATFORMS["failed"]
    answered = gateway.ask(read(failed, CLOSED))
    check_refusal(answered, "upstream_unreachable")
    assert left(answered) == ("reads", READS - 1)
    # And each merchant counts for itself.
    assert left(gateway.ask(read(failed))) == ("reads", READS - 1)


def test_a_rate_that_is_observed_refuses_nobody_and_is_told_to_the_operator(
    gateway: RunningGateway, merchant: Merchant
) -> None:
    watched = PLATFORMS["watched"]
    before = gateway.counted("ucp_connector_admissions", "result")
    for number in range(READS + 3):
        answered = gateway.ask(read(watched, WATCHED))
        assert answered.status == 200
        assert left(answered) == ("reads", max(READS - 1 - number, 0))
        over = None if number < READS else "reads"
        gateway.expect_decision(answered, decision="accept", merchant="watched", over_rate=over)
    counted = gateway.counted("ucp_connector_admissions", "result") - before
    assert counted == {"admitted": READS + 3, "over_rate": 3}
    assert len(merchant.requests) == READS + 3


def test_a_caller_has_no_more_under_way_than_it_may(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    alone, released = PLATFORMS["alone"], threading.Event()

    def slow(visit: Visit, seen: Seen) -> None:
        assert released.wait(PATIENCE)
        answer()(visit, seen)

    merchant.script[CHECKOUTS] = slow
    with gateway.connect() as first, gateway.connect() as watched:
        first.send(write(alone))
        merchant.await_requests(1)
        for octets in (read(alone), write(alone)):
            refused = limited(gateway, octets, "concurrent")
            assert int(refused.value("Retry-After")) >= 1
        # Nobody else waits for it, and at another merchant it has begun nothing.
        check_never_forwarded(gateway, merchant, platform, before=1)
        watched.send(write(alone, WATCHED))
        merchant.await_requests(3)
        over = gateway.ask(read(alone, WATCHED))
        assert over.status == 200
        gateway.expect_decision(over, decision="accept", over_rate="concurrent")
        released.set()
        assert first.answer().status == watched.answer().status == 200
    # Whatever became of a request, its place is free again.
    for octets, status in ((read(alone), 200), (alone.draft().wire(), 401), (write(alone), 200)):
        assert gateway.ask(octets).status == status
    check_refusal(gateway.ask(read(alone, CLOSED)), "upstream_unreachable")
    check_refusal(gateway.ask(read(alone, CLOSED)), "upstream_unreachable")


def test_discovered_platforms_share_what_they_have_and_registered_ones_notice_nothing(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    with ExitStack() as stack:
        hosts = [stack.enter_context(RawServer()) for _ in range(3)]
        strangers = [Platform(f"{host.origin}/{name}") for host in hosts for name in "abc"]
        for number, stranger in enumerate(strangers):
            hosts[number // 3].script[f"/{'abc'[number % 3]}"] = answer(stranger.profile())
        with gateway.connect() as connection:
            for stranger in strangers:
                for _ in range(3):
                    unsigned = stranger.draft().wire()
                    check_refusal(connection.exchange(unsigned), "signature_missing")

        sent = 0
        for at, most in enumerate((PER_ORIGIN, PER_ORIGIN, TOTAL - 2 * PER_ORIGIN)):
            profiles = strangers[3 * at : 3 * at + 3]
            for stranger in profiles[:most]:
                assert gateway.ask(read(stranger)).status == 200
                sent += 1
            # A write is over it, too, and whichever profile of the origin it comes from.
            reason = "per_origin" if most == PER_ORIGIN else "total"
            for octets in (read(profiles[-1]), write(profiles[0])):
                refused = limited(gateway, octets, reason)
                assert not refused.values("RateLimit")
                assert int(refused.value("Retry-After")) > HOUR - 60
        check_never_forwarded(gateway, merchant, platform, before=sent)

        # The other merchant has totals of its own, which are only told.
        for stranger in strangers[:3]:
            watched = gateway.ask(read(stranger, WATCHED))
            assert watched.status == 200
            over = "per_origin" if stranger is strangers[2] else None
            gateway.expect_decision(watched, decision="accept", over_rate=over)


@pytest.mark.parametrize("kind", ["reads", "writes"])
def test_gateways_whose_clocks_are_far_apart_give_one_burst_together(
    kind: str, merchant: Merchant, store: StoreServer, tmp_path: Path
) -> None:
    by = Platform(f"https://{kind}.example/clocks", kind)
    shop = merchant.settings(platforms={"registered": [by.registration(rates=RATES)]})
    settings = configuration(shop, store={"url": store.url})
    burst = READS if kind == "reads" else WRITES
    with ExitStack() as stack:
        gateways = {
            seconds: stack.enter_context(moved_gateway(tmp_path / str(seconds), settings, seconds))
            for seconds in (-600, 600)
        }
        statuses, remaining = [], []
        for _ in range(burst + 1):
            for seconds, gateway in gateways.items():
                method, target = ("GET", f"{ORDERS}/1") if kind == "reads" else ("POST", CHECKOUTS)
                draft = by.draft(method, target, b"" if kind == "reads" else b"{}")
                created = int(time.time()) + seconds
                answered = gateway.ask(by.sign(draft, created=created).wire())
                statuses.append(answered.status)
                remaining.append(left(answered))
    after = burst + 2
    assert statuses == [200] * burst + [429] * after
    assert remaining == [(kind, each) for each in (*range(burst - 1, -1, -1), *([0] * after))]
    assert len(merchant.requests) == burst
