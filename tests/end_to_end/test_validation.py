"""Bodies that are not what their operation asks for: refused, or told and forwarded as they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.merchant import AUTHORITY
from tests.end_to_end.platform import VERSION
from tests.end_to_end.refusals import check_never_forwarded, check_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.client import Answer
    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Draft, Platform

CARTS: Final = "/ucp/v1/carts"
MCP: Final = "/ucp/mcp"
REPORTED: Final = "reported.example.com"
"""A merchant who is only told."""
SECRET: Final = "4111-1111-1111-1111"  # noqa: S105 - what a body holds, and nobody is told
GOOD: Final = b'{"line_items": [ {"item":{"id":"roses"},"quantity": 2} ]}'
BAD: Final = b'{"line_items": [ {"item":{"id":"roses"},"quantity": "%b"} ]}' % SECRET.encode()
# Of an extension that the merchant's profile does not declare.
UNDECLARED: Final = b'{"line_items":[],"buyer":{"consent":{}}}'
WRONG_TYPE: Final = [{"path": "$.line_items[0].quantity", "rule": "type"}]
PROFILE: Final = {
    "ucp": {
        "version": VERSION,
        "capabilities": {"dev.ucp.shopping.cart": [], "dev.ucp.shopping.discount": []},
    }
}


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "profile.json").write_text(json.dumps(PROFILE))
    common: dict[str, Any] = {
        "platforms": {"registered": [platform.registration()]},
        "profile": {"source": "file", "file": "profile.json"},
        "versions": [VERSION],
    }
    strict = {"requests": "enforce", "unknown_fields": "refuse", "known_fields": ["gift"]}
    shop = module_merchant.settings(validation=strict, **common)
    reported = module_merchant.settings(
        id="reported", authorities=[REPORTED], validation={"requests": "report"}, **common
    )
    with running_gateway(folder, configuration(shop, reported)) as running:
        # The profile is read in the first moments; until then every extension counts as declared.
        while running.ask(write(platform, UNDECLARED).wire(), "POST").status == 200:
            pass
        yield running
        # Neither lines nor warnings say what stands in a body.
        running.stop()
        assert SECRET not in "".join(running.stdout + running.stderr)


def write(
    platform: Platform, body: bytes, *, key: str | None = None, authority: str = AUTHORITY
) -> Draft:
    draft = platform.draft("POST", CARTS, body).put("Host", authority)
    return platform.sign(draft if key is None else draft.put("Idempotency-Key", key))


def call(platform: Platform, body: bytes) -> Draft:
    text = (
        b'{"jsonrpc":"2.0","id":"call-7","method":"tools/call","params":'
        b'{"name":"create_cart","arguments":{"meta":{},"cart":%b}}}' % body
    )
    draft = platform.draft("POST", MCP, text)
    return platform.sign(draft.put("Accept", "application/json, text/event-stream"))


def refused(gateway: RunningGateway, draft: Draft, errors: list[dict[str, str]]) -> Answer:
    answer = gateway.ask(draft.wire(), "POST")
    check_refusal(answer, "malformed_request", verified=True, errors=errors)
    assert SECRET.encode() not in answer.body
    gateway.expect_decision(answer, decision="reject", reason="invalid_body")
    return answer


def test_a_bad_body_is_refused_with_path_and_rule_and_the_merchant_never_sees_it(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    answer = refused(gateway, write(platform, BAD), WRONG_TYPE)
    assert answer.values("Signature")  # the platform has verified, so it is told on our word
    check_never_forwarded(gateway, merchant, platform)


def test_a_refused_body_consumes_no_key(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    key = "refused-first-then-corrected"
    refused(gateway, write(platform, BAD, key=key), WRONG_TYPE)
    answer = gateway.ask(write(platform, GOOD, key=key).wire(), "POST")
    assert answer.status == 200
    assert not answer.values("Idempotent-Replayed")
    assert [seen.body for seen in merchant.requests] == [GOOD]


@pytest.mark.parametrize(
    ("body", "path", "rule"),
    [
        (b"{}", "$.line_items", "required"),
        (b'{"line_items":[],"line_items":[]}', "$.line_items", "repeated_name"),
        (b'{"line_items":[],"note":1}', "$.note", "unknown_member"),
        (UNDECLARED, "$.buyer.consent", "unknown_member"),
        (b'{"line_items":[],"discounts":{"codes":1}}', "$.discounts.codes", "type"),
        (b'{"line_items":[],"gift":1e400}', "$.gift", "number"),
        (b'{"line_items":[]', "$", "json"),
    ],
)
def test_each_kind_of_bad_body_is_refused(
    gateway: RunningGateway,
    merchant: Merchant,
    platform: Platform,
    body: bytes,
    path: str,
    rule: str,
) -> None:
    refused(gateway, write(platform, body), [{"path": path, "rule": rule}])
    assert merchant.requests == []


@pytest.mark.parametrize(
    "body", [GOOD, b'{"line_items":[],"discounts":{"codes":["A"]}}', b'{"line_items":[],"gift":1}']
)
def test_what_a_declared_capability_or_the_merchant_knows_goes_through(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, body: bytes
) -> None:
    assert gateway.ask(write(platform, body).wire(), "POST").status == 200
    assert [seen.body for seen in merchant.requests] == [body]


def test_a_bad_tool_call_is_refused_in_json_rpc(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    answer = gateway.ask(call(platform, BAD).wire(), "POST")
    assert answer.status == 400
    message = answer.document()
    assert message["id"] == "call-7"
    assert message["error"]["code"] == -32600
    data = message["error"]["data"]
    assert data["code"] == "malformed_request"
    place = "$.params.arguments.cart.line_items[0].quantity"
    assert data["errors"] == [{"path": place, "rule": "type"}]
    assert SECRET.encode() not in answer.body
    check_never_forwarded(gateway, merchant, platform)


def test_a_good_tool_call_goes_through(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = call(platform, GOOD)
    assert gateway.ask(draft.wire(), "POST").status == 200
    assert [seen.body for seen in merchant.requests] == [draft.body]


def test_a_bad_body_that_is_only_told_goes_on_as_it_came(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    before = gateway.counted("ucp_connector_invalid_bodies", "merchant")["reported"]
    answer = gateway.ask(write(platform, BAD, authority=REPORTED).wire(), "POST")
    assert answer.status == 200
    assert [seen.body for seen in merchant.requests] == [BAD]
    gateway.expect_decision(
        answer, decision="accept", invalid_body="$.line_items[0].quantity: type"
    )
    after = gateway.counted("ucp_connector_invalid_bodies", "merchant")["reported"]
    assert after == before + 1


def test_reads_have_no_body_to_judge(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    answer = gateway.ask(platform.signed(target=f"{CARTS}/1").wire())
    assert answer.status == 200
    assert len(merchant.requests) == 1
