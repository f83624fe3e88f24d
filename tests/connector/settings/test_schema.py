"""What the design's configuration means, and what each setting refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from connector.settings.documents import read_document
from connector.settings.terms import OPERATION_NAMES
from connector.settings.units import Rate
from connector.transports.operations import OPERATIONS
from tests.connector.settings.documents import (
    FOLDER,
    KEY,
    PLATFORM,
    merchant,
    problems,
    registering,
    settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# Every setting of the design with the value that stands there, those without one left empty.
DESIGN = """
listen:   {host: 127.0.0.1, port: 8080, workers: 1, tls: {certificate, key, client_ca}}
admin:    {host: 127.0.0.1, port: 9090, token_file}
trusted_proxies: []
authority_from: host
store:    {url: "embedded:", directory: ./store, timeout: 250ms, idempotency_ttl: 48h,
           tombstone_ttl: 30d, max_replayable_body: 1MiB, encryption_keys, wait_replicas: 0,
           wait_in_progress: 0s}
audit:    {directory: ./audit, keys: ./audit-keys, instance, durability: fsync, evidence_key}
signing:  {keys: ./keys.json}
discovery: {insecure_allow_loopback_profiles: false, budget: 10/s, max_document: 256KiB,
            cache_entries: 10000, connect_timeout: 2s, timeout: 5s, fleet_key, revoked: [],
            nested_keys: false}
limits:   {body: 1MiB, headers: 100, header_line: 16KiB, header_bytes: 32KiB, header_timeout: 10s,
           body_timeout: 30s, in_flight: 512}
rates:    {reads: 100/s, writes: 20/s, per_peer: 200/s}
tiers:
  discovered: {schemes: [rfc9421], coverage: strict,
               freshness: {required: false, max_age: 5m, nonce: false}, operations: all, rates}
  registered: {schemes: [rfc9421], coverage: strict,
               freshness: {required: false, max_age: 5m, nonce: false}, operations: all, rates}
merchants:
  - id: flower-shop
    authorities: [shop.example.com]
    scheme: https
    versions: ["2026-08-25", "2026-04-08"]
    endpoints: {rest: /ucp/v1, mcp: /ucp/mcp}
    operations: []
    upstream: {url: "http://127.0.0.1:8182", connect_timeout: 2s, response_timeout: 30s,
               idempotent: false, preserve_host: true, refusals: [429]}
    profile: {source: upstream, leaves: {}}
    platforms: {discovery: open, registered: [], directory}
    enforcement: {signatures: enforce, rates: enforce}
    validation: {requests: off, unknown_fields: allow}
    responses: {sign: true, bind_request: false}
    continue_url:
    path_ids:
    rates:
    signing:
