"""Each rule of ``doctor``: a profile that keeps it, and one that does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from connector.diagnosis.doctor import (
    caching,
    directory,
    document,
    hosting,
    keys,
    services,
)
from connector.diagnosis.doctor.facts import BUSINESS, Visit
from connector.diagnosis.doctor.finding import BROKEN, OK, WARNING, Rule
from connector.egress.urls import normalise
from tests.connector.diagnosis.doctor.visits import (
    HEADERS,
    NOW,
    OLDER,
    SHOP,
    VERSION,
    business,
    examined,
    exchange,
    failed,
    findings,
    found,
    key,
    of_business,
    of_platform,
    visited,
)
from tests.connector.diagnosis.doctor.visits import directory as signed_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.egress.fetch import Exchange

ALL: Final = {
    rule.name
    for module in (hosting, caching, document, keys, directory, services)
    for rule in vars(module).values()
    if isinstance(rule, Rule)
}
SHOP_URL: Final = normalise(SHOP)


def serving(**headers: str | None) -> Exchange:
    """A business's profile with other headers, a None taking one away."""
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    merged = {name: value for name, value in {**HEADERS, **changed}.items() if value is not None}
    return exchange(json.dumps(business()).encode(), headers=merged)


def octets(body: bytes) -> dict[str, Any]:
    return {"profile": exchange(body, headers=HEADERS)}


def test_a_good_profile_of_a_business_keeps_every_rule() -> None:
    examination = examined(visited(business()), BUSINESS)
    assert [each for each in findings(examination) if each.verdict != OK] == []
    assert examination.good
    # Of these two there is nothing to say in a good one, and in a business's.
    kept = {each.rule for each in findings(examination)}
    assert ALL - kept == {"answer", "key-nesting", "webhook"}


def test_a_good_profile_of_a_platform_keeps_every_rule() -> None:
    examination = of_platform(lambda _: None)
    assert [each for each in findings(examination) if each.verdict != OK] == []
    kept = {each.rule for each in findings(examination)}
    nothing_to_say = {"answer", "key-nesting", "cors", "endpoints", "supported-versions"}
    assert ALL - kept == nothing_to_say


