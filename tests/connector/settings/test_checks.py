"""Rules between settings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connector.settings.documents import (
    KEY,
    OTHER_KEY,
    PLATFORM,
    merchant,
    problems,
    registering,
    settings,
)

PINNED = {**PLATFORM, "keys": [KEY], "version": "2026-08-25"}
OTHER = {"profile": "https://other.example/ucp"}


def one(document: dict[str, Any] | None = None, **sections: Any) -> str:
    (line,) = problems(document, **sections)
    return line.removeprefix("config.yaml: ")


def of_platform(*platforms: dict[str, Any], **changes: Any) -> str:
    return one(registering(*platforms, **changes)).removeprefix("merchants[0].platforms.registered")


@pytest.mark.parametrize(
    ("first", "second", "scheme"),
    [
        ("shop.example.com", "shop.example.com", "https"),
        ("shop.example.com", "SHOP.example.COM", "https"),
        ("shop.example.com", "shop.example.com:443", "https"),
        ("shop.example.com", "shop.example.com:80", "http"),
        ("[2001:db8::1]", "[2001:DB8:0:0::1]", "https"),
        ("shop.example.com:8443", "Shop.Example.com:08443", "https"),
    ],
)
def test_one_authority_in_two_merchants_is_refused(first: str, second: str, scheme: str) -> None:
    told = one(
        merchants=[
            merchant(authorities=[first]),
            merchant(id="other", authorities=["a.example", second], scheme=scheme),
        ]
    )
    assert told.startswith("merchants[1].authorities[1]: ")
    assert told.endswith(" already names merchants[0] (flower-shop)")


def test_one_authority_twice_in_a_merchant_is_refused() -> None:
    told = one(merchants=[merchant(authorities=["a.example", "A.example:443"])])
    assert told == "merchants[0].authorities[1]: a.example stands twice in this merchant"


def test_ports_that_are_no_defaults_tell_merchants_apart() -> None:
    settings(
        merchants=[
            merchant(authorities=["a.example"]),
            merchant(id="b", authorities=["a.example:80"]),
            merchant(id="c", authorities=["a.example:8443"]),
        ]
    )


def test_one_id_for_two_merchants_is_refused() -> None:
    told = one(merchants=[merchant(), merchant(authorities=["b.example"])])
    assert told == "merchants[1].id: flower-shop is already the id of merchants[0]"


@pytest.mark.parametrize(
    ("tls", "told"),
    [
        ({"certificate": "c.pem"}, "key: is missing: certificate cannot be used without it"),
        ({"key": "k.pem"}, "certificate: is missing: key cannot be used without it"),
        ({"client_ca": "ca.pem"}, "client_ca: cannot be used without certificate and key"),
    ],
)
def test_tls_needs_both_halves(tls: dict[str, str], told: str) -> None:
    assert one(listen={"tls": tls}) == f"listen.tls.{told}"


def test_tls_with_both_halves_is_taken() -> None:
    tls = {"certificate": "c.pem", "key": "k.pem", "client_ca": "ca.pem"}
    assert settings(listen={"tls": tls}).listen.tls.client_ca is not None


def test_both_listeners_on_one_port_are_refused() -> None:
    assert one(admin={"port": 8080}) == "admin.port: is the port of listen, too"
    settings(admin={"port": 0}, listen={"port": 0})
    settings(admin={"port": 8080, "host": "127.0.0.2"})


@pytest.mark.parametrize("keys", ["audit", "audit/keys", "./audit/a/b"])
def test_audit_keys_inside_the_log_are_refused(keys: str) -> None:
    assert one(audit={"keys": keys}).startswith("audit.keys: is inside audit.directory")


def test_a_line_longer_than_the_head_is_refused() -> None:
    assert one(limits={"header_line": "64KiB"}).startswith("limits.header_line: is more than")


@pytest.mark.parametrize("tier", ["discovered", "registered"])
def test_compat_is_for_no_whole_tier(tier: str) -> None:
    told = one(tiers={tier: {"coverage": "compat"}})
    assert told.startswith(f"tiers.{tier}.coverage: compat is only for registered platforms")


def test_target_uri_is_for_any_tier() -> None:
    settings(tiers={"discovered": {"coverage": "target-uri"}})


def test_older_schemes_are_not_for_strangers() -> None:
    schemes = ["rfc9421", "detached-jws"]
    assert one(tiers={"discovered": {"schemes": schemes}}).startswith("tiers.discovered.schemes:")
    settings(tiers={"registered": {"schemes": schemes}})


def test_an_operation_that_nobody_has_is_refused() -> None:
    told = one(tiers={"discovered": {"operations": ["get_cart", "get_carts"]}})
    assert told == "tiers.discovered.operations: no operation is called 'get_carts'"
    told = of_platform({**PLATFORM, "operations": ["book"]})
    assert told == "[0].operations: no operation is called 'book'"


def test_an_extension_is_an_operation() -> None:
    extension = {"name": "book", "method": "POST", "path": "/things/{id}/do", "kind": "write"}
    document = registering({**PLATFORM, "operations": ["book"]}, operations=[extension])
    settings(document, tiers={"discovered": {"operations": ["book"]}})


def test_an_extension_twice_is_refused() -> None:
    extension = {"name": "book", "method": "POST", "path": "/a", "kind": "write"}
    told = one(merchants=[merchant(operations=[extension, {**extension, "path": "/b"}])])
    assert told == "merchants[0].operations[1].name: book stands twice"


def test_a_get_that_writes_is_refused() -> None:
    extension = {"name": "book", "method": "GET", "path": "/a", "kind": "write"}
    told = one(merchants=[merchant(operations=[extension])])
    assert told.startswith("merchants[0].operations[0].kind: a GET has no body")


@pytest.mark.parametrize(
    ("rest", "mcp", "told"),
    [
        ("/ucp", "/ucp", "endpoints.mcp: is the same path as endpoints.rest"),
        ("/", "/", "endpoints.mcp: is the same path as endpoints.rest"),
        ("/mcp/rest", "/mcp", "endpoints.rest: is below endpoints.mcp"),
        ("/ucp", "/ucp/carts", "endpoints.mcp: could be an operation of endpoints.rest"),
        ("/", "/catalog/mcp", "endpoints.mcp: could be an operation of endpoints.rest"),
        ("/", "/things/mcp", "endpoints.mcp: could be an operation of endpoints.rest"),
        ("off", "off", "endpoints: both transports are off, so nothing could be asked for"),
    ],
)
def test_endpoints_that_could_be_confused_are_refused(rest: str, mcp: str, told: str) -> None:
    extension = {"name": "book", "method": "POST", "path": "/things/{id}/do", "kind": "write"}
    document = merchant(endpoints={"rest": rest, "mcp": mcp}, operations=[extension])
    assert one(merchants=[document]) == f"merchants[0].{told}"


@pytest.mark.parametrize(
    ("rest", "mcp"),
    [
        ("/ucp", "/ucp/mcp"),
        ("/", "/ucp/mcp"),
        ("/ucp/v1", "/ucp/v1-mcp"),
        ("off", "/mcp"),
        ("/ucp", "/"),
        ("/ucp", "off"),
    ],
)
def test_endpoints_that_cannot_be_confused_are_taken(rest: str, mcp: str) -> None:
    settings(merchants=[merchant(endpoints={"rest": rest, "mcp": mcp})])


def test_a_profile_from_a_file_needs_the_file() -> None:
    told = one(merchants=[merchant(profile={"source": "file"})])
    assert told == "merchants[0].profile.file: is missing: source is file"
    told = one(merchants=[merchant(profile={"file": "p.json"})])
    assert told == "merchants[0].profile.file: needs source: file"
    settings(merchants=[merchant(profile={"source": "file", "file": "p.json"})])


def test_a_leaf_cannot_take_a_path_of_ours() -> None:
    told = one(merchants=[merchant(profile={"leaves": {"/.well-known/ucp": "x.json"}})])
    assert (
        told == "merchants[0].profile.leaves: /.well-known/ucp is published by the gateway itself"
    )


def test_pinned_keys_need_a_version() -> None:
    told = of_platform({**PLATFORM, "keys": [KEY]})
    assert told.startswith("[0].version: is missing")


def test_a_version_that_the_merchant_does_not_speak_is_refused() -> None:
    told = of_platform({**PINNED, "version": "2026-01-23"})
    assert told == "[0].version: 2026-01-23 is none of the merchant's versions"


def test_compat_and_talos_need_pinned_keys() -> None:
    told = of_platform({**PLATFORM, "coverage": "compat"})
    assert told == "[0].coverage: compat is only for platforms with pinned keys"
    told = of_platform({**PLATFORM, "schemes": ["talos"]})
    assert told == "[0].schemes: talos is only for platforms with pinned keys"
    settings(registering({**PINNED, "coverage": "compat", "schemes": ["rfc9421", "talos"]}))
    tiers = {"registered": {"schemes": ["rfc9421", "talos"]}}
    (told,) = problems({"tiers": tiers, **registering(PLATFORM)})
    assert told.endswith("[0].schemes: talos is only for platforms with pinned keys")
    settings({"tiers": tiers, **registering({**PLATFORM, "schemes": ["rfc9421"]})})


def test_one_key_in_two_registrations_is_refused() -> None:
    second = {**OTHER, "keys": [OTHER_KEY, {**KEY, "kid": "renamed"}], "version": "2026-08-25"}
    assert of_platform(PINNED, second) == "[1].keys[1]: the same key is pinned in registered[0]"


def test_one_key_in_registrations_of_two_merchants_is_taken() -> None:
    platforms = {"registered": [PINNED]}
    settings(
        merchants=[
            merchant(platforms=platforms),
            merchant(id="b", authorities=["b.example"], platforms=platforms),
        ]
    )


def test_two_keys_with_one_kid_are_refused() -> None:
    keys = [KEY, {**OTHER_KEY, "kid": KEY["kid"]}]
    told = of_platform({**PINNED, "keys": keys})
    assert told == "[0].keys[1]: another key has the kid 'platform-2026', too"


def test_one_profile_in_two_registrations_is_refused() -> None:
    told = of_platform(PLATFORM, {"profile": "https://PLATFORM.example:443/.well-known/ucp"})
    assert told == "[1].profile: is already registered as registered[0]"


def test_a_profile_in_plain_http_needs_the_insecure_setting() -> None:
    document = registering({"profile": "http://127.0.0.1:9000/ucp"})
    told = one(document)
    assert told == "merchants[0].platforms.registered[0].profile: is not an https URL"
    settings(document, discovery={"insecure_allow_loopback_profiles": True})


def test_problems_of_all_merchants_are_told_at_once() -> None:
    told = problems(
        merchants=[
            merchant(endpoints={"rest": "/a", "mcp": "/a"}),
            merchant(profile={"source": "file"}),
        ]
    )
    assert len(told) == 4


def test_a_merchant_can_only_name_operations_that_exist() -> None:
    named = merchant(platforms={"discovered_operations": ["get_cart", "buy_all"]})
    (problem,) = problems(merchants=[named])
    assert problem.startswith("config.yaml: merchants[0].platforms.discovered_operations: ")
    assert problem.endswith("no operation is called 'buy_all'")


def test_bodies_are_only_refused_by_schemas_that_there_are() -> None:
    told = one(merchants=[merchant(validation={"requests": "enforce"})])
    assert told == (
        "merchants[0].validation.requests: enforce has no schema of version 2026-04-08:"
        " use report, or take it out of versions"
    )
    settings(merchants=[merchant(validation={"requests": "report"})])
    settings(merchants=[merchant(validation={"requests": "enforce"}, versions=["2026-08-25"])])
