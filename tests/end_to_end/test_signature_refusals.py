"""What is refused because of its signature, its body or what it asks for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from canonical import content_digest, load_key
from canonical.base64 import decode, encode
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.platform import (
    CHECKOUTS,
    ORDERS,
    PINNED_PROFILE,
    Draft,
    Platform,
    covered,
)
from tests.end_to_end.refusals import check_never_forwarded, check_refusal, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant

    Attack = Callable[[Platform], Draft]

BODY: Final = b'{"line_items": [{"quantity": 1}]}'
CATALOG: Final = "/ucp/v1/catalog/search"
LIMITED: Final = Platform("https://limited.example/profile")
REVOKED: Final = Platform("https://revoked.example/profile", "revoked-2026")
FRESH: Final = Platform("https://fresh.example/profile")
OLD: Final = Platform("https://old.example/profile")
CLOSED_SHOP: Final = "closed.example.com"
CONTINUE: Final = "https://closed.example.com/basket"
HOUR: Final = 3600


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    registered = [
        platform.registration(),
        LIMITED.registration(operations=["get_order"]),
        REVOKED.registration(),
        FRESH.registration(freshness={"required": True, "max_age": "5m"}),
        OLD.registration(version="2026-01-23"),
    ]
    shop = module_merchant.settings(
        platforms={"registered": registered}, versions=["2026-08-25", "2026-01-23"]
    )
    closed = module_merchant.settings(
        id="closed",
        authorities=[CLOSED_SHOP],
        platforms={"registered": [platform.registration()], "discovery": "registered"},
        continue_url=CONTINUE,
    )
    settings = configuration(
        shop, closed, discovery={"revoked": [load_key(REVOKED.jwk).thumbprint]}
    )
    with running_gateway(tmp_path_factory.mktemp("gateway"), settings) as running:
        yield running


def post(platform: Platform) -> Draft:
    return platform.draft("POST", CHECKOUTS, BODY)


def _signed(draft: Draft, platform: Platform, **parameters: Any) -> Draft:
    return platform.sign(draft, **parameters)


def _without(component: str, draft: Draft, platform: Platform) -> Draft:
    return platform.sign(draft, [name for name in covered(draft) if name != component])


def _der(platform: Platform) -> Draft:
    draft = platform.signed()
    label, _, value = draft.values("signature")[0].decode().partition("=")
    raw = decode(value.strip(":").encode())
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    return draft.put("Signature", f"{label}=:{encode(der)}:")


def _by_another_key(platform: Platform) -> Draft:
    stranger = Platform(platform.profile_url)
    return stranger.signed()


def _five_signatures(platform: Platform) -> Draft:
    draft = platform.draft()
    pairs = [platform.signature(draft, label=f"s{number}") for number in range(5)]
    for name, values in zip(
        ("Signature-Input", "Signature"), zip(*pairs, strict=True), strict=True
    ):
        draft.add(name, ", ".join(values))
    return draft


def _retargeted(platform: Platform) -> Draft:
    draft = platform.signed()
    draft.target = f"{ORDERS}/2"
    return draft


def _requeried(platform: Platform) -> Draft:
    draft = platform.signed(target=f"{ORDERS}/1?a=1")
    draft.target = f"{ORDERS}/1?a=2"
    return draft


def _remethoded(platform: Platform) -> Draft:
    draft = platform.sign(platform.draft("POST", f"{CHECKOUTS}/1", BODY))
    draft.method = "PUT"
    return draft


def _with_query_added(platform: Platform) -> Draft:
    draft = platform.signed()
    draft.target += "?"
    return draft


INVALID: Final[dict[str, Attack]] = {
    "Signature alone": lambda platform: platform.signed().drop("Signature-Input"),
    "Signature-Input alone": lambda platform: platform.signed().drop("Signature"),
    "labels that do not match": lambda platform: platform.signed().put("Signature", "x=:AAAA:"),
    "no dictionary": lambda platform: platform.signed().put("Signature-Input", "sig1=((("),
    "a label twice": lambda platform: platform.signed().add("Signature", "sig1=:AAAA:"),
    "another tag": lambda platform: _signed(platform.draft(), platform, tag="elsewhere"),
    "no keyid": lambda platform: _signed(platform.draft(), platform, keyid=None),
    "an empty keyid": lambda platform: _signed(platform.draft(), platform, keyid=""),
    "the method not covered": lambda platform: _without("@method", platform.draft(), platform),
    "the authority not covered": lambda platform: _without(
        "@authority", platform.draft(), platform
    ),
    "the path not covered": lambda platform: _without("@path", platform.draft(), platform),
    "the query not covered": lambda platform: _without(
        "@query", platform.draft(target=f"{ORDERS}/1?"), platform
    ),
    "the agent not covered": lambda platform: _without("ucp-agent", platform.draft(), platform),
    "the digest not covered": lambda platform: _without("content-digest", post(platform), platform),
    "the media type not covered": lambda platform: _without(
        "content-type", post(platform), platform
    ),
    "the key not covered": lambda platform: _without("idempotency-key", post(platform), platform),
    "a key added": lambda platform: platform.signed().add("Idempotency-Key", "k" * 30),
    "expired": lambda platform: _signed(
        platform.draft(), platform, created=int(time.time()) - HOUR, expires=int(time.time()) - 60
    ),
    "from the future": lambda platform: _signed(
        platform.draft(), platform, created=int(time.time()) + HOUR
    ),
    "over before it began": lambda platform: _signed(
        platform.draft(), platform, expires=int(time.time()) - 5
    ),
    "a stale write": lambda platform: _signed(
        post(platform), platform, created=int(time.time()) - 48 * HOUR
    ),
    "too old for its tier": lambda _: _signed(
        FRESH.draft(), FRESH, created=int(time.time()) - HOUR
    ),
    "no time where one is asked for": lambda _: _signed(FRESH.draft(), FRESH, created=None),
    "another algorithm": lambda platform: _signed(platform.draft(), platform).put(
        "Signature-Input",
        _signed(platform.draft(), platform).values("signature-input")[0] + b';alg="ed25519"',
    ),
    "DER": _der,
    "another key under the same name": _by_another_key,
    "a revoked key": lambda _: REVOKED.signed(),
    "five signatures": _five_signatures,
    "another path": _retargeted,
    "another query": _requeried,
    "a query where there was none": _with_query_added,
    "another method": _remethoded,
    "another authority that is served too": lambda platform: platform.signed().put(
        "Host", CLOSED_SHOP
    ),
    "another agent": lambda platform: platform.signed().put(
        "UCP-Agent", f'profile="{PINNED_PROFILE}";v=2'
    ),
    "another media type": lambda platform: platform.signed("POST", CHECKOUTS, BODY).put(
        "Content-Type", "application/json;charset=utf-8"
    ),
    "another key": lambda platform: platform.signed("POST", CHECKOUTS, BODY).put(
        "Idempotency-Key", "another-key-of-some-length"
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_a_signature_that_does_not_prove_everything_is_invalid(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = INVALID[name](platform)
    if draft.values("host") == [CLOSED_SHOP.encode()]:
        answer = gateway.ask(draft.wire())
        check_refusal(answer, "signature_invalid", continue_url=CONTINUE)
        check_never_forwarded(gateway, merchant, platform)
    else:
        refused(gateway, merchant, platform, draft, "signature_invalid")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unsigned_request_is_refused(
    method: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.draft() if method == "GET" else post(platform)
    refused(gateway, merchant, platform, draft, "signature_missing")


def test_a_key_that_is_not_pinned_is_not_found(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    other = Platform(platform.profile_url, "another-kid")
    refused(gateway, merchant, platform, other.signed(), "key_not_found")


DIGESTS: Final[dict[str, Attack]] = {
    "another body": lambda platform: _with_body(platform, BODY.replace(b"1", b"9")),
    "a digest of another body": lambda platform: platform.sign(
        post(platform).put("Content-Digest", content_digest(b"{}"))
    ),
    "one digest of two is wrong": lambda platform: platform.sign(
        post(platform).put(
            "Content-Digest", f"{content_digest(BODY)}, {content_digest(b'{}', 'sha-512')}"
        )
    ),
    "sha-512 alone": lambda platform: platform.sign(
        post(platform).put("Content-Digest", content_digest(BODY, "sha-512"))
    ),
    "no digest that can be read": lambda platform: platform.sign(
        post(platform).put("Content-Digest", "sha-256=abc")
    ),
}


def _with_body(platform: Platform, body: bytes) -> Draft:
    draft = platform.sign(post(platform))
    assert len(body) == len(draft.body)
    draft.body = body
    return draft


@pytest.mark.parametrize("name", DIGESTS)
def test_a_body_that_its_digest_does_not_vouch_for_is_refused(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    refused(gateway, merchant, platform, DIGESTS[name](platform), "digest_mismatch")


MEDIA: Final[dict[str, Callable[[Draft], Draft]]] = {
    "a form": lambda draft: draft.put("Content-Type", "application/x-www-form-urlencoded"),
    "a patch": lambda draft: draft.put("Content-Type", "application/merge-patch+json"),
    "another charset": lambda draft: draft.put("Content-Type", "application/json; charset=utf-16"),
    "compressed": lambda draft: draft.add("Content-Encoding", "gzip"),
}


@pytest.mark.parametrize("name", MEDIA)
def test_a_body_that_is_not_plain_json_is_unsupported(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.sign(MEDIA[name](post(platform)))
    refused(gateway, merchant, platform, draft, "unsupported_media")


def test_a_byte_order_mark_is_unsupported(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.signed("POST", CATALOG, b"\xef\xbb\xbf{}")
    refused(gateway, merchant, platform, draft, "unsupported_media")


AGENTS: Final = {
    "no dictionary": 'profile="',
    "no profile": "other=1",
    "no string": "profile=token",
    "twice": f'profile="{PINNED_PROFILE}", profile="{PINNED_PROFILE}"',
    "plain HTTP": 'profile="http://platform.example/.well-known/ucp"',
    "another scheme": 'profile="ftp://platform.example/.well-known/ucp"',
    "a private address": 'profile="https://10.0.0.1/.well-known/ucp"',
    "the metadata service": 'profile="https://169.254.169.254/latest/meta-data/"',
    "loopback": 'profile="https://127.0.0.1/.well-known/ucp"',
    "loopback in IPv6": 'profile="https://[::1]/.well-known/ucp"',
    "an IPv4 address within IPv6": 'profile="https://[::ffff:10.0.0.1]/.well-known/ucp"',
    "a short address": 'profile="https://127.1/.well-known/ucp"',
    "a number": 'profile="https://2130706433/.well-known/ucp"',
    "user info": 'profile="https://user@platform.example/.well-known/ucp"',
    "a fragment": 'profile="https://platform.example/.well-known/ucp#a"',
    "a dot segment": 'profile="https://platform.example/a/../.well-known/ucp"',
    "a relative URL": 'profile="/.well-known/ucp"',
}


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_that_names_no_acceptable_url_is_refused(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.sign(platform.draft().put("UCP-Agent", AGENTS[name]))
    refused(gateway, merchant, platform, draft, "invalid_profile_url")


def test_a_request_without_an_agent_is_refused(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.sign(platform.draft().drop("UCP-Agent"))
    refused(gateway, merchant, platform, draft, "invalid_profile_url")


def test_a_stranger_is_not_trusted_where_only_registered_platforms_are(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    stranger = Platform("https://stranger.example/profile")
    answer = gateway.ask(stranger.sign(stranger.draft().put("Host", CLOSED_SHOP)).wire())
    check_refusal(answer, "profile_not_trusted", continue_url=CONTINUE)
    check_never_forwarded(gateway, merchant, platform)


def test_an_operation_that_is_not_listed_is_not_permitted(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    assert gateway.ask(LIMITED.signed().wire()).status == 200
    merchant.forget()
    draft = LIMITED.signed(target=f"{CHECKOUTS}/1")
    refused(gateway, merchant, platform, draft, "operation_not_permitted")


def test_an_operation_of_a_later_version_is_unknown(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    refused(gateway, merchant, platform, OLD.signed(target="/ucp/v1/carts/1"), "unknown_operation")


def test_a_write_without_a_key_is_refused(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.sign(post(platform).drop("Idempotency-Key"))
    refused(gateway, merchant, platform, draft, "idempotency_key_missing")


@pytest.mark.parametrize(
    "key",
    [
        "short",
        "k" * 256,
        "with spaces within the key",
        'with-"quotes"-within-the-key',
        "with-commas,within-the-key",
        "",
    ],
)
def test_a_key_that_is_not_well_formed_is_refused(
    key: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.sign(post(platform).put("Idempotency-Key", key))
    refused(gateway, merchant, platform, draft, "idempotency_key_invalid")


def test_one_good_signature_beside_a_bad_one_is_enough(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft, stranger = platform.draft(), Platform(platform.profile_url, "unknown-kid")
    pairs = [stranger.signature(draft, label="bad"), platform.signature(draft, label="good")]
    for name, values in zip(
        ("Signature-Input", "Signature"), zip(*pairs, strict=True), strict=True
    ):
        draft.add(name, ", ".join(values))
    assert gateway.ask(draft.wire()).status == 200
    (seen,) = merchant.requests
    assert seen.values("UCP-Verified-Keyid") == ["platform-2026"]


def test_a_signature_for_the_other_authority_leads_to_the_other_merchant(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    draft = platform.sign(platform.draft().put("Host", CLOSED_SHOP))
    answer = gateway.ask(draft.wire())
    assert answer.status == 200
    (seen,) = merchant.requests
    assert seen.values("X-Forwarded-Host") == [CLOSED_SHOP]
    gateway.expect_decision(answer, merchant="closed", decision="accept")
