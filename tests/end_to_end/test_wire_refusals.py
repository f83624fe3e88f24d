"""What is refused before anything is verified, though it is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.merchant import AUTHORITY
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Draft
from tests.end_to_end.refusals import check_never_forwarded, check_refusal, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform

BODY: Final = b'{"line_items": []}'


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    shop = module_merchant.settings(platforms={"registered": [platform.registration()]})
    with running_gateway(tmp_path_factory.mktemp("gateway"), configuration(shop)) as running:
        yield running


def _get(target: str) -> Callable[[Platform], Draft]:
    return lambda platform: platform.signed(target=target)


def _with(name: str, value: bytes) -> Callable[[Platform], Draft]:
    return lambda platform: platform.signed().add(name, value)


def _post_with(name: str, value: bytes) -> Callable[[Platform], Draft]:
    return lambda platform: platform.signed("POST", CHECKOUTS, BODY).add(name, value)


def _without_host(platform: Platform) -> Draft:
    return platform.signed().drop("Host")


def _edited(old: bytes, new: bytes) -> Callable[[Platform], bytes]:
    def attack(platform: Platform) -> bytes:
        octets = platform.signed("POST", CHECKOUTS, BODY).wire()
        assert octets.count(old) >= 1
        return octets.replace(old, new, 1)

    return attack


def _chunked(body: bytes) -> Callable[[Platform], bytes]:
    def attack(platform: Platform) -> bytes:
        draft = platform.signed("POST", CHECKOUTS, BODY).drop("Content-Length")
        return draft.add("Transfer-Encoding", "chunked").head() + body

    return attack


MALFORMED: Final[dict[str, Callable[[Platform], Draft | bytes]]] = {
    "two Hosts": _with("Host", AUTHORITY.encode()),
    "no Host": _without_host,
    "a Host that is none": lambda platform: platform.signed().put("Host", "a b"),
    "length and chunks": _post_with("Transfer-Encoding", b"chunked"),
    "two lengths": _post_with("Content-Length", b"18"),
    "a list of lengths": _edited(b"Content-Length: 18", b"Content-Length: 18, 18"),
    "a signed length": _edited(b"Content-Length: 18", b"Content-Length: +18"),
    "another coding": lambda platform: (
        platform.signed("POST", CHECKOUTS, BODY)
        .drop("Content-Length")
        .add("Transfer-Encoding", "gzip, chunked")
    ),
    "content in a GET": lambda platform: platform.signed("GET", f"{ORDERS}/1", BODY),
    "content in a DELETE": lambda platform: platform.signed("DELETE", f"{ORDERS}/1", BODY),
    "a trailer": _chunked(b"12\r\n" + BODY + b"\r\n0\r\nUCP-Verified: true\r\n\r\n"),
    "a chunk extension": _chunked(b"12;a=b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a folded line": _edited(b"Content-Type: ", b"X-Fold: a\r\n b\r\nContent-Type: "),
    "a bare line feed": _edited(b"\r\nContent-Type", b"\nContent-Type"),
    "a bare carriage return": _edited(b"\r\nContent-Type: ", b"\rX: 1\r\nContent-Type: "),
    "a control octet in a value": _with("X-Odd", b"a\x01b"),
    "NUL in a value": _with("X-Odd", b"a\0b"),
    "a space before the colon": _edited(b"Content-Type:", b"Content-Type :"),
    "two spaces in the request line": _edited(b"POST ", b"POST  "),
    "no version": _edited(b" HTTP/1.1\r\n", b"\r\n"),
    "another version": _edited(b"HTTP/1.1", b"HTTP/2.0"),
    "another protocol": lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no HTTP": lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS instead\r\n\r\n",
    "absolute form": _edited(b"POST /", b"POST http://shop.example.com/"),
    "asterisk form": lambda platform: platform.signed("OPTIONS", "*"),
    "a dot segment": _get(f"{ORDERS}/../orders/1"),
    "a dot segment in disguise": _get(f"{ORDERS}/%2e%2e/orders/1"),
    "an encoded slash": _get(f"{ORDERS}/a%2Fb"),
    "an encoded backslash": _get(f"{ORDERS}/a%5cb"),
    "an encoded NUL": _get(f"{ORDERS}/a%00"),
    "a backslash": _get(f"{ORDERS}/a\\b"),
    "an empty segment": _get(f"{ORDERS}//1"),
    "a fragment": _edited(b"sessions ", b"sessions#top "),
    "a half escape": _get(f"{ORDERS}/1?a=%2"),
    "octets beyond ASCII": _edited(b"sessions ", b"sessions?a=\xe9 "),
    "a space in the target": _edited(b"sessions ", b"sessions?a= b "),
    "a quote in the query": _get(f'{ORDERS}/1?a="b"'),
    "two media types": _post_with("Content-Type", b"application/json"),
    "two digests": _post_with("Content-Digest", b"sha-256=:AA==:"),
    "two agents": _with("UCP-Agent", b'profile="https://other.example/p"'),
    "two keys": _post_with("Idempotency-Key", b"another-key-of-some-length"),
    "two authorizations": lambda platform: (
        platform.signed().add("Authorization", "a").add("authorization", "b")
    ),
    "a key in disguise": _post_with("Idempotency_Key", b"another-key-of-some-length"),
    "an agent in disguise": _with("UCP_Agent", b'profile="https://other.example/p"'),
    "a verdict in disguise": _with("UCP_Verified", b"true"),
    "a client in disguise": _with("X_Forwarded_For", b"10.0.0.1"),
    "a method in disguise": _with("X_HTTP_Method_Override", b"DELETE"),
    "a length in disguise": _post_with("Content_Length", b"5"),
    "Connection names a signed field": _with("Connection", b"UCP-Agent"),
    "Connection names the verdict": _with("Connection", b"close, UCP-Verified-Identity"),
    "an expectation": _post_with("Expect", b"200-ok"),
    "content and an upgrade": lambda platform: (
        platform.signed("POST", CHECKOUTS, BODY).add("Connection", "upgrade").add("Upgrade", "h2c")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_what_could_be_read_in_two_ways_is_malformed(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    refused(gateway, merchant, platform, MALFORMED[name](platform), "malformed_request")


@pytest.mark.parametrize("path", ["a%20b", "a;b", "%C3%A4", "a'b"])
def test_a_path_id_of_other_characters_is_malformed(
    path: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.signed(target=f"{ORDERS}/{path}")
    refused(gateway, merchant, platform, draft, "malformed_request")


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_ends_its_connection(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    attack = MALFORMED[name](platform)
    octets = attack if isinstance(attack, bytes) else attack.wire()
    # What comes behind it could be what it smuggles.
    with gateway.connect() as connection:
        answer = connection.exchange(octets + platform.signed(target=f"{ORDERS}/behind").wire())
        assert answer.values("Connection") == ["close"]
        assert connection.has_ended()
    check_never_forwarded(gateway, merchant, platform)


TOO_LARGE: Final[dict[str, Callable[[Platform], Draft]]] = {
    "lines": lambda platform: _repeat(platform.signed(), 100, b"x"),
    "a line": _with("X-Long", b"x" * 17 * 1024),
    "the head": lambda platform: _repeat(platform.signed(), 3, b"x" * 12 * 1024),
    "the target": _get(f"{ORDERS}/{'1' * 33 * 1024}"),
}


def _repeat(draft: Draft, count: int, value: bytes) -> Draft:
    for number in range(count):
        draft.add(f"X-{number}", value)
    return draft


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_head_beyond_the_limits_is_too_large(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    refused(gateway, merchant, platform, TOO_LARGE[name](platform), "headers_too_large")


def test_a_body_that_is_announced_beyond_the_limit_is_not_awaited(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.signed("POST", CHECKOUTS, BODY).put("Content-Length", str((1 << 20) + 1))
    refused(gateway, merchant, platform, draft, "payload_too_large")


def test_chunks_that_add_up_beyond_the_limit_are_too_large(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.draft("POST", CHECKOUTS, b"x" * ((1 << 20) + 1)).drop("Content-Length")
    draft.add("Transfer-Encoding", "chunked").chunks = [1 << 16] * 17
    refused(gateway, merchant, platform, platform.sign(draft), "payload_too_large")


@pytest.mark.parametrize(
    "host", ["other.example.com", "shop.example.com:8443", "shop.example.com.", "127.0.0.1"]
)
def test_another_authority_is_unknown_however_it_is_signed(
    host: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.sign(platform.draft().put("Host", host))
    refused(gateway, merchant, platform, draft, "unknown_authority")


def test_a_proxy_that_is_not_trusted_does_not_name_the_authority(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.sign(platform.draft().put("Host", "other.example.com"))
    draft.add("X-Forwarded-Host", AUTHORITY)
    refused(gateway, merchant, platform, draft, "unknown_authority")


UNKNOWN: Final[dict[str, Callable[[Platform], Draft]]] = {
    "another path": lambda platform: platform.signed(target="/admin"),
    "the root": lambda platform: platform.signed(target="/"),
    "the endpoint itself": lambda platform: platform.signed(target="/ucp/v1"),
    "a longer endpoint": lambda platform: platform.signed(target="/ucp/v10/orders/1"),
    "an endpoint in other case": lambda platform: platform.signed(target="/UCP/v1/orders/1"),
    "another noun": lambda platform: platform.signed(target="/ucp/v1/refunds/1"),
    "a deeper path": lambda platform: platform.signed(target=f"{ORDERS}/1/items"),
    "another verb": lambda platform: platform.signed("DELETE", f"{ORDERS}/1"),
    "OPTIONS": lambda platform: platform.signed("OPTIONS", f"{ORDERS}/1"),
    "a path below the other endpoint": lambda platform: platform.signed(
        "POST", "/ucp/mcp/tools", BODY
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_no_operation_is_unknown(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    refused(gateway, merchant, platform, UNKNOWN[name](platform), "unknown_operation")


def test_a_refused_head_request_is_answered_without_a_body(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    with gateway.connect() as connection:
        answer = connection.exchange(platform.signed("HEAD", f"{ORDERS}/1").wire(), "HEAD")
        assert answer.status == 404
        assert int(answer.value("Content-Length")) > 0
        # Were there a body, it would be the beginning of this answer.
        assert connection.exchange(platform.signed().wire()).status == 200
    gateway.expect_decision(answer, decision="reject", code="unknown_operation")
    assert len(merchant.requests) == 1


def test_a_refusal_of_what_was_well_framed_keeps_the_connection(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    with gateway.connect() as connection:
        for draft, code in (
            (platform.draft(), "signature_missing"),
            (platform.draft("POST", CHECKOUTS, BODY), "signature_missing"),
            (platform.signed(target="/admin"), "unknown_operation"),
        ):
            check_refusal(connection.exchange(draft.wire()), code)
        assert connection.exchange(platform.signed().wire()).status == 200
    assert len(merchant.requests) == 1


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (lambda platform: platform.draft(), "signature_missing"),
        (lambda platform: platform.signed(target="/admin"), "unknown_operation"),
        (lambda platform: platform.signed().put("Host", "other.example.com"), "unknown_authority"),
        (lambda platform: platform.signed(target=f"{ORDERS}//1"), "malformed_request"),
    ],
    ids=["pipeline", "route", "authority", "wire"],
)
def test_problem_json_is_sent_to_those_who_accept_it(
    draft: Callable[[Platform], Draft], code: str, gateway: RunningGateway, platform: Platform
) -> None:
    request = draft(platform).add("Accept", "application/json, application/problem+json;q=0.9")
    check_refusal(gateway.ask(request.wire()), code, media="application/problem+json")
