"""Who sent this: every rule of ucp-rules section 3, in its order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from canonical import Request, content_digest, load_key, load_key_set
from connector.authentication.policy import Policy
from connector.authentication.verification import Authenticator, Registered
from connector.errors import Refusal
from tests.connector.authentication.platform import (
    BODY,
    ED25519,
    GET,
    KEY,
    NOW,
    POST,
    URL,
    Profiles,
    altered,
    authenticator,
    public_keys,
    received,
    signed,
)

if TYPE_CHECKING:
    from connector.steps import Caller

THUMBPRINT = load_key(KEY).thumbprint
STRANGER = KEY | {
    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
}


def prove(request: Request, judge: Authenticator | None = None) -> Caller:
    judge = judge or authenticator()
    arrived = received(request)
    examined = judge.examine(
        arrived, writes=request.method != "GET" and "catalog" not in request.target
    )
    return asyncio.run(judge.prove(arrived, examined))


def refusal(request: Request, judge: Authenticator | None = None) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        prove(request, judge)
    assert caught.value.explanation
    return caught.value.code.name, caught.value.reason


def test_a_signed_get_proves_its_caller() -> None:
    caller = prove(signed())
    assert caller[:7] == (
        URL,
        "platform-2026",
        THUMBPRINT,
        "rfc9421",
        "sig1",
        "discovered",
        "2026-08-25",
    )
    assert caller.signature_base.startswith(b'"@method": GET\n"@authority": shop.example.com\n')


def test_a_signed_post_with_a_query_proves_its_caller() -> None:
    request = signed("POST", "/carts?", body=BODY, components=(*POST, "@query"))
    assert prove(request).identity == URL


@pytest.mark.parametrize("jwk", [KEY, ED25519], ids=["ES256", "Ed25519"])
def test_an_alg_parameter_that_fits_is_accepted(jwk: dict[str, Any]) -> None:
    assert prove(signed(jwk=jwk, alg=load_key(jwk).signature_algorithm)).keyid == jwk["kid"]


def test_an_alg_parameter_that_does_not_fit_is_refused() -> None:
    request = signed(alg="ecdsa-p256-sha256")
    lines = [(n, v.replace(b"ecdsa-p256-sha256", b"ed25519")) for n, v in request.headers]
    assert refusal(altered(request, headers=lines)) == ("signature_invalid", "alg_parameter")


# Candidates


def test_without_signature_headers_the_signature_is_missing() -> None:
    request = signed(without=("Signature", "Signature-Input"))
    assert refusal(request) == ("signature_missing", "signature_missing")


@pytest.mark.parametrize("header", ["Signature", "Signature-Input"])
def test_one_signature_header_alone_is_invalid(header: str) -> None:
    assert refusal(signed(without=(header,))) == ("signature_invalid", "one_header")


def test_labels_that_do_not_meet_are_invalid() -> None:
    request = signed(extra=(("Signature", "other=:AA==:"),), label="sig1", without=("Signature",))
    request = altered(request, headers=[*request.headers, (b"Signature", b"sig2=:AA==:")])
    assert refusal(request) == ("signature_invalid", "label_mismatch")


@pytest.mark.parametrize("name", [b"Signature", b"Signature-Input"])
def test_a_member_that_occurs_twice_is_invalid(name: bytes) -> None:
    request = signed()
    line = request.headers.index[name.lower()][0]
    request = altered(request, headers=[*request.headers, (name, line)])
    assert refusal(request) == ("signature_invalid", "malformed")


def with_signatures(*requests: Request) -> Request:
    """Join the signatures of requests that are otherwise the same."""
    plain = [line for line in requests[0].headers if not line[0].startswith(b"Signature")]
    lines = [
        (name, b", ".join(each.headers.index[name.lower()][0] for each in requests))
        for name in (b"Signature-Input", b"Signature")
    ]
    return altered(requests[0], headers=plain + lines)


def test_a_bad_signature_beside_a_good_one_does_no_harm() -> None:
    bad = signed(label="a", keyid="nobody")
    assert prove(with_signatures(bad, signed(label="b"))).label == "b"


def test_the_reported_code_is_that_of_the_furthest_candidate() -> None:
    uncovered = signed(label="a", components=("@method",))
    unknown = signed(label="b", keyid="nobody")
    assert refusal(with_signatures(uncovered, unknown)) == ("key_not_found", "key_not_found")
    assert refusal(with_signatures(unknown, uncovered)) == ("key_not_found", "key_not_found")


def test_more_than_four_candidates_are_refused() -> None:
    five = [signed(label=f"sig{number}") for number in range(5)]
    assert refusal(with_signatures(*five)) == ("signature_invalid", "too_many")
    assert prove(with_signatures(*five[:4])).label == "sig0"


def test_a_signature_for_another_purpose_is_no_candidate() -> None:
    assert refusal(signed(tag="other")) == ("signature_invalid", "other_tag")
    assert prove(with_signatures(signed(label="a", tag="x"), signed(label="b"))).label == "b"


@pytest.mark.parametrize("keyid", [None, "", "x" * 257, 7, b"bytes"])
def test_a_signature_without_a_usable_keyid_is_invalid(keyid: object) -> None:
    assert refusal(signed(keyid=keyid)) == ("signature_invalid", "keyid_missing")


def test_der_is_refused_before_a_key_is_looked_for() -> None:
    request = signed(without=("Signature",))
    der = b"sig1=:MEUCIQ" + b"A" * 90 + b":"
    request = altered(request, headers=[*request.headers, (b"Signature", der)])
    judge = authenticator(Profiles(public_keys(KEY), at_hand=False))
    assert refusal(request, judge) == ("signature_invalid", "signature_encoding")


@pytest.mark.parametrize(
    "extra",
    [
        ",".join(f"a{number}=()" for number in range(17)),
        'a=("' + '" "'.join(map(str, range(300))) + '")',
        "a=(" + " " * 4100 + ")",
    ],
    ids=["members", "components", "octets"],
)
def test_signature_headers_that_take_long_to_read_are_refused_unread(extra: str) -> None:
    request = signed()
    lines = [*request.headers, (b"Signature-Input", extra.encode())]
    assert refusal(altered(request, headers=lines)) == ("signature_invalid", "too_many")


def test_a_label_has_its_bound() -> None:
    assert prove(signed(label="a" * 64)).label == "a" * 64
    assert refusal(signed(label="a" * 65)) == ("signature_invalid", "label_too_long")


def test_an_agent_and_a_digest_have_their_bounds() -> None:
    agent = f'profile="{URL}";x="{"y" * 4096}"'
    lines = [(n, agent.encode() if n == b"UCP-Agent" else v) for n, v in signed().headers]
    assert refusal(altered(signed(), headers=lines)) == ("invalid_profile_url", "agent_too_long")
    request = signed("POST", "/carts", body=BODY)
    lines = [(n, b"x" * 1025 if n == b"Content-Digest" else v) for n, v in request.headers]
    assert refusal(altered(request, headers=lines)) == ("digest_mismatch", "digest_too_long")


# Coverage


@pytest.mark.parametrize("missing", GET)
def test_each_component_of_a_get_must_be_covered(missing: str) -> None:
    components = tuple(name for name in GET if name != missing)
    assert refusal(signed(components=components)) == ("signature_invalid", "coverage_insufficient")


@pytest.mark.parametrize("missing", POST)
def test_each_component_of_a_post_must_be_covered(missing: str) -> None:
    components = tuple(name for name in POST if name != missing)
    request = signed("POST", "/carts", body=BODY, components=components)
    assert refusal(request) == ("signature_invalid", "coverage_insufficient")


@pytest.mark.parametrize("target", ["/orders/1?", "/orders/1?a=b"])
def test_a_question_mark_asks_for_the_query_even_with_nothing_behind_it(target: str) -> None:
    assert refusal(signed(target=target)) == ("signature_invalid", "coverage_insufficient")
    assert prove(signed(target=target, components=(*GET, "@query"))).identity == URL


def test_a_signature_agent_that_is_present_must_be_covered() -> None:
    extra = (("Signature-Agent", f'sig1="{URL}"'),)
    assert refusal(signed(extra=extra))[1] == "coverage_insufficient"
    assert prove(signed(extra=extra, components=(*GET, "signature-agent"))).identity == URL


@pytest.mark.parametrize("identifier", ['"ucp-agent";sf', '"ucp-agent";bs'])
def test_a_whole_field_may_be_covered_strictly_serialised_or_wrapped(identifier: str) -> None:
    assert prove(signed(components=(*GET[:3], identifier))).identity == URL


def test_one_member_of_a_field_is_not_the_field() -> None:
    request = signed(components=(*GET[:3], '"ucp-agent";key="profile"'))
    assert refusal(request) == ("signature_invalid", "coverage_insufficient")


@pytest.mark.parametrize("flag", ["req", "tr"])
def test_req_and_tr_are_refused_in_a_request(flag: str) -> None:
    request = signed()
    line = request.headers.index[b"signature-input"][0].decode()
    line = line.replace('"ucp-agent"', f'"ucp-agent" "ucp-agent";{flag}')
    kept = [each for each in request.headers if each[0] != b"Signature-Input"]
    request = altered(request, headers=[*kept, (b"Signature-Input", line.encode())])
    assert refusal(request) == ("signature_invalid", "coverage_insufficient")


def test_target_uri_stands_for_its_parts_only_by_setting() -> None:
    request = signed(target="/orders/1?x", components=("@method", "@target-uri", "ucp-agent"))
    assert refusal(request) == ("signature_invalid", "coverage_insufficient")
    assert prove(request, authenticator(policy=Policy("t", coverage="target-uri"))).tier == "t"


def registered(*, keys: tuple[dict[str, Any], ...] = (KEY,), **terms: Any) -> dict[str, Registered]:
    policy = Policy("registered", **terms)
    return {
        URL: Registered(
            policy, "2026-08-25" if keys else None, public_keys(*keys) if keys else None
        )
    }


def test_compat_coverage_leaves_the_agent_out_for_pinned_keys() -> None:
    judge = authenticator(registered=registered(coverage="compat"))
    request = signed(components=GET[:3])
    assert refusal(request) == ("signature_invalid", "coverage_insufficient")
    assert prove(request, judge).identity == URL


def test_under_compat_a_changed_agent_leads_to_other_keys() -> None:
    judge = authenticator(Profiles(public_keys(ED25519)), registered=registered(coverage="compat"))
    request = signed(components=GET[:3])
    lines = [
        (name, value.replace(b"platform.example", b"victim.example"))
        for name, value in request.headers
    ]
    assert refusal(altered(request, headers=lines), judge)[0] == "signature_invalid"


# Times


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"created": NOW + 31}, "created_in_future"),
        ({"expires": NOW - 31, "created": None}, "expired"),
        ({"created": NOW, "expires": NOW}, "expires_before_created"),
        ({"created": NOW, "expires": NOW - 1}, "expires_before_created"),
        ({"created": "now"}, "time_malformed"),
        ({"created": True}, "time_malformed"),
        ({"expires": b"x"}, "time_malformed"),
    ],
)
def test_an_untimely_signature_is_invalid(parameters: dict[str, Any], reason: str) -> None:
    assert refusal(signed(**parameters)) == ("signature_invalid", reason)


@pytest.mark.parametrize(
    "parameters",
    [
        {"created": None},
        {"created": NOW + 30},
        {"created": NOW - 10**8},
        {"created": NOW - 100, "expires": NOW - 30},
        {"created": None, "expires": NOW + 1},
    ],
)
def test_a_timely_signature_is_accepted(parameters: dict[str, Any]) -> None:
    assert prove(signed(**parameters)).identity == URL


def test_a_tier_may_ask_for_fresh_signatures() -> None:
    judge = authenticator(policy=Policy("t", created_required=True, max_age=300.0))
    assert refusal(signed(created=None), judge) == ("signature_invalid", "created_missing")
    assert refusal(signed(created=NOW - 331), judge) == ("signature_invalid", "too_old")
    assert prove(signed(created=NOW - 330), judge).tier == "t"


def test_a_keyed_write_may_not_be_older_than_its_claim_is_kept() -> None:
    stale = NOW - 47 * 3600 - 31
    request = signed("POST", "/carts", body=BODY, created=stale)
    assert refusal(request) == ("signature_invalid", "stale")
    assert prove(signed("POST", "/carts", body=BODY, created=stale + 1)).identity == URL
    assert prove(signed(created=stale)).identity == URL
    search = signed("POST", "/catalog/search", body=BODY, created=stale)
    assert prove(search).identity == URL


# The body


@pytest.mark.parametrize(
    ("digest", "reason"),
    [
        (b"sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:", "digest_mismatch"),
        (b"sha-256=garbage", "digest_mismatch"),
        (b"md5=:AAAA:", "digest_mismatch"),
        (None, "digest_missing"),
    ],
)
def test_a_digest_that_does_not_vouch_for_the_body_is_a_mismatch(
    digest: bytes | None, reason: str
) -> None:
    request = signed("POST", "/carts", body=BODY)
    lines = [line for line in request.headers if line[0] != b"Content-Digest"]
    if digest is not None:
        lines.append((b"Content-Digest", digest))
    assert refusal(altered(request, headers=lines)) == ("digest_mismatch", reason)


def test_sha_512_alone_does_not_do() -> None:
    request = signed("POST", "/carts", body=BODY, without=("Content-Digest",))
    value = content_digest(BODY, "sha-512").encode()
    request = altered(request, headers=[*request.headers, (b"Content-Digest", value)])
    assert refusal(request) == ("digest_mismatch", "digest_sha256_missing")


def test_an_altered_body_is_a_digest_mismatch_before_any_profile_is_fetched() -> None:
    profiles = Profiles(public_keys(KEY), at_hand=False)
    request = altered(signed("POST", "/carts", body=BODY), body=BODY + b" ")
    assert refusal(request, authenticator(profiles)) == ("digest_mismatch", "digest_mismatch")
    assert profiles.asked == []


# Who


def test_without_ucp_agent_there_is_no_identity() -> None:
    request = signed(components=GET[:3], without=("UCP-Agent",))
    assert refusal(request) == ("invalid_profile_url", "agent_missing")


def test_a_profile_that_is_not_at_hand_is_resolved_and_remembered_once_it_verified() -> None:
    profiles = Profiles(public_keys(KEY), at_hand=False)
    prove(signed(), authenticator(profiles))
    assert profiles.asked == [f"resolve {URL}", f"verified {URL}"]


def test_an_unknown_kid_asks_for_the_profile_once_more() -> None:
    profiles = Profiles(public_keys(ED25519), later=public_keys(KEY))
    assert prove(signed(), authenticator(profiles)).keyid == "platform-2026"
    assert profiles.asked == [f"refresh {URL} for platform-2026", f"verified {URL}"]


def test_a_kid_that_stays_unknown_is_not_found_and_never_counts_as_verified() -> None:
    profiles = Profiles(public_keys(ED25519))
    assert refusal(signed(), authenticator(profiles)) == ("key_not_found", "key_not_found")
    assert profiles.asked == [f"refresh {URL} for platform-2026"]


def test_pinned_keys_are_used_and_nothing_is_fetched() -> None:
    profiles = Profiles(public_keys(ED25519), at_hand=False)
    judge = authenticator(profiles, registered=registered())
    assert prove(signed(), judge).tier == "registered"
    assert refusal(signed(keyid="nobody"), judge) == ("key_not_found", "key_not_found")
    assert profiles.asked == []


def test_only_registered_platforms_where_discovery_is_closed() -> None:
    closed = authenticator(discovery_open=False)
    assert refusal(signed(), closed) == ("profile_not_trusted", "not_registered")
    judge = authenticator(registered=registered(keys=()), discovery_open=False)
    assert prove(signed(), judge).tier == "registered"


# Keys and signatures


def test_a_key_of_unknown_kind_is_unsupported_and_not_fetched_again() -> None:
    rsa = {"kty": "RSA", "kid": "platform-2026", "n": "AQAB", "e": "AQAB"}
    profiles = Profiles(load_key_set([rsa]))
    code = refusal(signed(), authenticator(profiles))
    assert code == ("algorithm_unsupported", "algorithm_unsupported")
    assert profiles.asked == []


def test_two_keys_with_the_wanted_kid_fail_the_signature() -> None:
    other = {name: STRANGER[name] for name in ("kty", "crv", "x", "y", "kid")}
    both = load_key_set([load_key(KEY).public_jwk(), other])
    judge = authenticator(Profiles(both))
    assert refusal(signed(), judge) == ("signature_invalid", "duplicate_key")


def test_a_revoked_key_verifies_nothing_even_where_it_is_pinned() -> None:
    judge = authenticator(registered=registered(), revoked=frozenset({THUMBPRINT}))
    assert refusal(signed(), judge) == ("signature_invalid", "key_revoked")


@pytest.mark.parametrize(
    "changes",
    [{"method": "HEAD"}, {"target": "/orders/2"}],
    ids=["method", "path"],
)
def test_what_was_covered_cannot_be_altered(changes: dict[str, Any]) -> None:
    request = altered(signed(), **changes)
    assert refusal(request) == ("signature_invalid", "signature_mismatch")


def test_a_signature_by_another_key_is_a_mismatch() -> None:
    wrong = {name: STRANGER[name] for name in ("kty", "crv", "x", "y", "kid")}
    judge = authenticator(Profiles(load_key_set([wrong])))
    assert refusal(signed(), judge) == ("signature_invalid", "signature_mismatch")


def test_a_covered_field_that_is_absent_cannot_be_verified() -> None:
    request = signed(extra=(("X-Extra", "1"),), components=(*GET, "x-extra"), without=("X-Extra",))
    assert refusal(request) == ("signature_invalid", "base_unbuildable")


def test_a_version_that_the_merchant_does_not_serve_is_unsupported() -> None:
    profiles = Profiles(public_keys(KEY))
    profiles.profile = profiles.profile._replace(version="2027-01-01")
    code = refusal(signed(), authenticator(profiles))
    assert code == ("version_unsupported", "version_unsupported")


def test_a_scheme_that_the_tier_does_not_take_is_refused() -> None:
    judge = authenticator(policy=Policy("t", schemes=frozenset()))
    assert refusal(signed(), judge) == ("signature_invalid", "scheme_not_allowed")


# Web Bot Auth's shape, resolved through UCP-Agent


def bot_auth(**changes: Any) -> Request:
    parts: dict[str, Any] = {
        "jwk": ED25519,
        "extra": (("Signature-Agent", f'sig1="{URL}";type=jwks_uri'),),
        "components": (*GET, '"signature-agent";key="sig1"'),
        "expires": NOW + 3600,
        "tag": "web-bot-auth",
    }
    return signed(**(parts | changes))


def test_a_dual_audience_signature_is_accepted_through_ucp_agent() -> None:
    assert prove(bot_auth()).identity == URL


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"created": None}, "bot_auth_times_missing"),
        ({"expires": None}, "bot_auth_times_missing"),
        ({"expires": NOW + 86401}, "bot_auth_window"),
        ({"components": GET}, "coverage_insufficient"),
        ({"label": "sig2"}, "coverage_insufficient"),
        ({"jwk": KEY}, "bot_auth_keyid"),
    ],
)
def test_a_dual_audience_signature_keeps_its_own_rules(
    changes: dict[str, Any], reason: str
) -> None:
    assert refusal(bot_auth(**changes)) == ("signature_invalid", reason)
