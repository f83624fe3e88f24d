"""Whoever captured a request can take signatures away: what is left executes nothing again."""

from __future__ import annotations

import copy
import uuid
from typing import TYPE_CHECKING, Final

import pytest

from canonical import load_key, sign_detached
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.platform import CHECKOUTS, Platform
from tests.store_servers import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Draft
    from tests.store_servers import StoreServer

BODY: Final = b'{"line_items": [{"quantity": 1}]}'
OTHER: Final = b'{"line_items": [{"quantity": 2}]}'
MIGRATING: Final = Platform("https://migrating.example/ucp", "migrating")
TWICE: Final = Platform("https://twice.example/ucp", "twice")
_TWO_DAYS: Final = 2 * 86_400_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    with running_server(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, store: StoreServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    registered = [
        MIGRATING.registration(schemes=["rfc9421", "detached-jws"]),
        TWICE.registration(),
    ]
    shop = module_merchant.settings(platforms={"registered": registered})
    settings = configuration(shop, store={"url": store.url})
    with running_gateway(tmp_path_factory.mktemp("gateway"), settings) as running:
        yield running


def _without_signatures(draft: Draft) -> Draft:
    return copy.deepcopy(draft).drop("Signature", "Signature-Input")


def _twice_signed(draft: Draft, *, second: str) -> tuple[Draft, Draft]:
    """Sign with and without times; return the request and what is left with ``second`` alone."""
    members = {
        "timed": TWICE.signature(draft, label="timed"),
        "untimed": TWICE.signature(draft, label="untimed", created=None),
    }
    left = copy.deepcopy(draft)
    given, value = members[second]
    left.add("Signature-Input", given).add("Signature", value)
    inputs, values = zip(*members.values(), strict=True)
    draft.add("Signature-Input", ", ".join(inputs)).add("Signature", ", ".join(values))
    return draft, left


def _code(gateway: RunningGateway, draft: Draft) -> str:
    return str(gateway.ask(draft.wire()).document().get("code", ""))


def test_a_jws_that_rode_along_is_good_for_no_other_key_or_target(
    gateway: RunningGateway, merchant: Merchant
) -> None:
    draft = MIGRATING.draft("POST", CHECKOUTS, BODY)
    draft.add("Request-Signature", sign_detached(BODY, load_key(MIGRATING.jwk)))
    MIGRATING.sign(draft)
    assert gateway.ask(draft.wire()).status == 200
    left = _without_signatures(draft)
    assert gateway.ask(left.wire()).values("Idempotent-Replayed") == ["true"]
    left.put("Idempotency-Key", str(uuid.uuid4()))
    assert _code(gateway, left) == "signature_invalid"
    left.target = f"{CHECKOUTS}/chk_1"
    left.method = "PUT"
    assert _code(gateway, left) == "signature_invalid"

    assert len(merchant.requests) == 1


def test_whoever_sends_a_part_of_a_request_before_it_executes_nothing_twice(
    gateway: RunningGateway, merchant: Merchant
) -> None:
    for number, first in enumerate(("whole", "jws")):
        merchant.forget()
        body = BODY.replace(b"1", b"%d" % (number + 5))
        draft = MIGRATING.draft("POST", CHECKOUTS, body)
        jws = sign_detached(body, load_key(MIGRATING.jwk))
        both = MIGRATING.sign(copy.deepcopy(draft).add("Request-Signature", jws))
        whole = copy.deepcopy(both).drop("Request-Signature")
        alone = _without_signatures(both).put("Idempotency-Key", str(uuid.uuid4()))
        if first == "whole":
            assert gateway.ask(whole.wire()).status == 200
            assert gateway.ask(both.wire()).values("Idempotent-Replayed") == ["true"]
            assert _code(gateway, alone) == "signature_invalid"
        else:
            assert gateway.ask(alone.wire()).status == 200
            assert _code(gateway, both) == "signature_invalid"
        assert len(merchant.requests) == 1


def test_equal_writes_with_both_signatures_are_as_many_writes(
    gateway: RunningGateway, merchant: Merchant
) -> None:
    jws = sign_detached(OTHER, load_key(MIGRATING.jwk))
    for _ in range(3):
        draft = MIGRATING.draft("POST", CHECKOUTS, OTHER).add("Request-Signature", jws)
        assert gateway.ask(MIGRATING.sign(draft).wire()).status == 200

    assert len(merchant.requests) == 3


def test_a_jws_that_nobody_verified_takes_nothing_from_its_platform(
    gateway: RunningGateway, merchant: Merchant
) -> None:
    body = BODY.replace(b"1", b"8")
    jws = sign_detached(body, load_key(MIGRATING.jwk))
    start, _, _ = jws.partition("..")
    draft = MIGRATING.draft("POST", CHECKOUTS, BODY.replace(b"1", b"9"))
    MIGRATING.sign(draft).add("Request-Signature", f"{start}..{'A' * 86}")
    assert gateway.ask(draft.wire()).status == 200
    genuine = MIGRATING.draft("POST", CHECKOUTS, body).add("Request-Signature", jws)
    assert gateway.ask(genuine.wire()).status == 200

    assert len(merchant.requests) == 2


@pytest.mark.parametrize("second", ["timed", "untimed"])
def test_a_write_is_remembered_for_as_long_as_any_of_its_signatures_could_vouch(
    second: str, gateway: RunningGateway, merchant: Merchant, store: StoreServer
) -> None:
    draft, left = _twice_signed(TWICE.draft("POST", CHECKOUTS, BODY), second=second)
    assert gateway.ask(draft.wire()).status == 200
    # As if two days had passed: all is gone that is not kept for longer.
    for key in store.ask("KEYS", "ucp1:*"):
        if 0 <= store.ask("PTTL", key) <= _TWO_DAYS:
            store.ask("DEL", key)
    assert _code(gateway, left) == "answer_not_replayable"

    assert len(merchant.requests) == 1
