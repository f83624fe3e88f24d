"""The one signature of a request that is signed by an older scheme (ucp-rules section 4)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from canonical import CanonicalError, canonicalize, content_digest
from canonical.envelope import envelope
from canonical.jws import MAX_JWS, protected_header
from connector.authentication.older import DETACHED_JWS, TALOS, check_older_body
from connector.diagnosis.checks import Candidate, step_of, told
from connector.diagnosis.masking import MASK, is_secret, mask_query
from connector.errors import Refusal

if TYPE_CHECKING:
    from canonical import Request
    from connector.authentication.verification import Examined
    from connector.diagnosis.judging import Judge
    from connector.steps import Caller, Received

OLDER_STEPS: Final = (
    "registration policy",
    "signature header",
    "keyid",
    "times",
    "coverage",
    "body",
    "profile",
    "key",
    "algorithm",
    "signature",
    "version",
)
"""The steps that a signature of an older scheme takes, in order."""


async def older_candidate(
    received: Received, judge: Judge, endpoint: str
) -> tuple[Candidate, tuple[Caller, Examined] | None]:
    """Judge the JWS in Request-Signature; the proof where it verifies.

    In place of a base the candidate shows what is signed: the protected header and, of the body,
    its digest alone; of an envelope its members.
    """
    request = received.request
    proof, refusal = None, None
    try:
        examined = judge.examine(received)
        proof = await judge.authenticator.prove(received, examined), examined
    except Refusal as raised:
        refusal = raised
    scheme = TALOS if b"talos-signature-meta" in request.headers.index else DETACHED_JWS
    keyid, shown, base_fault = "", [], ""
    try:
        header = _header(request)
        keyid = str(header.get("kid", ""))
        shown = [f"protected header: {json.dumps(header)}"]
        shown += _envelope(request, endpoint) if scheme == TALOS else [_body(request)]
    except CanonicalError as error:
        base_fault = str(error)
    checks = told(OLDER_STEPS, _step(refusal), refusal, lambda: check_older_body(request))
    candidate = Candidate("", keyid, checks, tuple(shown), base_fault, None, (), None, scheme)
    return candidate, proof


def _step(refusal: Refusal | None) -> str:
    if refusal is None:
        return ""
    return "signature header" if refusal.reason == "malformed" else step_of(refusal)


def _header(request: Request) -> dict[str, Any]:
    jws = b", ".join(request.headers.index[b"request-signature"])
    if len(jws) > MAX_JWS:
        raise CanonicalError("Request-Signature is too long")
    return protected_header(jws)


def _body(request: Request) -> str:
    return f"payload: the body, {len(request.body)} octets, {content_digest(request.body)}"


def _envelope(request: Request, endpoint: str) -> list[str]:
    members: dict[str, Any] = json.loads(envelope(request, endpoint=endpoint))
    lines = []
    for name, value in members.items():
        if name == "headers":
            shown: Any = {
                field: MASK if is_secret(field) else text for field, text in value.items()
            }
        elif name == "body":
            # Its digest as RFC 8785 writes it: bodies are not shown.
            lines.append(f"{name}: {_digest(value)}")
            continue
        else:
            shown = mask_query(value) if isinstance(value, str) else value
        lines.append(f"{name}: {json.dumps(shown)}")
    return lines


def _digest(value: object) -> str:
    if value is None:
        return "null"
    return f"a JSON value whose canonical form has {content_digest(canonicalize(value))}"
