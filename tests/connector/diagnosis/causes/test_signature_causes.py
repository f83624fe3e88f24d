from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from canonical.base64 import decode_url
from connector.diagnosis.causes import proof
from connector.diagnosis.causes.cause import LIKELY, PROVEN
from connector.diagnosis.generator import keys
from connector.diagnosis.generator.documents import DOCUMENTS, url
from connector.diagnosis.generator.keys import public_jwk, thumbprint
from connector.diagnosis.generator.recipes import BODY, GET, NOW, POST
from tests.connector.diagnosis.causes.signed_requests import (
    PROFILE,
    VERSION,
    Sent,
    replaced,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "platform-2026"


def _profile(*jwks: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"ucp": {"version": VERSION}, "keys": list(jwks), **other}


def _keyed(keyid: str) -> Sent:
    return Sent(POST.signed(parameters=f';created={NOW};keyid="{keyid}"'))


def _written(write: Callable[[bytes], str]) -> Callable[[bytes], str]:
    return lambda octets: f"sig1={write(octets)}"


def _with_sha384(base: bytes) -> bytes:
    secret = int.from_bytes(decode_url(keys.private_jwk(KEY)["d"]))
    signed = ec.derive_private_key(secret, ec.SECP256R1()).sign(base, ec.ECDSA(hashes.SHA384()))
    r, s = decode_dss_signature(signed)
    return r.to_bytes(32) + s.to_bytes(32)


UNPADDED = next(
    nonce
    for nonce in map(str, range(10_000))
    if Sent(POST.signed(parameters=f';created={NOW};keyid="{KEY}";nonce="{nonce}"'))
    .request()
    .headers[-1][1]
    .startswith(b"sig1=:AA")
)
"""A nonce with which the signature begins with a zero octet."""


PROVEN_CASES = {
    # How the signature is written, and what was signed
    "der-signature": Sent(sign=lambda base: keys.sign_der(KEY, base)),
    "signature-base64url": Sent(
        signature=_written(lambda octets: f":{urlsafe_b64encode(octets).decode().rstrip('=')}:")
    ),
    "signature-hex": Sent(signature=_written(lambda octets: f":{octets.hex()}:")),
    "signature-without-colons": Sent(signature=_written(lambda octets: b64encode(octets).decode())),
    "signature-encoded-twice": Sent(
        signature=_written(lambda octets: f":{b64encode(b64encode(octets)).decode()}:")
    ),
    "signature-halves-unpadded": Sent(
        POST.signed(parameters=f';created={NOW};keyid="{KEY}";nonce="{UNPADDED}"'),
        signature=_written(lambda octets: f":{b64encode(octets.lstrip(bytes(1))).decode()}:"),
    ),
    "signature-recovery-octet": Sent(
        signature=_written(lambda octets: f":{b64encode(octets + bytes([27])).decode()}:")
    ),
    "signature-halves-swapped": Sent(
        signature=_written(lambda octets: f":{b64encode(octets[32:] + octets[:32]).decode()}:")
    ),
    "base-hashed-twice": Sent(sign=lambda base: keys.sign(KEY, sha256(base).digest())),
    "base-encoded-before-signing": Sent(sign=lambda base: keys.sign(KEY, b64encode(base))),
    "wrong-hash": Sent(sign=_with_sha384),
    "something-else-signed": Sent(sign=lambda _: keys.sign(KEY, BODY)),
    # Signature-Input and Signature
    "label-mismatch": Sent(member=lambda member: f"sig2={member}"),
    "label-upper-case": Sent(member=lambda member: f"Sig1={member}"),
    "components-quoted-wrongly": Sent(
        member=lambda member: "sig1=" + member.replace('" "', '", "')
    ),
    "parameters-written-wrongly": Sent(
        member=lambda member: "sig1=" + member.replace(";created", ";Created")
    ),
    # Keys
    "keys-nested": Sent(profile={"ucp": {"version": VERSION, "keys": PROFILE["keys"]}}),
    "keys-misplaced": Sent(profile=_profile(jwks={"keys": PROFILE["keys"]})),
    "signing-keys-ignored": Sent(profile=_profile(signing_keys=PROFILE["keys"])),
    "another-key": Sent(
        POST.signed(key="platform-next"),
        profile=_profile(*PROFILE["keys"], public_jwk("platform-next")),
    ),
    "keyid-case": _keyed("Platform-2026"),
    "keyid-is-thumbprint": _keyed(thumbprint(KEY)),
    "keyid-is-url": _keyed(f"https://platform.example/.well-known/ucp#{KEY}"),
    "kid-missing": Sent(profile=_profile(public_jwk(KEY, kid=None))),
    "kid-twice": Sent(profile=_profile(public_jwk(KEY), public_jwk("platform-next", kid=KEY))),
    "key-not-for-signatures": Sent(profile=_profile(public_jwk(KEY, use="enc"))),
    "private-key-published": Sent(profile=_profile(keys.private_jwk(KEY))),
    "key-alg-wrong": Sent(profile=_profile(public_jwk(KEY, alg="ecdsa-p256-sha256"))),
    "key-coordinates-malformed": Sent(
        profile=_profile(public_jwk(KEY, x=public_jwk(KEY)["x"] + "="))
    ),
    # Parameters and coverage: the checks themselves prove them
    "created-in-milliseconds": Sent(POST.signed(parameters=f';created={NOW}000;keyid="{KEY}"')),
    "created-quoted": Sent(POST.signed(parameters=f';created="{NOW}";keyid="{KEY}"')),
    "expired": Sent(
        POST.signed(parameters=f';created={NOW - 900};expires={NOW - 600};keyid="{KEY}"')
    ),
    "expires-is-a-duration": Sent(
        POST.signed(parameters=f';created={NOW};expires=300;keyid="{KEY}"')
    ),
    "expires-before-created": Sent(
        POST.signed(parameters=f';created={NOW};expires={NOW};keyid="{KEY}"')
    ),
    "created-too-old": Sent(POST.signed(parameters=f';created={NOW - 999_999};keyid="{KEY}"')),
    "created-missing": Sent(
        POST.signed(
            parameters=f';created={NOW};keyid="{KEY}";tag="web-bot-auth"',
            components=(*POST.signatures[0].components, '"signature-agent";key="sig1"'),
        )._replace(headers=(*POST.headers, ("Signature-Agent", 'sig1="https://a.example"')))
    ),
    "lifetime-too-long": Sent(
        POST.signed(
            parameters=f';created={NOW};expires={NOW + 99_999};keyid="{KEY}";tag="web-bot-auth"',
            components=(*POST.signatures[0].components, '"signature-agent";key="sig1"'),
        )._replace(headers=(*POST.headers, ("Signature-Agent", 'sig1="https://a.example"')))
    ),
    "bot-auth-keyid": Sent(
        POST.signed(
            parameters=f';created={NOW};expires={NOW + 99};keyid="{KEY}";tag="web-bot-auth"',
            components=(*POST.signatures[0].components, '"signature-agent";key="sig1"'),
        )._replace(headers=(*POST.headers, ("Signature-Agent", 'sig1="https://a.example"')))
    ),
    "keyid-missing": Sent(POST.signed(parameters=f";created={NOW};keyid={KEY}")),
    "alg-parameter": Sent(POST.signed(parameters=f';created={NOW};keyid="{KEY}";alg="ES256"')),
    "tag-not-known": Sent(POST.signed(parameters=f';created={NOW};keyid="{KEY}";tag="other"')),
    "coverage-insufficient": Sent(POST.without("content-type")),
    "target-uri-instead": Sent(GET.covering("@method", "@target-uri", "ucp-agent")),
    "component-parameters-added": Sent(
        GET.covering("@method", "@authority", "@path", '"ucp-agent";key="profile"')
    ),
    "signature-length": Sent(
        signature=_written(lambda octets: f":{b64encode(octets[:40]).decode()}:")
    ),
    "component-unusable": Sent(
        GET, member=lambda member: "sig1=" + member.replace('"@path"', '"@path" "@port"')
    ),
    "older-scheme": Sent(
        headers=lambda lines: [
            *without("Signature-Input", "Signature")(lines),
            ("Request-Signature", "e30..AAAA"),
        ]
    ),
    "too-many-signatures": Sent(
        member=lambda member: ", ".join(f"sig{number}={member}" for number in range(1, 6)),
        signature=lambda octets: ", ".join(
            f"sig{number}=:{b64encode(octets).decode()}:" for number in range(1, 6)
        ),
    ),
}

LIKELY_CASES = {
    "cavage-signature": Sent(
        headers=lambda lines: [
            *without("Signature-Input", "Signature")(lines),
            ("Signature", f'keyId="{KEY}",algorithm="hs2019",signature="AAAA"'),
        ]
    ),
    "unsigned": Sent(headers=without("Signature-Input", "Signature")),
    "one-signature-header": Sent(headers=without("Signature")),
    "label-repeated": Sent(member=lambda member: f"sig1={member}, sig1={member}"),
    "signature-input-malformed": Sent(member=lambda _: "sig1"),
    "signature-malformed": Sent(signature=lambda _: "sig1"),
    "keys-missing": Sent(profile=_profile()),
    "keyid-unknown": Sent(profile=_profile(public_jwk("platform-next"))),
    "key-kind-unsupported": Sent(profile=DOCUMENTS[url("unknown-curve")]["json"]),
    "key-curve-mismatch": Sent(
        POST.signed(key="stranger", parameters=f';created={NOW};keyid="platform-es384"')
    ),
    "clock-skew": Sent(POST.signed(parameters=f';created={NOW + 31};keyid="{KEY}"')),
    "time-zone": Sent(POST.signed(parameters=f';created={NOW + 7200};keyid="{KEY}"')),
    "unexplained": Sent(POST.signed(key="stranger")),
}

CASES = {**PROVEN_CASES, **LIKELY_CASES}


@pytest.mark.parametrize(("cause", "sent"), PROVEN_CASES.items(), ids=PROVEN_CASES)
def test_a_mistake_is_proven(cause: str, sent: Sent) -> None:
    proven = [found for found, certainty in sent.found().items() if certainty == PROVEN]

    # The check of the signature's length, or of the keyid, says the same in general.
    extra = {"signature-length"} - {cause}
    assert [found for found in proven if found not in extra] == [cause]


@pytest.mark.parametrize(("cause", "sent"), LIKELY_CASES.items(), ids=LIKELY_CASES)
def test_a_mistake_is_told_by_its_look(cause: str, sent: Sent) -> None:
    assert sent.found() == {cause: LIKELY}


@pytest.mark.parametrize(
    ("member", "causes"),
    [
        ("sig1=(@method @authority @path ucp-agent)", {"components-quoted-wrongly"}),
        ("sig1=('@method' '@authority' '@path' 'ucp-agent')", {"components-quoted-wrongly"}),
        ('sig1=("@method" "@authority" "@path" "UCP-Agent")', {"field-names-capitalised"}),
    ],
)
def test_a_list_that_is_written_wrongly_is_mended(member: str, causes: set[str]) -> None:
    sent = Sent(GET, member=lambda right: member + right.partition(")")[2])

    assert {found for found, certainty in sent.found().items() if certainty == PROVEN} == causes


def test_a_wrong_list_in_header_and_base_is_mended_too() -> None:
    unquoted = replaced(
        '("@method" "@authority" "@path" "ucp-agent")', "(@method @authority @path ucp-agent)"
    )
    sent = Sent(GET, base=unquoted, member=lambda right: unquoted(f"sig1={right}"))

    assert sent.found()["components-quoted-wrongly"] == PROVEN


def test_a_key_in_hexadecimal_is_read_as_it_was_meant() -> None:
    spelled = {name: decode_url(public_jwk(KEY)[name]).hex() for name in ("x", "y")}
    sent = Sent(profile=_profile(public_jwk(KEY, **spelled)))

    assert sent.found() == {"key-coordinates-malformed": PROVEN}


def test_what_a_request_holds_cannot_make_the_search_long() -> None:
    """The bounds are those of the search, whatever there is to vary: it ends, and says so."""
    many = tuple(f"x-{number}" for number in range(200))
    query = "&".join(f"a{number}=%2F" for number in range(500))
    recipe = GET._replace(target=f"/orders/o?{query}").covering(
        "@method", "@authority", "@path", "@query", "ucp-agent"
    )
    listed = " ".join(f'"{name}"' for name in many)
    sent = Sent(
        recipe.signed(key="stranger"),
        member=lambda member: "sig1=" + member.replace('"@path"', f'"@path" {listed}'),
    )

    with patch.object(proof, "MOST_BASES", 500):
        assert sent.found() == {"covered-field-missing": LIKELY}


def test_parameters_without_end_are_searched_within_bounds() -> None:
    long = ";".join(f'p{number}="x"' for number in range(200))
    sent = Sent(POST.signed(key="stranger", parameters=f';created={NOW};keyid="{KEY}";{long}'))

    with patch.object(proof, "MOST_BASES", 500):
        assert sent.found() == {"unexplained": LIKELY}
