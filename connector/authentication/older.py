"""The older schemes: a detached JWS over the body, and the Talos envelope (ucp-rules section 4).

They are taken only where a registration allows them. A detached JWS binds neither method, target
nor Idempotency-Key, so what it vouches for is little: without a body it is refused, and it does
not complete a checkout, unless the registration says otherwise. The scheme follows from the
headers alone: with ``Talos-Signature-Meta`` it is an envelope, without a JWS over the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import CanonicalError, SignatureInvalid, verify_detached, verify_envelope
from canonical.envelope import envelope, read_meta
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


def read_older(request: Request, policy: Policy, now: float) -> OlderSignature:
    """Judge what needs no key and no body, in the order of ucp-rules section 3; raises Refusal."""
    scheme = TALOS if _META in request.headers.index else DETACHED_JWS
    if scheme not in policy.schemes:
        # First, unlike in section 3: nobody but the registered platform has us read a JWS.
        raise _invalid("scheme_not_allowed", f"tier {policy.tier} does not take {scheme}")
    lines = request.headers.index[_SIGNATURE]
    if len(lines) != 1 or len(lines[0]) > MAX_JWS:
        raise _invalid("malformed", "Request-Signature is not one line of a usable length")
    try:
        kid = protected_header(lines[0]).get("kid")
    except CanonicalError as error:
        raise _invalid("malformed", f"Request-Signature: {error}") from error
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID:
        raise _invalid("keyid_missing", "the JWS names no usable kid")
    if scheme == TALOS:
        _check_time(request, policy, now)
    elif policy.created_required:
        raise _invalid("created_missing", "this tier asks for created, which a JWS has not")
    elif not request.body and not policy.unbound_get:
        raise _invalid("unbound_request", "a JWS over the body covers nothing of this request")
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
            verify_envelope(request, key, endpoint=endpoint)
            return signing_input(signature.jws, envelope(request, endpoint=endpoint))
        verify_detached(signature.jws, request.body, key)
        return signing_input(signature.jws, request.body)
    except SignatureInvalid as error:
        raise _invalid("signature_mismatch", str(error)) from error


def _check_time(request: Request, policy: Policy, now: float) -> None:
    try:
        iat = read_meta(request).iat
    except CanonicalError as error:
        raise _invalid("malformed", str(error)) from error
    most = _TALOS_AGE if policy.max_age is None else min(_TALOS_AGE, policy.max_age)
    if iat > now + SKEW:
        raise _invalid("created_in_future", f"iat is {iat - now:.0f} s in the future")
    if iat + most + SKEW < now:
        raise _invalid("too_old", f"iat is {now - iat:.0f} s ago, at most {most:.0f}")


def _invalid(reason: str, explanation: str) -> Refusal:
    return Refusal("signature_invalid", reason, explanation)
