"""What the signature's parameters and its coverage say is wrong (ucp-rules section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.diagnosis.causes.cause import LIKELY, PROVEN, Finding, table
from connector.diagnosis.causes.evidence import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canonical import Signature
    from connector.diagnosis.causes.evidence import Evidence

CAUSES: Final = table(
    (
        "created-in-milliseconds",
        "created, or expires, is in milliseconds.",
        "Send whole seconds since 1970: divide by 1000 and round down.",
        "RFC 9421 section 2.3",
    ),
    (
        "created-quoted",
        "created, or expires, is a string or has a fraction.",
        "Send an integer without quotes: created=1767225600.",
        "RFC 9421 section 2.3",
    ),
    (
        "time-zone",
        "created is off by whole hours: local time was taken for UTC.",
        "Take the seconds since 1970 in UTC.",
        "RFC 9421 section 2.3",
    ),
    (
        "clock-skew",
        "created lies in the future: the signer's clock is ahead.",
        "Synchronise the clock (NTP); 30 seconds are tolerated.",
        "RFC 9421 section 2.3",
    ),
    (
        "expired",
        "The signature has expired.",
        "Sign each request when it is sent; do not send a signed request again later.",
        "RFC 9421 section 2.3",
    ),
    (
        "expires-is-a-duration",
        "expires is a number of seconds, not a time.",
        "Send created plus the lifetime as expires.",
        "RFC 9421 section 2.3",
    ),
    (
        "expires-before-created",
        "expires is not later than created.",
        "Send created plus the lifetime as expires.",
        "RFC 9421 section 2.3",
    ),
    (
        "created-too-old",
        "The signature is older than this merchant takes.",
        "Sign each request, retries included, when it is sent.",
        "RFC 9421 section 2.3",
    ),
    (
        "created-missing",
        "The signature has no created, or no expires, and this merchant asks for it.",
        "Send created and, with web-bot-auth, expires.",
        "RFC 9421 section 2.3",
    ),
    (
        "keyid-missing",
        "The signature has no keyid, or one that is no string.",
        'Send the kid of the published key: keyid="platform-2026".',
        "UCP signatures, REST Request Signing",
    ),
    (
        "alg-parameter",
        "The alg parameter does not name the key's algorithm.",
        "Leave alg out, as UCP does; else write ecdsa-p256-sha256, not the JOSE name ES256.",
        "RFC 9421 section 3.2",
    ),
    (
        "tag-not-known",
        "The signature's tag says that it is for another application.",
        "Send no tag, or web-bot-auth with what that asks for.",
        "RFC 9421 section 2.3",
    ),
    (
        "coverage-insufficient",
        "The signature does not cover everything that UCP asks for.",
        "Cover the missing components, too.",
        "UCP signatures, REST Request Signing",
    ),
    (
        "target-uri-instead",
        "@target-uri or @request-target is covered in place of @authority, @path and @query.",
        "Cover @method, @authority, @path and, where there is a query, @query.",
        "UCP signatures, REST Request Signing",
    ),
    (
        "component-parameters-added",
        "A component is covered with parameters with which it does not count.",
        'Cover it by its name alone: "content-digest".',
        "RFC 9421 section 2.1",
    ),
    (
        "lifetime-too-long",
        "created and expires are further apart than web-bot-auth allows.",
        "Let a signature expire after 24 hours at most.",
        "UCP signatures, WBA Interop",
    ),
    (
        "bot-auth-keyid",
        "The keyid of a web-bot-auth signature is not the key's thumbprint.",
        "Send the RFC 7638 thumbprint as keyid, and publish it as kid.",
        "UCP signatures, WBA Interop",
    ),
    (
        "signature-length",
        "The signature is neither as long as one of P-256 or Ed25519 nor as one of P-384.",
        "Send all of r and s, in plain base64: 64 octets for P-256.",
        "RFC 9421 section 3.3.4",
    ),
    (
        "component-unusable",
        "A component cannot be rebuilt from its identifier as it stands.",
        "Cover fields by their names alone, each once.",
        "RFC 9421 section 2.5",
    ),
)

_HOUR: Final = 3600
_MOST_HOURS: Final = 14
_TOLERANCE: Final = 90
_MILLISECONDS: Final = 10**11
"""As seconds this is the year 5138, as milliseconds 1973."""
_DURATION: Final = 10**8
"""As seconds since 1970 this is 1973: a smaller number is a duration."""


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Say what is wrong with the parameters and the coverage of the signature."""
    signature = evidence.signature
    if signature is None:
        return
    yield from _times(evidence, signature)
    for fault in evidence.faults:
        cause = _BY_REASON.get(fault.reason)
        if cause is not None:
            yield Finding(cause, PROVEN, fault.explanation)
    if evidence.has("alg_parameter"):
        yield Finding("alg-parameter", PROVEN, f"alg={shown(str(signature.parameters['alg']))}")
    if evidence.has("coverage_insufficient"):
        yield from _coverage(evidence, signature)
    if evidence.has("base_unbuildable"):
        yield from _unbuildable(evidence, signature)


