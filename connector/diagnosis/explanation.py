"""Why a request is accepted or refused: the decision, and each check of each candidate in order.

The decision is the gateway's own. Beside it every candidate is judged for itself, so that a good
signature does not hide what is wrong with another one.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from canonical import CanonicalError, Request, parse_signatures, signature_base, verify
from connector.authentication.body import check_body
from connector.authentication.candidates import MAX_CANDIDATES, STEPS, read_signatures
from connector.authentication.older import carries_older
from connector.diagnosis.causes.catalogue import find_causes
from connector.diagnosis.causes.evidence import Evidence, Observed
from connector.diagnosis.checks import (
    FAULT,
    NOT_REACHED,
    OK,
    Candidate,
    Check,
    Explanation,
    note,
    step_of,
    told,
)
from connector.diagnosis.masking import base_lines, head_lines
from connector.diagnosis.older_explanation import older_candidate
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
    from connector.diagnosis.vectors import WireRequest
    from connector.steps import Caller, Received


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
    received, checks, judged = await _judged(request, judge, endpoint)
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
    request: WireRequest, judge: Judge, endpoint: str
) -> tuple[Received | None, tuple[Check, ...], list[tuple[Candidate, Signature | None]]]:
    """Do every check of the request, and those of each of its signatures."""
    checks: list[Check] = []
    received = note(checks, "wire and authority", lambda: judge.receive(request))
    if received is None:
        return None, tuple(checks), []
    asked = note(checks, "path", lambda: judge.ask(received))
    candidates: list[tuple[Candidate, Signature | None]] = []
    proven: tuple[Caller, Examined] | None = None
    if b"signature-input" not in received.request.headers.index and carries_older(received.request):
        older, proven = await older_candidate(received, judge, endpoint)
        candidates.append((older, None))
    else:
        signatures = note(checks, "signature headers", lambda: read_signatures(received.request))
        for signature in signatures or ():
            candidate, proof = await _candidate(signature, received, judge)
            candidates.append((candidate, signature))
            proven = proven or proof
    note(checks, "media type", lambda: check_media(received.request))
    if proven is None or asked is None:
        checks.append(Check("operation and permission", NOT_REACHED))
    else:
        caller, examined = proven
        note(
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


def _explained(candidate: Candidate, signature: Signature | None, evidence: Evidence) -> Candidate:
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
    signatures: list[Signature | None],
    evidence: Evidence,
    theirs: bytes,
) -> tuple[Candidate, ...]:
    """Hold the signer's base against the signature that it has most lines in common with."""
    lines = set(theirs.decode("ascii", "backslashreplace").splitlines())
    common = [len(lines.intersection(candidate.base)) for candidate in candidates]
    return tuple(
        candidate._replace(theirs=compare(evidence._replace(signature=signature), theirs))
        if signature is not None and number == common.index(max(common))
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
    fallen = "" if refusal is None else step_of(refusal)
    checks = told(STEPS, fallen, refusal, lambda: check_body(received.request))
    alone = None
    if any(check.step == "signature" and check.outcome == NOT_REACHED for check in checks):
        alone = await _verifies(signature, received, judge)
    keyid = str(signature.parameters.get("keyid", ""))
    return Candidate(signature.label, keyid, checks, base, base_fault, alone, (), None), proof


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
