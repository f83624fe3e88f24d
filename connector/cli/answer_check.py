"""Verifies a signed answer with the business's published keys (ucp-rules section 9).

The signature covers the status and, where there is a body, its digest and its media type; where
it is bound to the request, that request is the one that was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import (
    CanonicalError,
    Response,
    check_content_digest,
    load_key_set,
    parse_signatures,
    verify,
)
from canonical.jcs import parse_json

if TYPE_CHECKING:
    from canonical import KeySet, Request, Signature
    from connector.cli.sending import Answer

_SKEW: Final = 30
"""Seconds by which two clocks may differ (ucp-rules section 3.9)."""
_OF_BODY: Final = ("content-digest", "content-type")
_MAX_CANDIDATES: Final = 4


class Verified(NamedTuple):
    """The signature that vouches for an answer."""

    label: str
    keyid: str


def published_keys(document: bytes) -> KeySet:
    """Return the keys of a profile or a JWK set; CanonicalError where it is neither."""
    profile = parse_json(document)
    if not isinstance(profile, dict):
        raise CanonicalError("neither a profile nor a JWK set")
    return load_key_set(profile.get("keys", profile.get("signing_keys")))


def check_answer(answer: Answer, request: Request, keys: KeySet, now: float) -> Verified:
    """Return which signature vouches for the answer; CanonicalError where none does, and why."""
    response = Response(
        status=answer.status, headers=answer.headers, body=answer.body, request=request
    )
    candidates = parse_signatures(response)[:_MAX_CANDIDATES]
    if not candidates:
        raise CanonicalError("it is not signed")
    if answer.body:
        check_content_digest(response.headers.lines(b"content-digest"), answer.body)
    reasons = []
    for signature in candidates:
        try:
            return _check(response, signature, keys, now)
        except CanonicalError as error:
            reasons.append(f"{signature.label}: {error}")
    raise CanonicalError("; ".join(reasons))


def _check(response: Response, signature: Signature, keys: KeySet, now: float) -> Verified:
    covered = {name for name, parameters in signature.components if not parameters}
    missing = {"@status", *(_OF_BODY if response.body else ())} - covered
    if missing:
        raise CanonicalError(f"it does not cover {', '.join(sorted(missing))}")
    keyid = signature.parameters.get("keyid")
    if not isinstance(keyid, str):
        raise CanonicalError("it has no keyid")
    _check_times(signature, now)
    verify(response, signature, keys.get(keyid))
    return Verified(signature.label, keyid)


def _check_times(signature: Signature, now: float) -> None:
    created, expires = (signature.parameters.get(name) for name in ("created", "expires"))
    if isinstance(created, int) and created > now + _SKEW:
        raise CanonicalError("it was created in the future")
    if isinstance(expires, int) and expires < now - _SKEW:
        raise CanonicalError("it has expired")