"""


def test_the_designs_configuration_loads_and_holds_the_defaults() -> None:
    written = settings(read_document(DESIGN, "design"))
    assert written == settings()


def test_values_arrive_in_seconds_octets_and_rates() -> None:
    made = settings(
        limits={"body": "2MiB", "header_timeout": "1500ms"}, rates={"reads": "5/m burst 9"}
    )
    assert made.limits.body == 2_097_152
    assert made.limits.header_timeout == 1.5
    assert made.rates.reads == Rate(5, 60, 9)
    assert made.store.timeout == 0.25


def test_settings_cannot_be_changed() -> None:
    made = settings()
    with pytest.raises(ValidationError):
        made.listen.port = 1
    with pytest.raises(ValidationError):
        made.merchants[0].upstream.idempotent = True


def test_paths_start_from_the_folder_and_so_do_their_defaults() -> None:
    made = settings(audit={"directory": "/var/log/audit", "keys": "secret/keys"})
    assert str(made.audit.directory) == "/var/log/audit"
    assert made.audit.keys == FOLDER / "secret/keys"
    assert made.store.directory == FOLDER / "store"
    assert made.signing.keys == FOLDER / "keys.json"


def test_a_section_whose_lines_are_all_commented_out_is_the_default() -> None:
    assert settings(store=None, listen={"tls": None, "port": None}) == settings()


def test_an_authority_drops_the_default_port_of_its_scheme_only() -> None:
    made = settings(
        merchants=[
            merchant(authorities=["A.example:443", "a.example:80"]),
            merchant(id="other", scheme="http", authorities=["B.example:80", "b.example:443"]),
        ]
    )
    assert made.merchants[0].authorities == ("a.example", "a.example:80")
    assert made.merchants[1].authorities == ("b.example", "b.example:443")


def test_a_root_endpoint_is_an_empty_prefix_and_off_is_none() -> None:
    (one,) = settings(merchants=[merchant(endpoints={"rest": "/", "mcp": "off"})]).merchants
    assert one.endpoints.rest == ""
    assert one.endpoints.mcp is None


def test_a_leaf_is_read_from_a_file_or_from_the_merchant() -> None:
    leaves = {"/.well-known/a.json": "a.json", "/b": "upstream"}
    (one,) = settings(merchants=[merchant(profile={"leaves": leaves})]).merchants
    assert one.profile.leaves == {"/.well-known/a.json": FOLDER / "a.json", "/b": "upstream"}


def test_the_protocols_operations_are_those_of_the_transport() -> None:
    assert {rule.name for rule in OPERATIONS} == OPERATION_NAMES


def test_a_registered_platform_keeps_its_terms() -> None:
    (one,) = settings(
        registering(
            PLATFORM
            | {
                "keys": [KEY],
                "version": "2026-08-25",
                "coverage": "compat",
                "freshness": {"required": True, "max_age": "90s"},
                "operations": ["get_checkout"],
                "rates": {"writes": "1/m"},
                "schemes": ["rfc9421", "detached-jws"],
            }
        )
    ).merchants
    (platform,) = one.platforms.registered
    assert platform.keys == (KEY,)
    assert platform.freshness is not None
    assert (platform.freshness.required, platform.freshness.max_age) == (True, 90)
    assert platform.operations == ("get_checkout",)


def _merchant(**changes: Any) -> dict[str, Any]:
    return {"merchants": [merchant(**changes)]}


def _platform(**changes: Any) -> dict[str, Any]:
    return registering({**PLATFORM, **changes})


def _extension(**changes: Any) -> dict[str, Any]:
    extension = {"name": "book", "method": "POST", "path": "/things/{id}/do", "kind": "write"}
    return _merchant(operations=[extension | changes])


_AT = "config.yaml: "
_PLATFORM_AT = "merchants[0].platforms.registered[0]."


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"lisen": {}}, "lisen: unknown key; did you mean listen?"),
        ({"listen": {"prot": 1}}, "listen.prot: unknown key; did you mean port?"),
        ({"listen": {"tls": {"cert": "x"}}}, "listen.tls.cert: unknown key"),
        ({"zzz": 1}, "zzz: unknown key"),
        ({"listen": 5}, "listen: is not a mapping of settings"),
        ({"listen": {"port": "8080"}}, "listen.port: is not a whole number"),
        ({"listen": {"port": True}}, "listen.port: is not a whole number"),
        ({"listen": {"port": 65536}}, "listen.port: is more than 65535"),
        ({"listen": {"port": -1}}, "listen.port: is less than 0"),
        ({"listen": {"workers": 0}}, "listen.workers: is less than 1"),
        ({"listen": {"host": ""}}, "listen.host: is empty"),
        ({"listen": {"host": "http://x"}}, "listen.host: 'http://x' is not a host name or address"),
        ({"listen": {"host": 127}}, "listen.host: is not text; put it into quotes"),
        ({"authority_from": "forwarded"}, "authority_from: is none of host or x-forwarded-host"),
        (
            {"trusted_proxies": ["10.0.0.1/8"]},
            "trusted_proxies[0]: '10.0.0.1/8' is not an address or network such as 10.0.0.0/8",
        ),
        ({"trusted_proxies": "10.0.0.0/8"}, "trusted_proxies: is not a list"),
        ({"store": {"timeout": "0s"}}, "store.timeout: is zero"),
        (
            {"store": {"timeout": "soon"}},
            "store.timeout: 'soon' is not a duration such as 250ms, 2s, 10m, 48h or 30d",
        ),
        (
            {"store": {"idempotency_ttl": "23h"}},
            "store.idempotency_ttl: is less than 24h, which the protocol promises to platforms",
        ),
        (
            {"store": {"max_replayable_body": "1MB"}},
            "store.max_replayable_body: '1MB' is not a size such as 256KiB, 1MiB or a number of",
        ),
        ({"audit": {"durability": "maybe"}}, "audit.durability: is none of fsync or os"),
        (
            {"audit": {"instance": "a/b"}},
            "audit.instance: 'a/b' is not a name of letters, digits and . _ -",
        ),
        (
            {"discovery": {"max_document": "64KiB"}},
            "discovery.max_document: is less than 128KiB, which every verifier must be able to",
        ),
        ({"discovery": {"revoked": ["abc"]}}, "discovery.revoked[0]: 'abc' is not an RFC 7638"),
        ({"discovery": {"nested_keys": "yes"}}, "discovery.nested_keys: is neither true nor false"),
        ({"discovery": {"nested_keys": 1}}, "discovery.nested_keys: is neither true nor false"),
        (
            {"rates": {"reads": "100"}},
            "rates.reads: '100' is not a rate such as 20/s, 100/m or 5/s burst 10",
        ),
        (
            {"tiers": {"discovered": {"coverage": "lax"}}},
            "tiers.discovered.coverage: is none of strict, compat or target-uri",
        ),
        ({"tiers": {"discovered": {"schemes": []}}}, "tiers.discovered.schemes: is empty"),
        (
            {"tiers": {"registered": {"operations": "some"}}},
            'tiers.registered.operations: is neither "all" nor a list of operations',
        ),
        (
            {"tiers": {"registered": {"rates": {"total": "1/s"}}}},
            "tiers.registered.rates.total: unknown key",
        ),
        ({"merchants": []}, "merchants: is empty"),
        ({"merchants": {}}, "merchants: is not a list"),
        (_merchant(id="Flower Shop"), "merchants[0].id: 'Flower Shop' is not a name of lower-case"),
        (_merchant(authorities=[]), "merchants[0].authorities: is empty"),
        (
            _merchant(authorities=["https://shop.example.com"]),
            "merchants[0].authorities[0]: 'https://shop.example.com' is not a host name or",
        ),
        (_merchant(scheme="ftp"), "merchants[0].scheme: is none of https or http"),
        (
            _merchant(versions=["2026-13-01"]),
            "merchants[0].versions[0]: '2026-13-01' is not a protocol version such as 2026-08-25",
        ),
        (_merchant(versions=["20260825"]), "merchants[0].versions[0]: '20260825' is not a"),
        (
            _merchant(versions=["2026-08-25"] * 2),
            "merchants[0].versions: '2026-08-25' stands twice",
        ),
        (
            _merchant(upstream={"url": "http://127.0.0.1:8182/v1"}),
            "merchants[0].upstream.url: 'http://127.0.0.1:8182/v1' has a path or query",
        ),
        (
            _merchant(upstream={"url": "127.0.0.1:8182"}),
            "merchants[0].upstream.url: is not a URL that begins with https:// or http://",
        ),
        (_merchant(upstream={}), "merchants[0].upstream.url: is missing"),
        (
            _merchant(upstream={"url": "http://a.example", "refusals": [200]}),
            "merchants[0].upstream.refusals[0]: is less than 400",
        ),
        (
            _merchant(endpoints={"rest": "ucp/v1"}),
            "merchants[0].endpoints.rest: 'ucp/v1' is neither off nor a path such as /ucp/v1",
        ),
        (_merchant(endpoints={"rest": "/ucp/"}), "merchants[0].endpoints.rest: '/ucp/' is neither"),
        (
            _merchant(endpoints={"mcp": "/a/../b"}),
            "merchants[0].endpoints.mcp: '/a/../b' is neither",
        ),
        (_merchant(endpoints={"mcp": "/a%20b"}), "merchants[0].endpoints.mcp: '/a%20b' is neither"),
        (_merchant(endpoints={"mcp": 5}), "merchants[0].endpoints.mcp: 5 is neither off nor"),
        (_extension(path="things"), "merchants[0].operations[0].path: 'things' is not a path such"),
        (_extension(path="/things/"), "merchants[0].operations[0].path: '/things/' is not a path"),
        (_extension(path="/a{id}"), "merchants[0].operations[0].path: '/a{id}' is not a path"),
        (_extension(kind="both"), "merchants[0].operations[0].kind: is none of read or write"),
        (_extension(method="HEAD"), "merchants[0].operations[0].method: is none of GET, POST,"),
        (_extension(name="Book"), "merchants[0].operations[0].name: 'Book' is not a name of"),
        (
            _extension(name="get_order"),
            "merchants[0].operations[0].name: get_order is an operation of the protocol itself",
        ),
        (_merchant(continue_url="/cart"), "merchants[0].continue_url: is not a URL"),
        (_merchant(path_ids="raw"), "merchants[0].path_ids: is none of plain or encoded"),
        (
            _merchant(enforcement={"signatures": "observe"}),
            "merchants[0].enforcement.signatures: is none of enforce or insecure_observe",
        ),
        (
            _merchant(profile={"leaves": {"leaf.json": "upstream"}}),
            "merchants[0].profile.leaves.leaf.json: 'leaf.json' is not a path such as",
        ),
        (registering({}), f"{_PLATFORM_AT}profile: is missing"),
        (_platform(profile="platform.example"), f"{_PLATFORM_AT}profile: is not a URL that"),
        (_platform(keys=[]), f"{_PLATFORM_AT}keys: is empty"),
        (_platform(keys=["x"]), f"{_PLATFORM_AT}keys[0]: is not a mapping"),
        (
            _platform(keys=[{**KEY, "y": KEY["x"]}]),
            f"{_PLATFORM_AT}keys[0]: the key's point is not on its curve",
        ),
        (
            _platform(keys=[{k: v for k, v in KEY.items() if k != "kid"}]),
            f"{_PLATFORM_AT}keys[0]: has no kid, so no signature can name it",
        ),
        (
            _platform(keys=[{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}]),
            f"{_PLATFORM_AT}keys[0]: a key of kind 'oct'",
        ),
        (_platform(schemes=["hmac"]), f"{_PLATFORM_AT}schemes[0]: is none of rfc9421,"),
        (_platform(tier="gold"), f"{_PLATFORM_AT}tier: is none of registered or discovered"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_place(
    document: dict[str, Any], told: str
) -> None:
    (line,) = problems(document)
    assert line.startswith(_AT + told)
    assert "\n" not in line


def test_a_missing_merchant_is_told() -> None:
    assert problems(merchants=None) == ["config.yaml: merchants: is missing"]


def test_every_problem_has_its_own_line() -> None:
    assert problems(listen={"port": "x"}, admin={"prot": 1}, limits={"body": "big"}) == [
        "config.yaml: listen.port: is not a whole number",
        "config.yaml: admin.prot: unknown key; did you mean port?",
        "config.yaml: limits.body: 'big' is not a size such as 256KiB, 1MiB or a number of bytes",
    ]


@pytest.mark.parametrize("make", [str, lambda text: [text], lambda text: {"a": text}])
def test_a_huge_value_makes_no_huge_line(make: Callable[[str], object]) -> None:
    (line,) = problems(limits={"body": make("x" * 100_000)})
    assert len(line) < 300


def test_a_huge_key_makes_no_huge_line() -> None:
    (line,) = problems(limits={"x" * 100_000: 1})
    assert len(line) < 300


@pytest.mark.parametrize("operations", ["all", ["get_order", "create_cart"], []])
def test_operations_are_written_as_they_were_read(operations: str | list[str]) -> None:
    made = settings(tiers={"registered": {"operations": operations}})
    written = made.model_dump(mode="json")["tiers"]["registered"]["operations"]
    assert written == operations
