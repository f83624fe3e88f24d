"""A merchant that is down, silent, slow or unclear: what the platform is told of it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.gateway import PATIENCE, configuration, running_gateway
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Draft
from tests.end_to_end.raw_server import Behaviour, Seen, Visit, answer, nobody
from tests.end_to_end.refusals import check_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform

BODY: Final = b'{"line_items": []}'
SEARCH: Final = "/ucp/v1/catalog/search"
DOWN: Final = "down.example.com"
HASTY: Final = "hasty.example.com"
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    platforms = {"registered": [platform.registration()]}
    shop = module_merchant.settings(platforms=platforms)
    # The same API, without patience.
    hasty = module_merchant.settings(
        id="hasty",
        authorities=[HASTY],
        platforms=platforms,
        upstream={"response_timeout": "300ms"},
    )
    with nobody() as origin:
        down = {
            "id": "down",
            "authorities": [DOWN],
            "upstream": {"url": origin},
            "platforms": platforms,
        }
        folder = tmp_path_factory.mktemp("gateway")
        with running_gateway(folder, configuration(shop, hasty, down)) as running:
            yield running


def _closes(visit: Visit, _: Seen) -> None:
    visit.close()


def _silent(visit: Visit, _: Seen) -> None:
    visit.wait_for_end()


def _says(octets: bytes, *, then_close: bool = True) -> Behaviour:
    def behave(visit: Visit, _: Seen) -> None:
        visit.say(octets)
        if then_close:
            visit.close()
        else:
            visit.wait_for_end()

    return behave


NO_WHOLE_ANSWER: Final = {
    "closes without a word": _closes,
    "says nothing": _silent,
    "ends within the head": _says(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "ends within the body": _says(HEAD + b'Content-Length: 100\r\n\r\n{"ok":'),
    "stops within the body": _says(HEAD + b'Content-Length: 100\r\n\r\n{"ok":', then_close=False),
    "ends within the chunks": _says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
    "frames twice": _says(HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"),
    "says two lengths": _says(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "speaks another protocol": _says(b"220 mail.example ESMTP\r\n"),
    "switches protocols": _says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    "processes for ever": _says(b"HTTP/1.1 102 Processing\r\n\r\n", then_close=False),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_WHOLE_ANSWER)
@pytest.mark.parametrize("kind", ["write", "read", "POSTed read"])
def test_without_a_whole_answer_a_write_is_unknown_and_a_read_timed_out(
    kind: str, name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = {
        "write": platform.draft("POST", CHECKOUTS, BODY),
        "read": platform.draft(target=f"{ORDERS}/1"),
        "POSTed read": platform.draft("POST", SEARCH, BODY),
    }[kind]
    platform.sign(draft.put("Host", HASTY))
    merchant.script[draft.target] = NO_WHOLE_ANSWER[name]
    merchant.hang_up()
    answered = gateway.ask(draft.wire())
    code = "outcome_unknown" if kind == "write" else "upstream_timeout"
    check_refusal(answered, code)
    gateway.expect_decision(answered, decision="reject", code=code)
    assert len(merchant.await_requests(1)) == 1


def _closes_the_first_time() -> Behaviour:
    asked: list[Seen] = []

    def behave(visit: Visit, seen: Seen) -> None:
        asked.append(seen)
        (_closes if len(asked) == 1 else answer())(visit, seen)

    return behave


@pytest.mark.parametrize(
    ("method", "target", "times"),
    [("GET", f"{ORDERS}/1", 2), ("POST", SEARCH, 1), ("POST", CHECKOUTS, 1)],
)
def test_only_a_get_on_a_used_connection_is_sent_twice(
    method: str,
    target: str,
    times: int,
    gateway: RunningGateway,
    merchant: Merchant,
    platform: Platform,
) -> None:
    # A connection that has answered before may have been closed for idleness.
    assert gateway.ask(platform.signed(target=f"{ORDERS}/before").wire()).status == 200
    merchant.script[target] = _closes_the_first_time()
    draft = platform.signed(method, target, BODY if method == "POST" else b"")
    answered = gateway.ask(draft.wire())
    assert (answered.status == 200) == (method == "GET")
    assert [seen.target.decode() for seen in merchant.requests[1:]] == [target] * times


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_merchant_that_is_down_is_unreachable(
    method: str, gateway: RunningGateway, platform: Platform
) -> None:
    target = f"{ORDERS}/1" if method == "GET" else CHECKOUTS
    draft = platform.draft(method, target, b"" if method == "GET" else BODY)
    check_refusal(
        gateway.ask(platform.sign(draft.put("Host", DOWN)).wire()), "upstream_unreachable"
    )


def test_one_merchant_down_is_nothing_to_the_other(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.sign(platform.draft().put("Host", DOWN))
    check_refusal(gateway.ask(draft.wire()), "upstream_unreachable")
    assert gateway.ask(platform.signed().wire()).status == 200
    assert len(merchant.requests) == 1


@pytest.mark.parametrize(
    "status", ["201 Created", "204 No Content", "303 See Other", "404 Not Found", "429 Slow Down"]
)
def test_what_the_merchant_answers_is_what_the_platform_reads(
    status: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    body = b"" if status.startswith("204") else b'{"id": "chk_1"}'
    lines = (("Location", "/ucp/v1/x"), ("X-Own", "a"), ("X-Own", "b"), ("Set-Cookie", "c=1"))
    merchant.script[CHECKOUTS] = answer(body, status, *lines)
    answered = gateway.ask(platform.signed("POST", CHECKOUTS, BODY).wire())
    assert answered.status == int(status[:3])
    assert answered.body == body
    for name, value in lines:
        assert value in answered.values(name)
    gateway.expect_decision(answered, decision="accept", status=answered.status)


def test_an_answer_cannot_speak_for_the_connector(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    merchant.script[f"{ORDERS}/1"] = answer(
        b"{}",
        "200 OK",
        *(("Audit-ID", "mine"), ("UCP-Verified", "true"), ("Keep-Alive", "timeout=1")),
        *(("Connection", "X-Private"), ("X-Private", "a"), ("Proxy-Authenticate", "Basic")),
    )
    answered = gateway.ask(platform.signed().wire())
    (seen,) = merchant.requests
    assert answered.values("Audit-ID") == seen.values("Audit-ID")
    for name in ("UCP-Verified", "Keep-Alive", "X-Private", "Proxy-Authenticate"):
        assert answered.values(name) == []


def test_interim_answers_are_swallowed(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    merchant.script[f"{ORDERS}/1"] = _says(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        + HEAD
        + b"Content-Length: 2\r\n\r\n{}"
    )
    with gateway.connect() as connection:
        connection.send(platform.signed().wire())
        assert connection.head().status == 200


def test_octets_behind_an_answer_are_given_to_nobody(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    forged = HEAD + b'Content-Length: 12\r\n\r\n{"forged":1}'
    merchant.script[f"{ORDERS}/1"] = _says(HEAD + b"Content-Length: 2\r\n\r\n{}" + forged)
    assert gateway.ask(platform.signed().wire()).body == b"{}"
    for number in range(2, 6):
        after = gateway.ask(platform.signed(target=f"{ORDERS}/{number}").wire())
        assert after.body == b'{"ok": true}'


def test_a_connection_that_the_merchant_closed_costs_no_write(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    closed = threading.Semaphore(0)

    def answers_and_closes(visit: Visit, _: Seen) -> None:
        visit.say(HEAD + b"Content-Length: 2\r\n\r\n{}")
        visit.close()
        closed.release()

    merchant.script[CHECKOUTS] = answers_and_closes
    for _ in range(10):
        draft: Draft = platform.signed("POST", CHECKOUTS, BODY)
        assert gateway.ask(draft.wire()).status == 200
        # A write that goes out before the end has come is unknown, and rightly so.
        assert closed.acquire(timeout=PATIENCE)
    assert len(merchant.requests) == 10