_BY_REASON: Final = {
    "expires_before_created": "expires-before-created",
    "too_old": "created-too-old",
    "stale": "created-too-old",
    "created_missing": "created-missing",
    "bot_auth_times_missing": "created-missing",
    "keyid_missing": "keyid-missing",
    "other_tag": "tag-not-known",
    "time_malformed": "created-quoted",
    "bot_auth_window": "lifetime-too-long",
    "bot_auth_keyid": "bot-auth-keyid",
    "signature_encoding": "signature-length",
}


def _times(evidence: Evidence, signature: Signature) -> Iterator[Finding]:
    created, expires = signature.parameters.get("created"), signature.parameters.get("expires")
    for name, value in (("created", created), ("expires", expires)):
        if type(value) is int and value > _MILLISECONDS:
            yield Finding("created-in-milliseconds", PROVEN, f"{name}={value}")
            return
    if evidence.has("created_in_future") and type(created) is int:
        ahead = created - evidence.now
        hours = round(ahead / (_HOUR / 2)) / 2
        if 0 < hours <= _MOST_HOURS and abs(ahead - hours * _HOUR) <= _TOLERANCE:
            yield Finding("time-zone", LIKELY, f"{hours:g} h ahead")
        else:
            yield Finding("clock-skew", LIKELY, f"{ahead:.0f} s ahead")
    if evidence.has("expired") and type(expires) is int:
        if expires < _DURATION:
            yield Finding("expires-is-a-duration", PROVEN, f"expires={expires}")
            return
        ago = evidence.now - expires
        yield Finding("expired", PROVEN, f"{ago:.0f} s ago")
        hours = round(ago / _HOUR)
        if hours and type(created) is int and abs(evidence.now - created - hours * _HOUR) < 90:
            yield Finding("time-zone", LIKELY, f"created {hours} h ago")


def _coverage(evidence: Evidence, signature: Signature) -> Iterator[Finding]:
    explanation = next(
        fault.explanation for fault in evidence.faults if fault.reason == "coverage_insufficient"
    )
    names = {component.name for component in signature.components}
    if any(name != name.lower() for name in names):
        # Written in lower case they cover what they were meant to, or the proof says otherwise.
        yield Finding("field-names-capitalised", PROVEN, explanation)
        return
    if names & {"@target-uri", "@request-target"} and "@path" not in names:
        yield Finding("target-uri-instead", PROVEN, explanation)
        return
    missing = explanation.partition(": ")[2].split(", ")
    dressed = [c.name for c in signature.components if c.parameters and c.name in missing]
    if dressed or "may not" in explanation:
        yield Finding("component-parameters-added", PROVEN, ", ".join(dressed) or explanation)
        return
    yield Finding("coverage-insufficient", PROVEN, explanation)


def _unbuildable(evidence: Evidence, signature: Signature) -> Iterator[Finding]:
    explanation = next(
        fault.explanation for fault in evidence.faults if fault.reason == "base_unbuildable"
    )
    if "no such field" in explanation:
        yield Finding("covered-field-missing", LIKELY, explanation)
    elif any(component.name != component.name.lower() for component in signature.components):
        yield Finding("field-names-capitalised", PROVEN, explanation)
    else:
        yield Finding("component-unusable", PROVEN, explanation)
