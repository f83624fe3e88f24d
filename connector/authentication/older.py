"""The older schemes: a detached JWS over the body, and the Talos envelope (ucp-rules section 4).

They are taken only where a registration allows them. A detached JWS binds neither method, target
nor Idempotency-Key, so what it vouches for is little: it neither reads nor completes a checkout
unless the registration says otherwise, and without a body it never writes: one that was seen on a
GET would do for every write that needs none. The scheme follows from the headers alone: with
``Talos-Signature-Meta`` it is an envelope, without a JWS over the body. Where a registration allows
both, nobody can send a captured envelope as a body: its JWS says what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import CanonicalError, verify_detached
from canonical.base64 import decode_url
from canonical.envelope import envelope, is_envelope, read_meta, verify_payload
from canonical.jws import MAX_JWS, protected_header, signing_input
from connector.authentication.body import check_body
from connector.authentication.policy import SKEW
from connector.errors import Refusal

if TYPE_CHECKING:
    from canonical import Key, Request
    from connector.authentication.policy import Policy

DETACHED_JWS: Final = "detached-jws"
TALOS: Final = "talos"

_SIGNATURE: Final = b"request-signature"
_META: Final = b"talos-signature-meta"
_MAX_KID: Final = 256
_TALOS_AGE: Final = 300
"""Most seconds since ``iat`` (ucp-rules section 4)."""
_TALOS_BODY: Final = 16 * 1024
"""Most octets of a body in an envelope: its canonical form is made before anybody is known, and
costs up to a third of a millisecond per KiB."""
_COMPLETE: Final = frozenset({"complete_checkout"})
# RFC 7518 section 3.4; EdDSA came with RFC 9421 signatures only (ucp-rules section 2).
_ALGORITHMS: Final = frozenset({"ES256", "ES384"})


class OlderSignature(NamedTuple):
    """A signature of an older scheme that is worth looking up a key for."""

    scheme: str
    kid: str
    jws: bytes


def carries_older(request: Request) -> bool:
    """Whether a request is to be judged by an older scheme: it has no RFC 9421 signature header."""
    index = request.headers.index
    return _SIGNATURE in index and b"signature" not in index


def read_older(request: Request, policy: Policy, now: float, *, pinned: bool) -> OlderSignature:
    """Judge what needs no key and no digest, in the order of ucp-rules section 3; raises Refusal.

    ``pinned`` says that the platform's keys are pinned, which an envelope needs.
    """
    scheme = TALOS if _META in request.headers.index else DETACHED_JWS
    if scheme not in policy.schemes:
        # First, unlike in section 3: nobody but the registered platform has us read a JWS.
        raise _invalid("scheme_not_allowed", f"tier {policy.tier} does not take {scheme}")
    lines = request.headers.index[_SIGNATURE]
    if len(lines) != 1 or len(lines[0]) > MAX_JWS:
        raise _invalid("malformed", "Request-Signature is not one line of a usable length")
    try:
        protected = protected_header(lines[0])
    except CanonicalError as error:
        raise _invalid("malformed", f"Request-Signature: {error}") from error
    kid = protected.get("kid")
    # As the keyid of RFC 9421 can be: it goes into the merchant's headers.
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID or not _is_ascii(kid):
        raise _invalid("keyid_missing", "the JWS names no usable kid")
    if scheme == TALOS:
        _check_envelope(request, policy, now, pinned=pinned)
    else:
        _check_detached(request, policy, mixed=TALOS in policy.schemes and is_envelope(protected))
    return OlderSignature(scheme, kid, lines[0])


def permitted(policy: Policy, signature: OlderSignature) -> Policy:
    """Return the terms for a request that is signed so."""
    if signature.scheme != DETACHED_JWS or policy.unbound_complete:
        return policy
    return policy._replace(denied=policy.denied | _COMPLETE)


def check_older_body(request: Request) -> None:
    """Refuse a body that its Content-Digest, where there is one, does not vouch for."""
    if b"content-digest" in request.headers.index:
        check_body(request)


def verify_older(request: Request, signature: OlderSignature, key: Key, endpoint: str) -> bytes:
    """Return the octets that were signed with the key; raises Refusal.

    ``endpoint`` is the path of the REST endpoint, to which a Talos path is relative.
    """
    if key.algorithm not in _ALGORITHMS:
        raise Refusal(
            "algorithm_unsupported", "algorithm_unsupported", "older schemes know ECDSA only"
        )
    try:
        if signature.scheme == TALOS:
            payload = envelope(request, endpoint=endpoint)
            verify_payload(signature.jws, payload, key)
        else:
            payload = request.body
            verify_detached(signature.jws, payload, key)
        return signing_input(signature.jws, payload)
    except CanonicalError as error:
        raise _invalid("signature_mismatch", str(error)) from error


def signature_of(jws: bytes) -> bytes:
    """Return the octets of the signature of a JWS that has verified."""
    return decode_url(jws.rpartition(b".")[2])


def _check_detached(request: Request, policy: Policy, *, mixed: bool) -> None:
    if mixed:
        raise _invalid("scheme_not_allowed", "the JWS is one of an envelope, not over the body")
    if policy.created_required:
        raise _invalid("created_missing", "this tier asks for created, which a JWS has not")
    if not request.body and not (policy.unbound_get and request.method == "GET"):
        raise _invalid(
            "unbound_request",
            "a JWS over the body covers nothing here; of a GET allow_unbound_get would take it",
        )


def _check_envelope(request: Request, policy: Policy, now: float, *, pinned: bool) -> None:
    if not pinned:
        raise _invalid("scheme_not_allowed", "talos is only for platforms with pinned keys")
    try:
        iat = read_meta(request).iat
    except CanonicalError as error:
        raise _invalid("malformed", str(error)) from error
    most = _TALOS_AGE if policy.max_age is None else min(_TALOS_AGE, policy.max_age)
    if iat > now + SKEW:
        raise _invalid("created_in_future", f"iat is {iat - now:.0f} s in the future")
    if iat + most + SKEW < now:
        raise _invalid("too_old", f"iat is {now - iat:.0f} s ago, at most {most:.0f}")
    if len(request.body) > _TALOS_BODY:
        raise Refusal(
            "payload_too_large",
            "envelope_too_large",
            f"{len(request.body)} octets; an envelope takes {_TALOS_BODY}",
        )


def _is_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _invalid(reason: str, explanation: str) -> Refusal:
    return Refusal("signature_invalid", reason, explanation)
