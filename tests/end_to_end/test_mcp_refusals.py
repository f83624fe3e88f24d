"""What is refused at the MCP endpoint, as JSON-RPC errors, and never reaches the merchant."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.mcp_calls import PATH, call, check_rpc, draft, rpc, signed
from tests.end_to_end.platform import Draft, Platform
from tests.end_to_end.raw_server import answer
from tests.end_to_end.refusals import check_never_forwarded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.raw_server import Seen, Visit

OTHER: Final = "https://other.example/.well-known/ucp"
KEY: Final = "k" * 22


@pytest.fixture(scope="module")
def restricted() -> Platform:
    return Platform("https://restricted.example/.well-known/ucp", "restricted")


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant,
    platform: Platform,
    restricted: Platform,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningGateway]:
    terms = {"operations": ["get_checkout"], "rates": {"reads": "3/h"}}
    registered = [platform.registration(), restricted.registration(**terms)]
    shop = module_merchant.settings(
        platforms={"registered": registered}, continue_url="https://shop.example.com/cart"
    )
    settings = configuration(shop, store={"max_replayable_body": "16KiB"})
    with running_gateway(tmp_path_factory.mktemp("gateway"), settings) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(merchant: Merchant) -> None:
    merchant.script[PATH] = answer(b'{"jsonrpc":"2.0","id":7,"result":{}}')


@pytest.mark.parametrize(
    ("body", "code", "number"),
    [
        (b"[" + call() + b"]", "malformed_request", None),
        (b"[]", "malformed_request", None),
        (b"{", "malformed_request", None),
        (b'"text"', "malformed_request", None),
        (call()[:-1] + b',"id":8}', "malformed_request", None),
        (call().replace(b'"id": 7', b'"id": 7, "ID": 8'), "malformed_request", 7),
        (call()[:-1] + b',"Method":"tools/list"}', "malformed_request", 7),
        (call(meta={}).replace(b'"meta"', b'"META"'), "malformed_request", 7),
        (call(meta={"idempotency-key": KEY, "Idempotency-Key": KEY}), "malformed_request", 7),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "malformed_request", None),
        (b"[" * 100_000, "malformed_request", None),
        (call(checkout=[[]] * 10_000), "malformed_request", None),
        (rpc(number=None, name="get_checkout"), "malformed_request", None),
        (rpc(number=True, name="get_checkout"), "malformed_request", None),
        (rpc(number=1.5, name="get_checkout"), "malformed_request", 1.5),
        (rpc(number="x" * 300, name="get_checkout"), "malformed_request", None),
        (rpc(number=10**400, name="get_checkout"), "malformed_request", None),
        (rpc(number={"a": 1}, name="get_checkout"), "malformed_request", None),
        (rpc(name=5), "malformed_request", 7),
        (rpc(name=["get_checkout"]), "malformed_request", 7),
        (rpc(name={"get_checkout": 1}, number="a"), "malformed_request", "a"),
        (rpc(arguments={}), "malformed_request", 7),
        (rpc(name="get_checkout", arguments="{}"), "malformed_request", 7),
        (call(meta={"ucp-agent": OTHER}), "malformed_request", 7),
        (call(meta={"ucp-agent": {"profile": OTHER}}), "malformed_request", 7),
        (call(meta={"ucp-agent": {"profile": "http://\ud800"}}), "malformed_request", 7),
        (b'{"jsonrpc":"2.0","id":7,"result":{}}', "malformed_request", 7),
        (rpc(name="drop_tables"), "unknown_operation", 7),
        (rpc(name="Get_Checkout"), "unknown_operation", 7),
        (rpc(name="get_checkout\x00"), "unknown_operation", 7),
        (rpc(name="mcp/end"), "unknown_operation", 7),
        (rpc("resources/read", uri="file:///etc/passwd"), "unknown_operation", 7),
        (rpc("sampling/createMessage"), "unknown_operation", 7),
        (rpc("TOOLS/LIST"), "unknown_operation", 7),
        (call("complete_checkout", id="chk_1"), "idempotency_key_missing", 7),
        (call("cancel_cart", id="crt_1"), "idempotency_key_missing", 7),
        (call("create_cart", {"idempotency-key": "short"}), "idempotency_key_invalid", 7),
        (call("cancel_cart", {"idempotency-key": "\ud800" * 30}), "idempotency_key_invalid", 7),
    ],
)
def test_what_is_no_call_of_ours_is_refused(
    body: bytes,
    code: str,
    number: object,
    gateway: RunningGateway,
    merchant: Merchant,
    platform: Platform,
) -> None:
    told = gateway.ask(signed(platform, body).wire())
    check_rpc(told, code, number, continue_url="https://shop.example.com/cart")
    assert bool(told.values("Signature")) is True
    gateway.expect_decision(told, decision="reject", code=code, identity=platform.profile_url)
    check_never_forwarded(gateway, merchant, platform)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (call("create_cart", {"idempotency-key": KEY}), ("Idempotency-Key", KEY + "x")),
        (call("create_cart"), ("Mcp-Name", "get_cart")),
        (call("create_cart"), ("Mcp-Method", "tools/list")),
        (rpc("tools/list"), ("Mcp-Name", "get_cart")),
    ],
)
def test_a_header_that_says_something_else_than_the_body_is_refused(
    body: bytes,
    line: tuple[str, str],
    gateway: RunningGateway,
    merchant: Merchant,
    platform: Platform,
) -> None:
    check_rpc(gateway.ask(signed(platform, body, line).wire()), "malformed_request")
    check_never_forwarded(gateway, merchant, platform)


@pytest.mark.parametrize(
    "line", [("Mcp_Session_Id", "x"), ("MCP_Name", "get_cart"), ("Last_Event_Id", "1")]
)
def test_headers_that_could_be_taken_for_those_of_mcp_are_refused(
    line: tuple[str, str], gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    # At the wire the body is not read, so nobody knows the id.
    told = gateway.ask(signed(platform, rpc("ping"), line).wire())
    check_rpc(told, "malformed_request", None)
    check_never_forwarded(gateway, merchant, platform)


def test_a_key_with_another_query_is_a_conflict(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    body = call("complete_checkout", {"idempotency-key": str(uuid.uuid4())}, id="1")

    def asked(query: str) -> bytes:
        return platform.sign(
            platform.draft("POST", PATH + query, body).drop("Idempotency-Key"), nonce=query
        ).wire()

    assert gateway.ask(asked("?shop=a")).status == 200
    check_rpc(gateway.ask(asked("?shop=b")), "idempotency_conflict")
    check_rpc(gateway.ask(asked("")), "idempotency_conflict")
    assert gateway.ask(asked("?shop=a")).values("Idempotent-Replayed") == ["true"]
    assert len(merchant.requests) == 1


def test_two_session_ids_are_refused(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    lines = (("Mcp-Session-Id", "a"), ("mcp-session-id", "b"))
    told = gateway.ask(signed(platform, rpc("ping"), *lines).wire())
    check_rpc(told, "malformed_request", None)
    check_never_forwarded(gateway, merchant, platform)


def _tampered(platform: Platform) -> Draft:
    request = signed(platform, call())
    request.body = request.body.replace(b"get_checkout", b"end_checkout")
    return request


def _without_agent(platform: Platform) -> Draft:
    return platform.sign(draft(platform, call()).drop("UCP-Agent"))


def _with_agent_in_body(profile: str) -> Any:
    def make(platform: Platform) -> Draft:
        body = call(meta={"ucp-agent": {"profile": profile}})
        return platform.sign(draft(platform, body).drop("UCP-Agent"))

    return make


def _stale(platform: Platform) -> Draft:
    body = call("complete_checkout", {"idempotency-key": KEY}, id="1")
    return platform.sign(draft(platform, body), created=int(time.time()) - 47 * 3600 - 60)


UNVERIFIED: Final = {
    "unsigned": (lambda platform: draft(platform, call()), "signature_missing", 7),
    "other tool": (_tampered, "digest_mismatch", 7),
    "no profile": (_without_agent, "invalid_profile_url", 7),
    "no URL": (_with_agent_in_body("nonsense"), "invalid_profile_url", 7),
    "quoted": (_with_agent_in_body('https://a.example/"'), "invalid_profile_url", 7),
    "stale key": (_stale, "signature_invalid", 7),
    "long": (lambda platform: draft(platform, call(id="x" * 20_000)), "signature_missing", None),
    "long, and the profile in it": (
        lambda platform: platform.sign(
            draft(
                platform,
                call(meta={"ucp-agent": {"profile": platform.profile_url}}, id="x" * 20_000),
            ).drop("UCP-Agent")
        ),
        "invalid_profile_url",
        None,
    ),
    "text": (
        lambda platform: signed(platform, call()).put("Content-Type", "text/plain"),
        "unsupported_media",
        7,
    ),
}


@pytest.mark.parametrize("name", UNVERIFIED)
def test_what_does_not_verify_is_told_so_with_its_id_where_that_costs_little(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    make, code, number = UNVERIFIED[name]
    check_rpc(gateway.ask(make(platform).wire()), code, number)
    check_never_forwarded(gateway, merchant, platform)


def test_a_profile_in_the_body_stands_for_the_header(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    told = gateway.ask(_with_agent_in_body(platform.profile_url)(platform).wire())
    assert told.status == 200
    (seen,) = merchant.requests
    assert seen.values("UCP-Verified-Identity") == [platform.profile_url]
    assert seen.values("UCP-Verified-Operation") == ["get_checkout"]


@pytest.mark.parametrize("method", ["PUT", "HEAD", "OPTIONS", "PATCH"])
def test_other_methods_are_unknown(
    method: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    with gateway.connect() as connection:
        told = connection.exchange(platform.signed(method, PATH).wire(), method)
    assert told.status == 404
    if method != "HEAD":
        check_rpc(told, "unknown_operation", None)
    check_never_forwarded(gateway, merchant, platform)


def test_terms_and_rates_hold_for_tools_as_for_paths(
    gateway: RunningGateway, merchant: Merchant, restricted: Platform
) -> None:
    # What belongs to the transport is open to whoever may call at all.
    assert gateway.ask(signed(restricted, rpc("tools/list")).wire()).status == 200
    told = gateway.ask(signed(restricted, call("create_cart")).wire())
    check_rpc(told, "operation_not_permitted")
    assert gateway.ask(signed(restricted, call()).wire()).status == 200
    assert gateway.ask(restricted.signed(target="/ucp/v1/checkout-sessions/1").wire()).status == 200
    told = gateway.ask(signed(restricted, call()).wire())
    assert check_rpc(told, "rate_limited")["retry_after"] > 60
    assert told.values("RateLimit")
    assert len(merchant.requests) == 3


def test_an_event_stream_without_the_answer_leaves_the_outcome_unknown(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    body = call("complete_checkout", {"idempotency-key": str(uuid.uuid4())}, id="1")
    events = b'data: {"jsonrpc":"2.0","id":"7","result":{}}\n\n'
    merchant.script[PATH] = answer(events, "200 OK", ("Content-Type", "text/event-stream"))
    assert gateway.ask(signed(platform, body).wire()).body == events
    told = gateway.ask(signed(platform, body).wire())
    check_rpc(told, "outcome_unknown", operation_state="unknown", safe_new_key=False)
    assert len(merchant.requests) == 1


def test_a_long_answer_that_is_no_event_stream_is_done_and_not_kept(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    body = call("complete_checkout", {"idempotency-key": str(uuid.uuid4())}, id="1")
    long = b'{"jsonrpc":"2.0","id":7,"result":"%b"}' % (b"x" * 20_000)
    merchant.script[PATH] = answer(long)
    assert gateway.ask(signed(platform, body).wire()).body == long
    told = gateway.ask(signed(platform, body).wire())
    check_rpc(told, "answer_not_replayable", operation_state="completed")
    assert len(merchant.requests) == 1


@pytest.mark.parametrize("listed", [False, True])
def test_a_404_is_an_answer_unless_the_merchant_says_that_it_is_a_refusal(
    listed: bool,  # noqa: FBT001 - a column
    merchant: Merchant,
    platform: Platform,
    tmp_path: Path,
) -> None:
    shop = merchant.settings(
        platforms={"registered": [platform.registration()]},
        upstream={"refusals": [404, 429]} if listed else {},
    )
    opened = answer(b'{"jsonrpc":"2.0","id":7,"result":{}}', "200 OK", ("Mcp-Session-Id", "own-1"))
    merchant.script[PATH] = opened
    with running_gateway(tmp_path, configuration(shop)) as gateway:
        session = gateway.ask(signed(platform, rpc("initialize")).wire()).value("Mcp-Session-Id")
        body = call("complete_checkout", {"idempotency-key": str(uuid.uuid4())}, id="1")
        # Perhaps the session is forgotten; perhaps the order is placed, and no mail was sent.
        merchant.script[PATH] = answer(b'{"jsonrpc":"2.0","id":7,"error":{}}', "404 Not Found")
        line = ("Mcp-Session-Id", session)
        assert gateway.ask(signed(platform, body, line).wire()).status == 404
        merchant.script[PATH] = opened
        again = gateway.ask(signed(platform, body, line).wire())
    replayed = again.values("Idempotent-Replayed") == ["true"]
    assert (again.status, replayed) == ((200, False) if listed else (404, True))
    # Which session it was in is no part of a recorded answer.
    assert again.values("Mcp-Session-Id") == ([session] if listed else [])
    seen = [each.values("Mcp-Session-Id") for each in merchant.requests]
    assert seen == [[], ["own-1"], *([["own-1"]] if listed else [])]


def test_a_session_is_good_for_the_platform_that_opened_it_only(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, restricted: Platform
) -> None:
    merchant.script[PATH] = answer(b"", "202 Accepted", ("Mcp-Session-Id", "own-2"))
    body = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    told = gateway.ask(signed(platform, body).wire())
    assert (told.status, told.body) == (202, b"")
    session = ("Mcp-Session-Id", told.value("Mcp-Session-Id"))
    assert session[1] != "own-2"
    refused = gateway.ask(signed(restricted, body, session).wire())
    check_rpc(refused, "unknown_operation", None)
    assert gateway.ask(signed(platform, body, session).wire()).status == 202
    assert [seen.values("Mcp-Session-Id") for seen in merchant.requests] == [[], ["own-2"]]


def test_a_key_is_the_same_in_the_header_and_in_the_body(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    key = str(uuid.uuid4())
    bare = call("complete_checkout", id="1")
    meant = call("complete_checkout", {"idempotency-key": key}, id="1")
    header = ("Idempotency-Key", key)
    told = [
        gateway.ask(signed(platform, body, *lines).wire())
        for body, lines in ((bare, [header]), (meant, []), (meant, [header]))
    ]
    assert [each.status for each in told] == [200] * 3
    assert [each.values("Idempotent-Replayed") for each in told] == [[], ["true"], ["true"]]
    assert len(merchant.requests) == 1


def test_the_answer_in_a_stream_counts_before_the_stream_ends(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    body = call("complete_checkout", {"idempotency-key": str(uuid.uuid4())}, id="1")
    event = b'data: {"jsonrpc":"2.0","id":7,"result":{"order":1}}\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"

    def behave(visit: Visit, _: Seen) -> None:
        visit.say(b"%b\r\n%x\r\n%b\r\n" % (head, len(event), event))
        visit.wait_for_end()

    merchant.script[PATH] = behave
    with gateway.connect() as connection:
        connection.send(signed(platform, body).wire())
        assert connection.head().status == 200
        assert connection.chunk() == event
        again = gateway.ask(signed(platform, body).wire())
        assert again.document()["result"] == {"order": 1}
        assert again.values("Idempotent-Replayed") == ["true"]
    assert len(merchant.requests) == 1
