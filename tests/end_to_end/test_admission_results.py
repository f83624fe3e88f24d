"""Each result of admission: its code, its headers, its metric, and what the merchant saw of it."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.gateway import PATIENCE, configuration, running_gateway
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Platform
from tests.end_to_end.raw_server import Seen, Visit, answer
from tests.end_to_end.refusals import check_never_forwarded, check_refusal
from tests.store_servers import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.client import Answer
    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.store_servers import StoreServer

BODY: Final = b'{"line_items": []}'
OTHER_BODY: Final = b'{"line_items": [1]}'
CARTS: Final = "/ucp/v1/carts"
NEIGHBOUR: Final = Platform("https://neighbour.example/ucp", "neighbour")
ONCE: Final = Platform("https://once.example/ucp", "once")
"""A platform whose nonces must be new."""
_MOST_KEPT: Final = 2000
"""Octets of the largest answer that is kept."""


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
    registered = [
        platform.registration(),
        NEIGHBOUR.registration(),
        ONCE.registration(freshness={"nonce": True}),
    ]
    shop = module_merchant.settings(platforms={"registered": registered})
    kept = {"url": store.url, "max_replayable_body": _MOST_KEPT}
    settings = configuration(shop, store={**kept, "timeout": "3s"})
    with running_gateway(tmp_path_factory.mktemp("gateway"), settings) as running:
        yield running


@pytest.fixture(autouse=True)
def _orders(merchant: Merchant) -> None:
    """Have every write answered with an order of its own."""
    numbers = count(1)

    def make(visit: Visit, seen: Seen) -> None:
        number = next(numbers)
        status = "201 Created" if seen.body else "200 OK"
        body = b'{"order":%d, "text" : "\\u00e9"}' % number
        answer(body, status, ("Location", f"/orders/{number}"))(visit, seen)

    merchant.default = make


def write(
    by: Platform,
    key: str,
    body: bytes = BODY,
    *,
    method: str = "POST",
    target: str = CHECKOUTS,
    nonce: str | None = None,
) -> bytes:
    """Sign a write under this key."""
    draft = by.draft(method, target, body).put("Idempotency-Key", key)
    return by.sign(draft, nonce=nonce).wire()


def new_key() -> str:
    return str(uuid.uuid4())


@contextmanager
def counting(gateway: RunningGateway, results: list[str], codes: list[str]) -> Iterator[None]:
    """Hold the requests of the block to these results of admission and these codes of refusals."""

    def counted() -> tuple[Counter[str], Counter[str]]:
        admissions = gateway.counted("ucp_connector_admissions", "result")
        return admissions, gateway.counted("ucp_connector_requests", "code")

    before = counted()
    yield
    admissions, requests = (now - then for now, then in zip(counted(), before, strict=True))
    assert admissions == Counter(results)
    assert {code: number for code, number in requests.items() if code} == Counter(codes)


def refused(gateway: RunningGateway, octets: bytes, code: str, reason: str, rate: str) -> Answer:
    """Send what a verified caller is refused, and told its ``rate`` along with."""
    answered = gateway.ask(octets)
    check_refusal(answered, code, verified=True)
    gateway.expect_decision(
        answered, decision="reject", code=code, reason=reason, status=answered.status
    )
    names = [value.split(";")[0] for value in answered.values("RateLimit")]
    assert names == ([f'"{rate}"'] if rate else [])
    return answered


def executed(gateway: RunningGateway, octets: bytes) -> Answer:
    answered = gateway.ask(octets)
    assert answered.status == 201
    assert not answered.values("Idempotent-Replayed")
    assert answered.value("RateLimit").startswith('"writes";')
    gateway.expect_decision(answered, decision="accept", status=201)
    return answered


def replayed(gateway: RunningGateway, octets: bytes, first: Answer) -> Answer:
    """Send a repetition, and find in its answer what was answered first, octet by octet."""
    answered = gateway.ask(octets)
    assert (answered.status, answered.body) == (first.status, first.body)
    assert answered.value("Idempotent-Replayed") == "true"
    assert answered.value("Location") == first.value("Location")
    assert answered.value("Content-Type") == first.value("Content-Type")
    assert answered.value("Audit-ID") != first.value("Audit-ID")
    # What is not sent counts as a read.
    assert answered.value("RateLimit").startswith('"reads";')
    assert answered.value("RateLimit-Policy").startswith('"reads";')
    gateway.expect_decision(answered, decision="replay", status=first.status)
    return answered


def test_a_repetition_is_answered_with_what_was_answered_first(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    key = new_key()
    with counting(gateway, ["claimed", "replay", "replay"], []):
        first = executed(gateway, write(platform, key))
        for _ in range(2):
            replayed(gateway, write(platform, key), first)
    check_never_forwarded(gateway, merchant, platform, before=1)


@pytest.mark.parametrize(
    ("method", "target", "changed"),
    [
        ("POST", CHECKOUTS, {"body": OTHER_BODY}),
        ("POST", CHECKOUTS, {"body": BODY + b" "}),
        ("POST", CHECKOUTS, {"target": f"{CHECKOUTS}?again"}),
        ("PUT", f"{CHECKOUTS}/chk_1", {"target": f"{CHECKOUTS}/chk_2"}),
    ],
    ids=["body", "spelling", "query", "target"],
)
def test_a_key_of_another_payload_is_a_conflict(
    method: str,
    target: str,
    changed: dict[str, object],
    gateway: RunningGateway,
    merchant: Merchant,
    platform: Platform,
) -> None:
    key = new_key()
    same: dict[str, object] = {"body": BODY, "method": method, "target": target}
    with counting(gateway, ["claimed", "conflict", "replay"], ["idempotency_conflict"]):
        first = executed(gateway, write(platform, key, **same))  # type: ignore[arg-type]  # plain
        other = write(platform, key, **(same | changed))  # type: ignore[arg-type]  # plain
        refused(gateway, other, "idempotency_conflict", "idempotency_conflict", "reads")
        # It has changed nothing for the request that the key is of.
        replayed(gateway, write(platform, key, **same), first)  # type: ignore[arg-type]  # plain
    check_never_forwarded(gateway, merchant, platform, before=1)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ([], "idempotency_key_missing"),
        ([""], "idempotency_key_invalid"),
        (["k" * 21], "idempotency_key_invalid"),
        (["k" * 256], "idempotency_key_invalid"),
        (["k" * 22 + ",k"], "idempotency_key_invalid"),
        (['"' + "k" * 22 + '"'], "idempotency_key_invalid"),
    ],
    ids=["missing", "empty", "short", "long", "comma", "quotes"],
)
def test_a_write_without_a_proper_key_is_refused_before_admission(
    keys: list[str], code: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.draft("POST", CHECKOUTS, BODY).drop("Idempotency-Key")
    for key in keys:
        draft.add("Idempotency-Key", key)
    with counting(gateway, [], [code]):
        refused(gateway, platform.sign(draft).wire(), code, code, "")
    check_never_forwarded(gateway, merchant, platform)


@pytest.mark.parametrize("length", [22, 255])
def test_the_shortest_and_the_longest_key_are_taken(
    length: int, gateway: RunningGateway, platform: Platform
) -> None:
    key = new_key().ljust(length, "~")[-length:]
    with counting(gateway, ["claimed", "replay"], []):
        first = executed(gateway, write(platform, key))
        replayed(gateway, write(platform, key), first)


def test_another_callers_key_is_another_key_and_tells_nothing(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    key = new_key()
    with counting(gateway, ["claimed", "claimed", "claimed", "replay", "replay"], []):
        first = executed(gateway, write(platform, key))
        theirs = executed(gateway, write(NEIGHBOUR, key))
        assert theirs.body != first.body
        # Not even whether it was used, and what for.
        executed(gateway, write(NEIGHBOUR, key, OTHER_BODY, target=CARTS))
        replayed(gateway, write(platform, key), first)
        replayed(gateway, write(NEIGHBOUR, key), theirs)
    identities = [seen.values("UCP-Verified-Identity") for seen in merchant.requests]
    assert identities == [[by.profile_url] for by in (platform, NEIGHBOUR, NEIGHBOUR)]


def test_the_same_key_of_another_operation_is_another_key(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    key = new_key()
    with counting(gateway, ["claimed", "claimed", "replay", "replay"], []):
        checkout = executed(gateway, write(platform, key))
        cart = executed(gateway, write(platform, key, target=CARTS))
        assert cart.body != checkout.body
        replayed(gateway, write(platform, key), checkout)
        replayed(gateway, write(platform, key, target=CARTS), cart)
    check_never_forwarded(gateway, merchant, platform, before=2)


def test_a_repetition_of_what_is_still_being_done_is_told_to_come_back(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    key, done = new_key(), threading.Event()

    def slow(visit: Visit, seen: Seen) -> None:
        assert done.wait(PATIENCE)
        merchant.default(visit, seen)

    merchant.script[CHECKOUTS] = slow
    results = ["claimed", "in_progress", "conflict", "replay"]
    codes = ["idempotency_in_progress", "idempotency_conflict"]
    with counting(gateway, results, codes), gateway.connect() as connection:
        connection.send(write(platform, key))
        merchant.await_requests(1)
        early = refused(gateway, write(platform, key), codes[0], codes[0], "reads")
        assert int(early.value("Retry-After")) >= 1
        refused(gateway, write(platform, key, OTHER_BODY), codes[1], codes[1], "reads")
        done.set()
        first = connection.answer()
        assert first.status == 201
        replayed(gateway, write(platform, key), first)
    check_never_forwarded(gateway, merchant, platform, before=1)


@pytest.mark.parametrize("ending", ["no answer", "502", "503", "504"])
def test_what_was_sent_and_not_answered_stays_unknown(
    ending: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    key = new_key()
    statuses = {"502": "502 Bad Gateway", "503": "503 Unavailable", "504": "504 Time-out"}
    if ending == "no answer":
        merchant.script[CHECKOUTS] = lambda visit, _: visit.end()
    else:
        merchant.script[CHECKOUTS] = answer(b"{}", statuses[ending])
    first = gateway.ask(write(platform, key))
    if ending == "no answer":
        check_refusal(first, "outcome_unknown")
    else:
        assert first.status == int(ending)
    merchant.script.clear()
    with counting(gateway, ["unknown"], ["outcome_unknown"]):
        again = refused(
            gateway, write(platform, key), "outcome_unknown", "outcome_unknown", "reads"
        )
    assert int(again.value("Retry-After")) >= 5
    check_never_forwarded(gateway, merchant, platform, before=1)


def test_what_is_done_and_not_kept_is_gone(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    key = new_key()
    merchant.script[CHECKOUTS] = answer(b'{"large": "%b"}' % (b"x" * _MOST_KEPT))
    assert gateway.ask(write(platform, key)).status == 200
    merchant.script.clear()
    codes = ["answer_not_replayable", "idempotency_conflict"]
    with counting(gateway, ["gone", "conflict"], codes):
        refused(gateway, write(platform, key), codes[0], codes[0], "reads")
        refused(gateway, write(platform, key, OTHER_BODY), codes[1], codes[1], "reads")
    check_never_forwarded(gateway, merchant, platform, before=1)


def test_what_the_merchant_promises_not_to_have_done_may_be_asked_again(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    key = new_key()
    merchant.script[CHECKOUTS] = answer(b"{}", "429 Too Many Requests")
    with counting(gateway, ["claimed", "claimed"], []):
        assert gateway.ask(write(platform, key)).status == 429
        merchant.script.clear()
        # Another payload, too: nothing is left of the first.
        executed(gateway, write(platform, key, OTHER_BODY))
    assert len(merchant.requests) == 2


def test_a_nonce_that_was_used_is_refused_and_leaves_no_claim(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    nonce, key, other = new_key(), new_key(), new_key()
    results = ["claimed", "nonce_seen", "nonce_seen", "replay"]
    with counting(gateway, results, ["signature_invalid"] * 2):
        first = executed(gateway, write(ONCE, key, nonce=nonce))
        seen = ("signature_invalid", "nonce_replayed", "")
        refused(gateway, write(ONCE, other, nonce=nonce), *seen)
        read = ONCE.sign(ONCE.draft("GET", f"{ORDERS}/1"), nonce=nonce)
        refused(gateway, read.wire(), *seen)
        # The claim is looked up first: a repetition may carry the nonce that it had.
        replayed(gateway, write(ONCE, key, nonce=nonce), first)
    check_never_forwarded(gateway, merchant, platform, before=1)
    executed(gateway, write(ONCE, other, nonce=new_key()))


def test_without_the_store_writes_are_refused_and_reads_go_on(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, store: StoreServer
) -> None:
    key = new_key()
    store.pause()
    try:
        with counting(gateway, ["store_unavailable", "without_store"], ["store_unavailable"]):
            refused(gateway, write(platform, key), "store_unavailable", "store_unavailable", "")
            read = gateway.ask(platform.signed(target=f"{ORDERS}/meanwhile").wire())
            assert read.status == 200
            # Nobody knows what is left of the caller's rate.
            assert not read.values("RateLimit")
    finally:
        store.resume()
    while (answered := gateway.ask(write(platform, key))).status == 503:
        assert answered.document()["code"] in ("store_unavailable", "idempotency_in_progress")
    # The refused one has left nothing that keeps its key from being used, and was not sent itself.
    assert (answered.status, answered.values("Idempotent-Replayed")) == (201, [])
    targets = [seen.target.decode() for seen in merchant.requests]
    assert targets == [f"{ORDERS}/meanwhile", CHECKOUTS]
