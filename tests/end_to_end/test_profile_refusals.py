"""Platforms that are known by their profile alone: fetched once, or refused for what it is."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.end_to_end.client import HOST
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.platform import ORDERS, Platform, new_key
from tests.end_to_end.raw_server import Behaviour, RawServer, Seen, Visit, answer, nobody
from tests.end_to_end.refusals import check_refusal, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant

PATH: Final = "/.well-known/ucp"


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    shop = module_merchant.settings(platforms={"registered": [platform.registration()]})
    settings = configuration(
        shop,
        discovery={
            "insecure_allow_loopback_profiles": True,
            "connect_timeout": "3s",
            "timeout": "3s",
        },
    )
    with running_gateway(tmp_path_factory.mktemp("gateway"), settings) as running:
        yield running


@pytest.fixture(scope="module")
def hosts() -> Iterator[ExitStack]:
    """Keep all hosts to the end: a port that is used again is an origin that is known."""
    with ExitStack() as running:
        yield running


@pytest.fixture
def host(hosts: ExitStack) -> RawServer:
    """Where a stranger's profile is: an origin that no other test has asked."""
    return hosts.enter_context(RawServer())


def stranger_at(host: RawServer) -> Platform:
    """Return a platform whose profile is at ``host``, as it should be."""
    platform = Platform(f"{host.origin}{PATH}", "stranger-2026")
    host.default = answer(platform.profile())
    return platform


def test_a_stranger_is_verified_by_its_profile_which_is_fetched_once(
    gateway: RunningGateway, merchant: Merchant, host: RawServer
) -> None:
    stranger = stranger_at(host)
    for number in range(3):
        assert gateway.ask(stranger.signed(target=f"{ORDERS}/{number}").wire()).status == 200
    assert [seen.values("UCP-Verified-Tier") for seen in merchant.requests] == [["discovered"]] * 3
    assert {seen.values("UCP-Verified-Identity")[0] for seen in merchant.requests} == {
        stranger.profile_url
    }
    (asked,) = host.requests
    assert asked.request_line == f"GET {PATH} HTTP/1.1".encode()
    assert asked.values("Host") == [f"{HOST}:{host.port}"]
    assert asked.values("Accept-Encoding") == ["identity"]
    # Nothing of the caller's goes to a URL that the caller names.
    assert len(asked.lines) == 5


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=["ES256", "ES384"])
def test_both_curves_verify(
    curve: ec.EllipticCurve, gateway: RunningGateway, merchant: Merchant, host: RawServer
) -> None:
    stranger = Platform(f"{host.origin}{PATH}")
    stranger.jwk = new_key("by-curve", curve)
    host.default = answer(stranger.profile())
    assert gateway.ask(stranger.signed().wire()).status == 200
    assert len(merchant.requests) == 1


def test_keys_of_the_older_name_and_beside_unusable_ones_verify(
    gateway: RunningGateway, merchant: Merchant, host: RawServer
) -> None:
    stranger = Platform(f"{host.origin}{PATH}")
    entries = [{"kty": "strange"}, 7, {"kty": "RSA", "kid": "r"}, stranger.public_jwk]
    document = {"ucp": {"version": "2026-04-08"}, "signing_keys": entries}
    host.default = answer(json.dumps(document).encode())
    assert gateway.ask(stranger.signed().wire()).status == 200
    (seen,) = merchant.requests
    assert seen.values("UCP-Verified-Version") == ["2026-04-08"]


def _silent(visit: Visit, _: Seen) -> None:
    visit.wait_for_end()


