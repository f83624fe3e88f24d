"""What is told of a request: its checks, its signatures with theirs, and the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from connector.diagnosis.vectors import RFC9421
from connector.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector.diagnosis.causes.cause import Finding
    from connector.diagnosis.their_base import Difference
    from connector.diagnosis.vectors import Accept
    from connector.diagnosis.verdicts import Refused

_Made = TypeVar("_Made")

OK: Final = "ok"
FAULT: Final = "fault"
NOT_REACHED: Final = "not reached"


class Check(NamedTuple):
    """One check: ``ok``, ``fault`` with code, reason and explanation, or ``not reached``."""

    step: str
    outcome: str
    code: str = ""
    reason: str = ""
    explanation: str = ""


class Candidate(NamedTuple):
    """One signature: its checks in order, and the base that was rebuilt for it, line by line.

    ``base_fault`` says why there is no base; ``alone`` says, where an earlier check failed,
    whether the signature as such verifies: None where that cannot be told.
    """

    label: str
    keyid: str
    checks: tuple[Check, ...]
    base: tuple[str, ...]
    base_fault: str
    alone: bool | None
    causes: tuple[Finding, ...]
    """What explains the failed checks: of this signature, and those of the request."""
    theirs: Difference | None
    """How the signer's own base differs, where it was given and belongs to this signature."""
    scheme: str = RFC9421
    """Of an older scheme there is no label, and its base is what was signed, in words."""


class Explanation(NamedTuple):
    """Everything that is known of one request. Secrets in it are masked."""

    decision: Accept | Refused
    head: tuple[str, ...]
    """Request line and headers."""
    checks: tuple[Check, ...]
    """What is checked of the request as a whole."""
    candidates: tuple[Candidate, ...]
    causes: tuple[Finding, ...]
    """What explains the failed checks where there is no signature to judge."""


# Which step of a candidate (ucp-rules section 3) a refusal belongs to: by reason, else by code.
_STEP_OF: Final = {
    "other_tag": "tag",
    "keyid_missing": "keyid",
    "label_too_long": "keyid",
    "coverage_insufficient": "coverage",
    "signature_encoding": "signature length",
    "time_malformed": "times",
    "expired": "times",
    "expires_before_created": "times",
    "created_in_future": "times",
    "too_old": "times",
    "stale": "times",
    "created_missing": "times",
    "bot_auth_times_missing": "times",
    "bot_auth_window": "times",
    "unbound_request": "coverage",
    "signature_agent_string": "coverage",
    **dict.fromkeys(
        (
            "signature_agent_too_long",
            "signature_agent_malformed",
            "signature_agent_member_missing",
            "signature_agent_not_a_string",
            "signature_agent_type",
            "signature_agent_not_an_origin",
        ),
        "profile",
    ),
    "scheme_not_allowed": "registration policy",
    "not_registered": "registration policy",
    "duplicate_key": "key",
    "key_revoked": "key",
    "bot_auth_keyid": "key",
    "alg_parameter": "algorithm",
    "base_unbuildable": "signature",
    "signature_mismatch": "signature",
    "digest_mismatch": "body",
    "envelope_too_large": "body",
    "invalid_profile_url": "profile",
    "profile_unreachable": "profile",
    "profile_malformed": "profile",
    "profile_not_trusted": "profile",
    "discovery_pending": "profile",
    "key_not_found": "key",
    "algorithm_unsupported": "algorithm",
    "version_unsupported": "version",
}


def step_of(refusal: Refusal) -> str:
    """Name the step of a candidate that a refusal of the authenticator belongs to."""
    by_reason = _STEP_OF.get(refusal.reason)
    return by_reason or _STEP_OF.get(refusal.code.name, "signature")


def fault_of(step: str, refusal: Refusal) -> Check:
    """Make the failed check of a step."""
    return Check(step, FAULT, refusal.code.name, refusal.reason, refusal.explanation)


def note(checks: list[Check], step: str, make: Callable[[], _Made]) -> _Made | None:
    """Do one check of the request as a whole and note how it went."""
    try:
        made = make()
    except Refusal as refusal:
        checks.append(fault_of(step, refusal))
        return None
    checks.append(Check(step, OK))
    return made


def told(
    steps: Sequence[str],
    fallen: str,
    refusal: Refusal | None,
    check_body: Callable[[], None],
) -> tuple[Check, ...]:
    """Tell every step from the one refusal: all before it went well, none behind it was made.

    ``fallen`` is the refusal's step. The body is checked all the same: it needs nothing of what
    failed before.
    """
    at = len(steps) if refusal is None else steps.index(fallen)
    checks = [Check(step, OK if n < at else NOT_REACHED) for n, step in enumerate(steps)]
    if refusal is not None:
        checks[at] = fault_of(fallen, refusal)
    body = steps.index("body")
    if at < body:
        alone: list[Check] = []
        note(alone, "body", check_body)
        checks[body] = alone[0]
    return tuple(checks)
