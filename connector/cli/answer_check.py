"""Verifies a signed answer with the business's published keys (ucp-rules section 9).

The signature covers the status and, where there is a body, its digest and its media type; where
it is bound to the request, that request is the one that was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import CanonicalError, Request, Response, load_key_set
from canonical.jcs import parse_json
from connector.authentication.body import check_body
from connector.authentication.candidates import furthest, read_signatures
from connector.authentication.policy import Policy
from connector.diagnosis.response_judging import (
    ResponseTerms,
    judge_response_head,
    prove_response,
)

if TYPE_CHECKING:
    from canonical import KeySet
    from connector.cli.sending import Answer

_POLICY: Final = Policy("business", max_age=300)
"""An answer is made for the request that was just sent: an older one, unbound, was another's."""


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
    """Return which signature vouches for the answer to ``request``; Refusal where none does."""
    # Which signatures there are, and what binds the body, is alike for both kinds of message.
    plain = Request(method="", target="/", headers=answer.headers, body=answer.body)
    response = Response(
        status=answer.status, headers=answer.headers, body=answer.body, request=request
    )
    terms = ResponseTerms.of(response, request, bound=False)
    left, faults = [], []
    for signature in read_signatures(plain):
        fallen = judge_response_head(signature, terms, _POLICY, now)
        if fallen is None:
            left.append(signature)
        else:
            faults.append(fallen)
    if not left:
        raise furthest(faults).refusal()
    check_body(plain)
    signature, _ = prove_response(response, left, faults, keys)
    return Verified(signature.label, str(signature.parameters["keyid"]))
