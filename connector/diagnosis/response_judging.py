"""Whether a business signed a response: what a platform checks (ucp-rules section 9).

The order is that of requests (ucp-rules section 3): what needs no key comes first, and the reported
code is that of the furthest step that any signature reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import (
    AlgorithmUnsupported,
    CanonicalError,
    DuplicateKey,
    KeyNotFound,
    SignatureInvalid,
    parse_signatures,
    signature_base,
)
from connector.authentication.candidates import Fault, fault, furthest
from connector.authentication.times import time_fault

if TYPE_CHECKING:
    from canonical import Component, Key, KeySet, Request, Response, Signature
    from connector.authentication.policy import Policy

# Raw r||s of P-256 and Ed25519's R||S, and raw r||s of P-384 (RFC 9421 section 3.3).
_LENGTHS: Final = (64, 96)
# Parameters under which a field still stands for its whole value.
_WHOLE_FIELD: Final = frozenset({"sf", "bs"})
_BOUND: Final = ('"@method";req', '"@authority";req', '"@path";req')


class Proven(NamedTuple):
    """A signature that verified, and what was signed."""

    signature: Signature
    base: bytes


class ResponseTerms(NamedTuple):
    """What a response's signature must cover."""

    body: bool
    bound: frozenset[str]
    """Components of the request, as identifiers; empty where the answer stands for itself."""

    @classmethod
    def of(cls, response: Response, request: Request, *, bound: bool) -> ResponseTerms:
        """Read them from the response and, with the request binding, from what it answers."""
        if not bound:
            return cls(bool(response.body), frozenset())
        asked = set(_BOUND)
        if "?" in request.target:
            asked.add('"@query";req')
        # RFC 9421 section 2.4: the request's own signature, by its label.
        asked |= {f'"signature";req;key="{each.label}"' for each in parse_signatures(request)}
        return cls(bool(response.body), frozenset(asked))

    def missing(self, components: tuple[Component, ...]) -> list[str]:
        """Name what is not covered."""
        covered = set()
        for name, parameters in components:
            if not parameters or (name[0] != "@" and parameters.keys() <= _WHOLE_FIELD):
                covered.add(name)
            elif parameters == {"req": True}:
                covered.add(f'"{name}";req')
            elif parameters.keys() == {"req", "key"}:
                covered.add(f'"{name}";req;key="{parameters["key"]!s}"')
        required = ["@status", *(("content-digest", "content-type") if self.body else ())]
        return [name for name in (*required, *sorted(self.bound)) if name not in covered]


def judge_response_head(
    signature: Signature, terms: ResponseTerms, policy: Policy, now: float
) -> Fault | None:
    """Judge what needs no key and no body: tag, keyid, coverage, length, times."""
    parameters = signature.parameters
    if "tag" in parameters:
        # Web Bot Auth is for requests (signatures.md#wba-interop).
        return fault("tag", "signature_invalid", "other_tag", "a response's signature has no tag")
    keyid = parameters.get("keyid")
    if type(keyid) is not str or not keyid:
        return fault("keyid", "signature_invalid", "keyid_missing", "no usable keyid parameter")
    missing = terms.missing(signature.components)
    if missing:
        text = f"not covered: {', '.join(missing)}"
        return fault("coverage", "signature_invalid", "coverage_insufficient", text)
    if len(signature.value) not in _LENGTHS:
        text = f"{len(signature.value)} octets: a raw signature has 64 or 96"
        return fault("signature length", "signature_invalid", "signature_encoding", text)
    untimely = time_fault(parameters, policy, now, horizon=None)
    return None if untimely is None else fault("times", "signature_invalid", *untimely)


def prove_response(
    response: Response, signatures: list[Signature], faults: list[Fault], keys: KeySet
) -> Proven:
    """Verify one of the signatures with a key of the business; raises Refusal.

    ``faults`` are those of signatures that fell before.
    """
    fallen = list(faults)
    for signature in signatures:
        key = find_key(str(signature.parameters["keyid"]), keys)
        if isinstance(key, Fault):
            fallen.append(key)
            continue
        alg = signature.parameters.get("alg")
        if alg is not None and alg != key.signature_algorithm:
            text = f"the alg parameter does not fit a key for {key.algorithm}"
            fallen.append(fault("algorithm", "signature_invalid", "alg_parameter", text))
            continue
        try:
            base = signature_base(response, signature)
            key.verify(signature.value, base)
        except SignatureInvalid as error:
            fallen.append(fault("signature", "signature_invalid", "signature_mismatch", str(error)))
        except CanonicalError as error:
            fallen.append(fault("signature", "signature_invalid", "base_unbuildable", str(error)))
        else:
            return Proven(signature, base)
    raise furthest(fallen).refusal()


def find_key(kid: str, keys: KeySet) -> Key | Fault:
    """Return the key with this kid, or what is wrong with it."""
    try:
        return keys.get(kid)
    except KeyNotFound as error:
        return fault("key", "key_not_found", "key_not_found", str(error))
    except DuplicateKey as error:
        return fault("key", "signature_invalid", "duplicate_key", str(error))
    except AlgorithmUnsupported as error:
        return fault("algorithm", "algorithm_unsupported", "algorithm_unsupported", str(error))
