"""The signatures of a request that are worth judging (ucp-rules section 3.1, 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import CanonicalError, parse_signatures
from connector.authentication.policy import BOT_AUTH
from connector.authentication.times import time_fault
from connector.errors import Refusal
from connector.platforms.signature_agent import OLD_FORM

if TYPE_CHECKING:
    from canonical import Request, Signature
    from connector.authentication.coverage import Coverage, Presence
    from connector.authentication.policy import Policy

MAX_CANDIDATES: Final = 4
"""Signatures judged per request (ucp-rules section 3.1)."""

_MAX_KEYID: Final = 256
_MAX_LABEL: Final = 64
# What four signatures need, several times over. Parsing is linear, but a stranger's header lines
# may be long, and nobody is known yet.
_FEW_OCTETS: Final = 768
_MAX_OCTETS: Final = 4096
_MAX_MEMBERS: Final = 16
_MAX_STRINGS: Final = 256
# Raw r||s of P-256 and Ed25519's R||S, and raw r||s of P-384 (RFC 9421 section 3.3).
_LENGTHS: Final = frozenset({64, 96})


class Fault(NamedTuple):
    """Why one candidate fell, and how far it had come (the order of ucp-rules section 3)."""

    step: int
    code: str
    reason: str
    explanation: str

    def refusal(self) -> Refusal:
        """Turn it into the request's refusal."""
        return Refusal(self.code, self.reason, self.explanation)


STEPS: Final = (
    "tag",
    "keyid",
    "coverage",
    "signature length",
    "times",
    "registration policy",
    "body",
    "profile",
    "key",
    "algorithm",
    "signature",
    "version",
)
"""The steps a candidate takes, in order; a :class:`Fault` carries an index into it."""


def fault(step: str, code: str, reason: str, explanation: str) -> Fault:
    """Make a Fault from the step's name."""
    return Fault(STEPS.index(step), code, reason, explanation)


def furthest(faults: list[Fault]) -> Fault:
    """The first of the faults whose candidate came furthest (ucp-rules section 3)."""
    return max(faults, key=lambda each: each.step)


def read_signatures(request: Request) -> list[Signature]:
    """Read the labels that stand in both headers, at most ``MAX_CANDIDATES``.

    Raises ``signature_missing`` where neither header is there, ``signature_invalid`` where one is
    alone, no label is in both, a dictionary is malformed or a member occurs twice.
    """
    index = request.headers.index
    has_input, has_value = b"signature-input" in index, b"signature" in index
    if not has_input and not has_value:
        raise Refusal(
            "signature_missing", "signature_missing", "neither Signature-Input nor Signature"
        )
    if not has_input or not has_value:
        present = "Signature-Input" if has_input else "Signature"
        raise Refusal("signature_invalid", "one_header", f"{present} stands alone")
    _check_size(index[b"signature-input"], index[b"signature"])
    try:
        signatures = parse_signatures(request)
    except CanonicalError as error:
        raise Refusal("signature_invalid", "malformed", str(error)) from error
    if not signatures:
        raise Refusal(
            "signature_invalid", "label_mismatch", "no label stands in both signature headers"
        )
    if len(signatures) > MAX_CANDIDATES:
        raise Refusal(
            "signature_invalid",
            "too_many",
            f"{len(signatures)} signatures, at most {MAX_CANDIDATES} are judged",
        )
    return signatures


def _check_size(inputs: list[bytes], values: list[bytes]) -> None:
    """Refuse signature headers that would take long to read, before they are."""
    if len(inputs) == len(values) == 1 and len(inputs[0]) + len(values[0]) <= _FEW_OCTETS:
        return
    if (
        sum(map(len, inputs)) > _MAX_OCTETS
        or sum(map(len, values)) > _MAX_OCTETS
        or sum(line.count(b"=(") for line in inputs) > _MAX_MEMBERS
        or sum(line.count(b'"') for line in inputs) > 2 * _MAX_STRINGS
        or sum(line.count(b"=:") for line in values) > _MAX_MEMBERS
    ):
        raise Refusal("signature_invalid", "too_many", "the signature headers are too large")


def judge_head(
    signature: Signature,
    presence: Presence,
    policy: Policy,
    coverage: Coverage,
    now: float,
    *,
    horizon: float | None,
) -> Fault | None:
    """Judge what needs no key and no body: tag, keyid, coverage, length, times, policy."""
    parameters = signature.parameters
    tag = parameters.get("tag")
    # RFC 9421 section 2.3: a string; a token is a kind of it here.
    if tag is not None and (type(tag) is not str or tag != BOT_AUTH):
        return fault("tag", "signature_invalid", "other_tag", "the tag is for another purpose")
    keyid = parameters.get("keyid")
    if type(keyid) is not str or not 0 < len(keyid) <= _MAX_KEYID:
        return fault("keyid", "signature_invalid", "keyid_missing", "no usable keyid parameter")
    if len(signature.label) > _MAX_LABEL:
        return fault("keyid", "signature_invalid", "label_too_long", "the label is too long")
    if tag == BOT_AUTH and presence.old_signature_agent:
        return fault("coverage", "signature_invalid", "signature_agent_string", OLD_FORM)
    missing = coverage.fault(signature, presence, policy.coverage)
    if missing is not None:
        return fault("coverage", "signature_invalid", "coverage_insufficient", missing)
    if len(signature.value) not in _LENGTHS:
        return fault(
            "signature length",
            "signature_invalid",
            "signature_encoding",
            f"{len(signature.value)} octets: a raw signature has 64 or 96"
            + (" (this looks like DER)" if signature.value[:1] == b"\x30" else ""),
        )
    untimely = time_fault(parameters, policy, now, horizon=horizon)
    if untimely is not None:
        return fault("times", "signature_invalid", *untimely)
    if "rfc9421" not in policy.schemes:
        return fault(
            "registration policy",
            "signature_invalid",
            "scheme_not_allowed",
            f"tier {policy.tier} does not take RFC 9421 signatures",
        )
    return None
