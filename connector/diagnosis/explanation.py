"""Why a request is accepted or refused: the decision, and each check of each candidate in order.

The decision is the gateway's own. Beside it every candidate is judged for itself, so that a good
signature does not hide what is wrong with another one.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from canonical import CanonicalError, Request, parse_signatures, signature_base, verify
from connector.authentication.body import check_body
from connector.authentication.candidates import MAX_CANDIDATES, STEPS, read_signatures
from connector.diagnosis.causes.catalogue import find_causes
from connector.diagnosis.causes.evidence import Evidence, Observed
from connector.diagnosis.masking import base_lines, escaped, head_lines
from connector.diagnosis.their_base import compare
from connector.diagnosis.vectors import Accept
from connector.errors import Refusal
from connector.transports.media import check_media

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from canonical import Signature
    from connector.authentication.verification import Examined
    from connector.diagnosis.causes.cause import Finding
    from connector.diagnosis.judging import Judge
    from connector.diagnosis.their_base import Difference
    from connector.diagnosis.vectors import WireRequest
    from connector.diagnosis.verdicts import Refused
    from connector.steps import Caller, Received

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
    "scheme_not_allowed": "registration policy",
    "not_registered": "registration policy",
    "duplicate_key": "key",
    "key_revoked": "key",
    "bot_auth_keyid": "key",
    "alg_parameter": "algorithm",
    "base_unbuildable": "signature",
    "signature_mismatch": "signature",
    "digest_mismatch": "body",
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


async def explain(
    request: WireRequest,
    judge: Judge,
    *,
    profile: Callable[[], bytes | None] = lambda: None,
    endpoint: str = "",
    nested_keys: bool = False,
    their_base: bytes | None = None,
) -> Explanation:
    """Explain one request as ``judge`` decides it.

    ``profile`` returns the octets of the platform's profile, asked once the judge has fetched it;
    ``endpoint`` is the merchant's REST endpoint; ``their_base`` the signer's own base.
    """
    decision = await judge.decide(request)
    received, checks, judged = await _judged(request, judge)
    evidence = Evidence(
        _message(request),
        0.0 if received is None else received.at,
        endpoint,
        _parsed(profile()),
        nested_keys,
        tuple(_observed(checks)),
    )
    candidates = tuple(_explained(each, signature, evidence) for each, signature in judged)
    if their_base is not None:
        signatures = [signature for _, signature in judged]
        candidates = _compared(candidates, signatures, evidence, their_base)
    alone = () if judged or isinstance(decision, Accept) else _of_request(evidence)
    return Explanation(decision, head_lines(request), checks, candidates, alone)


async def _judged(
    request: WireRequest, judge: Judge
) -> tuple[Received | None, tuple[Check, ...], list[tuple[Candidate, Signature]]]:
    """Do every check of the request, and those of each of its signatures."""
    checks: list[Check] = []
    received = _note(checks, "wire and authority", lambda: judge.receive(request))
    if received is None:
        return None, tuple(checks), []
    route = _note(checks, "path", lambda: judge.route(received))
    signatures = _note(checks, "signature headers", lambda: read_signatures(received.request))
    _note(checks, "media type", lambda: check_media(received.request))
    candidates = []
    proven: tuple[Caller, Examined] | None = None
    for signature in signatures or ():
        candidate, proof = await _candidate(signature, received, judge)
        candidates.append((candidate, signature))
        proven = proven or proof
    if proven is None or route is None:
        checks.append(Check("operation and permission", NOT_REACHED))
    else:
        caller, examined = proven
        _note(
            checks,
            "operation and permission",
            lambda: judge.admit(received, caller, examined.policy),
        )
    # Whatever was refused before the profile was asked for: the causes are looked for in it.
    await judge.published_keys(received)
    return received, tuple(checks), candidates


def _of_request(evidence: Evidence) -> tuple[Finding, ...]:
    """Find the causes where no signature got as far as being judged."""
    try:
        signatures = parse_signatures(evidence.request)[:MAX_CANDIDATES]
    except CanonicalError:
        signatures = []
    # The wire refused the request, perhaps for what was done to it after it was signed.
    found = [find_causes(evidence._replace(signature=each)) for each in signatures]
    return next((causes for causes in found if causes), None) or find_causes(evidence)


def _explained(candidate: Candidate, signature: Signature, evidence: Evidence) -> Candidate:
    """Add the causes of what the candidate failed, or of what the request failed with it."""
    faults = (*evidence.faults, *_observed(candidate.checks))
    if not faults:
        return candidate
    fine = any(check.step == "signature" and check.outcome == OK for check in candidate.checks)
    own = evidence._replace(
        faults=faults, signature=signature, verifies=fine or candidate.alone is True
    )
    return candidate._replace(causes=find_causes(own))


def _compared(
    candidates: tuple[Candidate, ...],
    signatures: list[Signature],
    evidence: Evidence,
    theirs: bytes,
) -> tuple[Candidate, ...]:
    """Hold the signer's base against the signature that it has most lines in common with."""
    lines = set(escaped(theirs).splitlines())
    common = [len(lines.intersection(candidate.base)) for candidate in candidates]
    return tuple(
        candidate._replace(theirs=compare(evidence._replace(signature=signature), theirs))
        if number == common.index(max(common))
        else candidate
        for number, (candidate, signature) in enumerate(zip(candidates, signatures, strict=True))
    )