def _cut(visit: Visit, _: Seen) -> None:
    visit.say(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ucp":')
    visit.close()


def _no_http(visit: Visit, _: Seen) -> None:
    visit.say(b"220 mail.example ESMTP\r\n")
    visit.close()


def _closed(visit: Visit, _: Seen) -> None:
    visit.close()


def _large() -> bytes:
    return json.dumps({"ucp": {"version": "2026-08-25"}, "filler": "x" * (257 << 10)}).encode()


UNREACHABLE: Final[dict[str, Behaviour]] = {
    "an error": answer(b"{}", "500 Internal Server Error"),
    "nothing there": answer(b"{}", "404 Not Found"),
    "no content": answer(b"", "204 No Content"),
    "a redirect": answer(b"", "302 Found", ("Location", f"http://{HOST}:1/elsewhere")),
    "a permanent redirect": answer(b"", "308 Permanent Redirect", ("Location", "/elsewhere")),
    "silence": _silent,
    "a closed connection": _closed,
    "half a document": _cut,
    "another protocol": _no_http,
    "too large a document": answer(_large()),
}


@pytest.mark.parametrize("name", UNREACHABLE)
def test_a_profile_that_cannot_be_fetched_is_unreachable(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform, host: RawServer
) -> None:
    stranger = stranger_at(host)
    host.default = UNREACHABLE[name]
    refused(gateway, merchant, platform, stranger.signed(), "profile_unreachable")
    # No redirect was followed, and nothing was tried twice.
    assert [seen.target for seen in host.requests] == [PATH.encode()]


def test_a_host_that_is_down_is_unreachable(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    with nobody() as origin:
        stranger = Platform(f"{origin}/down")
        refused(gateway, merchant, platform, stranger.signed(), "profile_unreachable")


MALFORMED: Final = {
    "not JSON": b"<html></html>",
    "empty": b"",
    "not an object": b"[]",
    "no version": b'{"keys": []}',
    "a version that is no text": b'{"ucp": {"version": 20260825}, "keys": []}',
    "keys that are no list": b'{"ucp": {"version": "2026-08-25"}, "keys": {}}',
    "a name that occurs twice": b'{"ucp": {"version": "2026-08-25"}, "keys": [], "keys": []}',
    "too deep": b'{"ucp": {"version": "2026-08-25"}, "a": ' + b"[" * 40 + b"]" * 40 + b"}",
    "not UTF-8": b'{"ucp": {"version": "2026-08-25"}, "a": "\xff"}',
    "NaN": b'{"ucp": {"version": "2026-08-25"}, "a": NaN}',
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_profile_that_cannot_be_read_is_malformed(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform, host: RawServer
) -> None:
    stranger = stranger_at(host)
    host.default = answer(MALFORMED[name])
    refused(gateway, merchant, platform, stranger.signed(), "profile_malformed")


def test_a_version_that_is_not_served_is_told_which_ones_are(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, host: RawServer
) -> None:
    stranger = stranger_at(host)
    host.default = answer(stranger.profile(ucp={"version": "2020-01-01"}))
    told = refused(gateway, merchant, platform, stranger.signed(), "version_unsupported")
    assert told.document()["content"].endswith("supports versions 2026-04-08 and 2026-08-25.")


CODES: Final[dict[str, tuple[str, Callable[[Platform], bytes]]]] = {
    "another version": (
        "version_unsupported",
        lambda stranger: stranger.profile(ucp={"version": "2020-01-01"}),
    ),
    "no keys": ("key_not_found", lambda stranger: stranger.profile(keys=[])),
    "another key": (
        "key_not_found",
        lambda stranger: stranger.profile(keys=[Platform(kid="another").public_jwk]),
    ),
    "a key for encryption": (
        "key_not_found",
        lambda stranger: stranger.profile(keys=[{**stranger.public_jwk, "use": "enc"}]),
    ),
    "a key of another kind": (
        "algorithm_unsupported",
        lambda stranger: stranger.profile(
            keys=[{"kty": "RSA", "kid": stranger.jwk["kid"], "n": "AQAB", "e": "AQAB"}]
        ),
    ),
    "a private key": (
        "algorithm_unsupported",
        lambda stranger: stranger.profile(keys=[stranger.jwk]),
    ),
    "a key off its curve": (
        "algorithm_unsupported",
        lambda stranger: stranger.profile(
            keys=[{**stranger.public_jwk, "x": stranger.public_jwk["y"]}]
        ),
    ),
    "two keys of one name": (
        "signature_invalid",
        lambda stranger: stranger.profile(
            keys=[stranger.public_jwk, Platform(kid=stranger.jwk["kid"]).public_jwk]
        ),
    ),
    "a key with the same name": (
        "signature_invalid",
        lambda stranger: stranger.profile(keys=[Platform(kid=stranger.jwk["kid"]).public_jwk]),
    ),
}


@pytest.mark.parametrize("name", CODES)
def test_a_profile_that_does_not_vouch_for_the_request(
    name: str, gateway: RunningGateway, merchant: Merchant, platform: Platform, host: RawServer
) -> None:
    code, profile = CODES[name]
    stranger = stranger_at(host)
    host.default = answer(profile(stranger))
    refused(gateway, merchant, platform, stranger.signed(), code)


def test_a_failure_is_answered_from_memory_for_a_while(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, host: RawServer
) -> None:
    stranger = stranger_at(host)
    host.default = UNREACHABLE["an error"]
    for _ in range(3):
        refused(gateway, merchant, platform, stranger.signed(), "profile_unreachable")
        merchant.forget()
    assert len(host.requests) == 1


def test_one_origin_has_a_few_profiles_tried_and_then_has_to_wait(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, host: RawServer
) -> None:
    host.default = UNREACHABLE["nothing there"]
    codes = []
    for number in range(12):
        stranger = Platform(f"{host.origin}/{number}")
        codes.append(gateway.ask(stranger.signed().wire()).document()["code"])
    assert codes == ["profile_unreachable"] * 8 + ["discovery_pending"] * 4
    assert len(host.requests) == 8
    stranger = Platform(f"{host.origin}/last")
    answered = refused(gateway, merchant, platform, stranger.signed(), "discovery_pending")
    assert int(answered.value("Retry-After")) <= 60


def test_what_is_wrong_in_itself_costs_no_fetch(
    gateway: RunningGateway, platform: Platform, host: RawServer
) -> None:
    stranger = stranger_at(host)
    unsigned = stranger.draft()
    body_changed = stranger.signed("POST", "/ucp/v1/carts", b'{"a": 1}')
    body_changed.body = b'{"a": 2}'
    uncovered = stranger.sign(stranger.draft(), ["@method", "@path"])
    for draft, code in (
        (unsigned, "signature_missing"),
        (body_changed, "digest_mismatch"),
        (uncovered, "signature_invalid"),
    ):
        check_refusal(gateway.ask(draft.wire()), code)
    assert gateway.ask(platform.signed().wire()).status == 200
    assert host.visits == 0