# What was visited, the rule, the verdict, and a part of what is said.
VISITS: Final[list[tuple[Visit, str, str, str]]] = [
    (visited(business(), f"{SHOP}?a=1"), "url", WARNING, "has a query"),
    (visited(business(), "https://shop.example.com/ucp"), "url", WARNING, "a business publishes"),
    (
        visited(business(), url=SHOP_URL.url)._replace(
            url=normalise("http://127.0.0.1/.well-known/ucp", allow_loopback=True)
        ),
        "https",
        WARNING,
        "plain HTTP",
    ),
    (
        visited(business(), profile=failed("invalid_profile_url", "unresolvable")),
        "address",
        BROKEN,
        "told of unresolvable",
    ),
    (
        visited(business(), profile=failed("invalid_profile_url", "special_use")),
        "address",
        BROKEN,
        "told of special_use",
    ),
    (
        visited(business(), profile=failed("discovery_pending", "resolver_failed")),
        "address",
        BROKEN,
        "the resolver of this machine",
    ),
    (
        visited(
            business(),
            profile=exchange(
                json.dumps(business()).encode(),
                headers=HEADERS,
                peer=normalise("https://127.0.0.1/", allow_loopback=True).address,
            ),
        ),
        "address",
        WARNING,
        "127.0.0.1, allowed for this test",
    ),
    (
        visited(business(), profile=failed("profile_unreachable", "connection", "expired")),
        "tls",
        BROKEN,
        "expired",
    ),
    (visited(business(), certificate_ends=NOW + 13.9 * 86_400), "tls", WARNING, "13 more days"),
    (
        visited(business(), profile=failed("profile_unreachable", "timeout")),
        "answer",
        BROKEN,
        "told of timeout",
    ),
    (
        visited(business(), profile=failed("profile_unreachable", "connection")),
        "answer",
        BROKEN,
        "told of connection",
    ),
    (
        visited(business(), profile=failed("profile_unreachable", "headers_too_large")),
        "answer",
        BROKEN,
        "told of headers_too_large",
    ),
    (
        visited(business(), profile=failed("profile_unreachable", "too_large")),
        "size",
        BROKEN,
        "told of too_large",
    ),
    (visited(business(), **octets(b"[" + b" " * 131_072 + b"]")), "size", WARNING, "131074"),
    (
        visited(business(), profile=exchange(status=301, headers={"Location": "/x\x1b"})),
        "redirect",
        BROKEN,
        "status 301 to '/x\\x1b'",
    ),
    (visited(business(), profile=exchange(status=404)), "status", BROKEN, "status 404"),
    (visited(business(), profile=serving(Content_Type="text/html")), "media-type", WARNING, "html"),
    (
        visited(business(), profile=serving(Content_Type=None)),
        "media-type",
        WARNING,
        "no Content-Type",
    ),
    (
        visited(business(), profile=serving(Content_Encoding="gzip")),
        "content-encoding",
        BROKEN,
        "gzip",
    ),
    (
        visited(business(), profile=serving(Cache_Control=None)),
        "cache-control",
        BROKEN,
        "no Cache-Control",
    ),
    (
        visited(business(), profile=serving(Cache_Control="max-age=60")),
        "cache-control",
        BROKEN,
        "lacks public",
    ),
    (
        visited(business(), profile=serving(Cache_Control="public, max-age=300, no-cache")),
        "cache-control",
        BROKEN,
        "no-cache",
    ),
    (
        visited(business(), profile=serving(Cache_Control="public, max-age=300, max-age=59")),
        "cache-control",
        BROKEN,
        "no max-age of 60",
    ),
    (
        visited(business(), profile=serving(Cache_Control="public, max-age=9" + "9" * 5000)),
        "cache-control",
        BROKEN,
        "no max-age of 60",
    ),
    (visited(business(), profile=serving(Age="300")), "lifetime", WARNING, "leaves nothing"),
    (visited(business(), profile=serving(Age="1, 2")), "lifetime", WARNING, "is no number"),
    (visited(business(), profile=serving(ETag=None)), "validator", WARNING, "neither"),
    (visited(business(), again=exchange()), "revalidation", WARNING, "status 200"),
    (
        visited(business(), again=failed("profile_unreachable", "timeout")),
        "revalidation",
        WARNING,
        "told of timeout",
    ),
    (visited(business(), head=exchange(status=405)), "head", WARNING, "status 405"),
    (
        visited(business(), profile=serving(Access_Control_Allow_Origin=None)),
        "cors",
        WARNING,
        "no Access-Control-Allow-Origin",
    ),
    (
        visited(business(), profile=serving(Access_Control_Allow_Origin="https://a.example")),
        "cors",
        WARNING,
        "https://a.example",
    ),
    (visited(business(), **octets(b"{")), "json", BROKEN, "not JSON"),
    (visited(business(), **octets(b'{"a": 1, "a": 2}')), "json", BROKEN, "twice"),
    (visited(business(), **octets(b"[]")), "json", BROKEN, "not a JSON object"),
    (visited(business(), **octets(b"\xef\xbb\xbf{}")), "json", BROKEN, "not JSON"),
    (
        visited(business(), **octets(b'{"a":' + b"[" * 33 + b"]" * 33 + b"}")),
        "json",
        BROKEN,
        "32 levels",
    ),
    (visited(business(), **octets(b"{}")), "gateway-reads", BROKEN, "version_missing"),
    (visited(business(), **octets(b"{}")), "version", BROKEN, "no ucp.version"),
    (
        visited(business(), leaves={OLDER: exchange(status=404)}),
        "supported-versions",
        BROKEN,
        "status 404",
    ),
    (
        visited(business(), leaves={OLDER: failed("profile_unreachable", "timeout")}),
        "supported-versions",
        BROKEN,
        "told of timeout",
    ),
    (
        visited(business(), leaves={OLDER: exchange(b"[")}),
        "supported-versions",
        BROKEN,
        "not JSON",
    ),
    (
        visited(business(), leaves={OLDER: exchange(b'{"ucp":{"version":"2026-01-23"}}')}),
        "supported-versions",
        BROKEN,
        "its ucp.version is '2026-01-23'",
    ),
    (
        visited(
            business(),
            leaves={OLDER: exchange(b'{"ucp":{"version":"%b","supported_versions":{}}}'
                                    % OLDER.encode())},
        ),
        "supported-versions",
        BROKEN,
        "it has supported_versions itself",
    ),
    (
        visited(business(), directory=failed("profile_unreachable", "timeout")),
        "key-directory",
        WARNING,
        "told of timeout",
    ),
    (
        visited(business(), directory=signed_directory(authority="other.example")),
        "key-directory",
        BROKEN,
        "none of the directory's keys",
    ),
    (
        visited(business(), directory=exchange(b"{}", headers=HEADERS)),
        "key-directory",
        BROKEN,
        "media type",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("visit", "rule", "verdict", "said"), VISITS, ids=[f"{each[1]}: {each[3]}" for each in VISITS]
)
def test_how_it_is_served_is_judged(visit: Visit, rule: str, verdict: str, said: str) -> None:
    finding = found(examined(visit, BUSINESS), rule, verdict)
    assert said in finding.saw
    assert finding.advice.endswith(".")


def _set(document: dict[str, Any], *path: str | int, to: object) -> None:
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to


def _entry(**changes: Any) -> dict[str, Any]:
    """A public key that is listed a third time, with something else about it."""
    return {**key("ES384").public_jwk(), **changes}


def put(*path: str | int, to: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: _set(document, *path, to=to)


def third_key(**changes: Any) -> Callable[[dict[str, Any]], object]:
    def spoil(document: dict[str, Any]) -> None:
        document["keys"].append(_entry(**changes))
        document["signing_keys"].append(_entry(**changes))

    return spoil


SHOPPING: Final = ("ucp", "services", "dev.ucp.shopping")
CHECKOUT: Final = ("ucp", "capabilities", "dev.ucp.shopping.checkout")

# What is changed of a business's profile, the rule, the verdict, and a part of what is said.
DOCUMENTS: Final[list[tuple[Callable[[dict[str, Any]], object], str, str, str]]] = [
    (put("ucp", "version", to="1.0"), "version", BROKEN, "'1.0' is no date"),
    (put("ucp", "version", to="2025-01-01"), "version", WARNING, "is not one of"),
    (put("ucp", "version", to=""), "gateway-reads", BROKEN, "version_malformed"),
    (put("keys", to={}), "gateway-reads", BROKEN, "keys_not_a_list"),
    (put("ucp", "supported_versions", to=[]), "supported-versions", BROKEN, "a list"),
    (
        put("ucp", "supported_versions", to={"one": SHOP}),
        "supported-versions",
        BROKEN,
        "not a version",
    ),
    (
        put("ucp", "supported_versions", to={"2026-01-11": "http://x"}),
        "supported-versions",
        BROKEN,
        "no URL over HTTPS",
    ),
    (put("x", to=[{"kty": "oct", "k": "AAAA"}]), "no-secrets", BROKEN, "it has k"),
    (third_key(d="AAAA"), "key", BROKEN, "its secret half is published"),
    (third_key(kid=1), "key", BROKEN, "it has no kid"),
    (third_key(kid="k" * 257), "key", BROKEN, "more than 256"),
    (third_key(kty=["EC"]), "key", BROKEN, "no text"),
    (third_key(use="enc"), "key", WARNING, "not for signatures"),
    (third_key(key_ops=["sign"]), "key", WARNING, "not for signatures"),
    (third_key(alg="ES256"), "key", BROKEN, "alg"),
    (third_key(x="AAAA"), "key", BROKEN, "octets"),
    (third_key(x="A" * 64, y="A" * 64), "key", BROKEN, "not on its curve"),
    (
        third_key(kty="OKP", crv="Ed25519", alg="EdDSA", x="AQ" + "A" * 41),
        "key",
        BROKEN,
        "small order",
    ),
    (third_key(kty="RSA", crv="none"), "key", WARNING, "few verifiers"),
    (third_key(kid=key().kid), "key-ids", BROKEN, "different keys"),
    (
        lambda document: document["keys"].append(document["keys"][0]),
        "key-ids",
        WARNING,
        "occurs twice",
    ),
    (
        third_key(**{**key("EdDSA").public_jwk(), "alg": "Ed25519", "kid": "2"}),
        "key",
        WARNING,
        "alg Ed25519",
    ),
    (lambda document: document["keys"].append(1), "key", BROKEN, "a number"),
    (lambda document: document["keys"].pop(0), "key-algorithms", WARNING, "Ed25519 only"),
    (lambda document: document["keys"].clear(), "key-algorithms", BROKEN, "no key"),
    (put("keys", to=None), "key-lists", BROKEN, "keys is null"),
    (put("keys", to=[{}] * 33), "key-lists", BROKEN, "33 keys"),
    (lambda document: document.pop("keys"), "key-lists", BROKEN, "(read since): missing"),
    (lambda document: document.pop("signing_keys"), "key-lists", WARNING, "2026-08-25): missing"),
    (lambda document: document["keys"].pop(), "key-lists", WARNING, "the two differ"),
    (
        lambda document: (document.pop("keys"), document.pop("signing_keys")),
        "key-lists",
        WARNING,
        "no keys",
    ),
    (put("ucp", "keys", to=[]), "key-nesting", WARNING, "ucp.keys"),
    (lambda document: document["ucp"].pop("services"), "members", BROKEN, "services"),
    (put("ucp", "services", to=[]), "services", BROKEN, "a list"),
    (put("ucp", "services", "Shop", to=[]), "services", BROKEN, "no reverse-domain name"),
    (put(*SHOPPING, to={}), "services", BROKEN, "an object"),
    (put(*SHOPPING, 0, to=1), "services", BROKEN, "an entry is a number"),
    (put(*SHOPPING, 0, "version", to="1"), "services", BROKEN, "no version"),
    (put(*SHOPPING, 0, "transport", to="soap"), "services", BROKEN, "transport"),
    (lambda document: _pop(document, *SHOPPING, 0, "endpoint"), "services", BROKEN, "endpoint"),
    (lambda document: _pop(document, *CHECKOUT, 0, "schema"), "capabilities", BROKEN, "schema"),
    (put(*CHECKOUT, 0, "extends", to="a.b"), "capabilities", WARNING, "extends nothing"),
    (
        put("ucp", "payment_handlers", "com.example.pay", 0, to={"version": VERSION}),
        "payment-handlers",
        BROKEN,
        "lacks id",
    ),
    (
        put(*CHECKOUT, 0, "schema", to="https://evil.example/a"),
        "schema-authority",
        BROKEN,
        "example.evil does not begin the name",
    ),
    (
        put(*CHECKOUT, 0, "schema", to="https://ucp.dev@evil.example/a"),
        "schema-authority",
        BROKEN,
        "not an absolute URL",
    ),
    (
        put(*CHECKOUT, 0, "schema", to="https://dev/a"),
        "schema-authority",
        BROKEN,
        "no registered name",
    ),
    (
        put(*SHOPPING, 0, "endpoint", to="http://shop.example.com/a"),
        "endpoints",
        BROKEN,
        "scheme is not https",
    ),
    (put(*SHOPPING, 0, "endpoint", to="https://10.0.0.1/a"), "endpoints", BROKEN, "special-use"),
    (
        put(*SHOPPING, 0, "endpoint", to="https://api.example.com/a"),
        "endpoints",
        WARNING,
        "not at shop.example.com",
    ),
    (
        put(*SHOPPING, 0, "endpoint", to="https://shop.example.com/a/"),
        "endpoints",
        WARNING,
        "ends in a slash",
    ),
    (put("ucp", "services", to={}), "endpoints", WARNING, "none"),
]


def _pop(document: dict[str, Any], *path: str | int) -> None:
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    at.pop(path[-1])


@pytest.mark.parametrize(
    ("spoil", "rule", "verdict", "said"),
    DOCUMENTS,
    ids=[f"{each[1]}: {each[3]}" for each in DOCUMENTS],
)
def test_what_stands_in_it_is_judged(
    spoil: Callable[[dict[str, Any]], object], rule: str, verdict: str, said: str
) -> None:
    finding = found(of_business(spoil), rule, verdict)
    assert said in finding.saw
    assert finding.advice.endswith(".")


PLATFORMS: Final[list[tuple[Callable[[dict[str, Any]], object], str, str, str]]] = [
    (lambda document: document.pop("keys"), "key-lists", BROKEN, "no keys"),
    (put("ucp", "version", to=OLDER), "key-lists", BROKEN, "(read before 2026-08-25): missing"),
    (put("ucp", "supported_versions", to={}), "supported-versions", WARNING, "platform"),
    (lambda document: _pop(document, *SHOPPING, 0, "spec"), "services", BROKEN, "lacks spec"),
    (
        put("ucp", "capabilities", "dev.ucp.shopping.order", 0, "config", to={}),
        "webhook",
        BROKEN,
        "without a webhook_url",
    ),
    (
        put(
            "ucp", "capabilities", "dev.ucp.shopping.order", 0, "config",
            to={"webhook_url": "https://192.168.0.1/"},
        ),
        "webhook",
        BROKEN,
        "special-use",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "rule", "verdict", "said"),
    PLATFORMS,
    ids=[f"{each[1]}: {each[3]}" for each in PLATFORMS],
)
def test_what_stands_in_a_platforms_is_judged(
    spoil: Callable[[dict[str, Any]], object], rule: str, verdict: str, said: str
) -> None:
    finding = found(of_platform(spoil), rule, verdict)
    assert said in finding.saw
    assert finding.advice.endswith(".")


def test_every_rule_is_shown_broken_or_warned_of() -> None:
    shown = {each[1] for each in (*VISITS, *DOCUMENTS, *PLATFORMS)}
    assert shown == ALL


def test_a_url_in_another_form_than_the_identity_is_told() -> None:
    examination = examined(
        visited(business()), BUSINESS, "HTTPS://Shop.example.com:443/.well-known/ucp"
    )
    assert repr(SHOP) in found(examination, "url", WARNING).saw


def test_the_first_release_is_judged_by_its_own_shapes() -> None:
    january = {
        "ucp": {
            "version": "2026-01-11",
            "services": {
                "dev.ucp.shopping": {
                    "version": "2026-01-11",
                    "rest": {"schema": "https://ucp.dev/a", "endpoint": "https://shop.example.com"},
                }
            },
            "capabilities": [{"name": "dev.ucp.shopping.checkout", "version": "2026-01-11"}],
        },
        "signing_keys": [key().public_jwk()],
    }
    examination = examined(visited(january, leaves={}), BUSINESS)
    # Its keys stand where its own readers look; those of the newest release look elsewhere.
    worse = [(each.rule, each.verdict) for each in findings(examination) if each.verdict != OK]
    assert worse == [("key-lists", WARNING)]


def test_the_older_binding_of_schemas_is_no_fault_yet() -> None:
    def spoil(document: dict[str, Any]) -> None:
        _set(document, "ucp", "version", to=OLDER)
        _set(document, *CHECKOUT, 0, "schema", to="https://evil.example/a")

    found(of_business(spoil), "schema-authority", WARNING)


def test_a_key_of_the_directory_that_does_not_sign_it_is_named() -> None:
    whole = signed_directory(key(), key("EdDSA"))
    first = [
        (name, value.partition(b", sig2")[0]) if name.startswith(b"Signature") else (name, value)
        for name, value in whole.headers
    ]
    visit = visited(business(), directory=whole._replace(headers=first))
    finding = found(examined(visit, BUSINESS), "key-directory", BROKEN)
    assert key("EdDSA").thumbprint in finding.saw