def _observed(checks: Iterable[Check]) -> Iterator[Observed]:
    for check in checks:
        if check.outcome == FAULT:
            yield Observed(check.code, check.reason, check.explanation)


def _message(request: WireRequest) -> Request:
    return Request(
        method=request.method,
        target=request.target,
        scheme=request.scheme,
        headers=request.headers,
        body=request.body,
    )


def _parsed(document: bytes | None) -> Any:
    try:
        return None if document is None else json.loads(document)
    except (ValueError, RecursionError):
        return None  # The check of the profile says so.


def _note(checks: list[Check], step: str, make: Callable[[], _Made]) -> _Made | None:
    """Do one check of the request as a whole and note how it went."""
    try:
        made = make()
    except Refusal as refusal:
        checks.append(_fault(step, refusal))
        return None
    checks.append(Check(step, OK))
    return made


async def _candidate(
    signature: Signature, received: Received, judge: Judge
) -> tuple[Candidate, tuple[Caller, Examined] | None]:
    """Judge one signature as if it were the only one; the proof where it verifies."""
    proof, refusal = None, None
    try:
        examined = judge.examine(_alone(signature, received))
        caller = await judge.authenticator.prove(received, examined)
        proof = caller, examined
    except Refusal as raised:
        refusal = raised
    base: tuple[str, ...] = ()
    base_fault = ""
    try:
        base = base_lines(signature_base(received.request, signature))
    except CanonicalError as error:
        base_fault = str(error)
    checks = _checks(refusal, received)
    alone = None
    if any(check.step == "signature" and check.outcome == NOT_REACHED for check in checks):
        alone = await _verifies(signature, received, judge)
    keyid = str(signature.parameters.get("keyid", ""))
    return Candidate(signature.label, keyid, checks, base, base_fault, alone, (), None), proof


def _checks(refusal: Refusal | None, received: Received) -> tuple[Check, ...]:
    """Tell every step from the one refusal: all before it went well, none behind it was made."""
    fallen = len(STEPS) if refusal is None else STEPS.index(step_of(refusal))
    checks = [Check(step, OK if at < fallen else NOT_REACHED) for at, step in enumerate(STEPS)]
    if refusal is not None:
        checks[fallen] = _fault(STEPS[fallen], refusal)
    body = STEPS.index("body")
    if fallen < body:
        # It needs nothing of what failed.
        try:
            check_body(received.request)
        except Refusal as other:
            checks[body] = _fault("body", other)
        else:
            checks[body] = Check("body", OK)
    return tuple(checks)


async def _verifies(signature: Signature, received: Received, judge: Judge) -> bool | None:
    """Whether the signature as such verifies with the published key; None without that key."""
    keys = await judge.published_keys(received)
    try:
        if keys is None:
            return None
        key = keys.get(str(signature.parameters.get("keyid", "")))
    except CanonicalError:
        return None
    try:
        verify(received.request, signature, key)
    except CanonicalError:
        return False
    return True


def _alone(signature: Signature, received: Received) -> Received:
    """Return the request with this signature only; everything else stays as it is."""
    request = received.request
    headers = [
        line
        for line in request.headers
        if line[0].lower() not in (b"signature-input", b"signature")
    ]
    value = b64encode(signature.value).decode("ascii")
    headers += [
        (b"Signature-Input", f"{signature.label}={signature.member}".encode()),
        (b"Signature", f"{signature.label}=:{value}:".encode()),
    ]
    return received._replace(
        request=Request(
            method=request.method,
            target=request.target,
            scheme=request.scheme,
            headers=headers,
            body=request.body,
        )
    )


def _fault(step: str, refusal: Refusal) -> Check:
    return Check(step, FAULT, refusal.code.name, refusal.reason, refusal.explanation)
