"""What a platform makes of what a business sends: responses, webhooks, AP2 authorizations.

The gateway itself sends these and never receives them; here they are judged for the vector files,
so that whoever does receive them can compare. Only the signature is judged: whether the business
may speak of this order is the platform's own question, and so is a response's meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from canonical import CanonicalError, Request, Response, SignatureInvalid
from canonical.ap2 import verify_merchant_authorization
from canonical.jcs import canonicalize, parse_json
from canonical.jws import protected_header, signing_input
from canonical.targets import authority_of
from connector.authentication.body import check_body
from connector.authentication.candidates import Fault, furthest, read_signatures
from connector.authentication.older import DETACHED_JWS
from connector.authentication.policy import Policy
from connector.authentication.verification import Authenticator
from connector.diagnosis.response_judging import (
    ResponseTerms,
    find_key,
    judge_response_head,
    prove_response,
)
from connector.diagnosis.vectors import RFC9421, Accept
from connector.diagnosis.verdicts import Refused
from connector.egress.urls import normalise
from connector.errors import Refusal
from connector.platforms.agent import read_agent
from connector.steps import Received

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from canonical import Signature
    from connector.authentication.verification import Examined
    from connector.diagnosis.vectors import Case, WireRequest, WireResponse
    from connector.platforms.discovery import Discovery
    from connector.platforms.documents import Profile

_PROFILE_PATH: Final = "/.well-known/ucp"
_VERSIONS: Final = frozenset({"2026-08-25", "2026-04-08", "2026-01-23", "2026-01-11"})
_POLICY: Final = Policy("business", schemes=frozenset({RFC9421, DETACHED_JWS}))
_WEBHOOK: Final = ("webhook-id", "webhook-timestamp")
_PEER: Final = "192.0.2.1"  # RFC 5737: an address for documentation


class Receiver:
    """Judges what businesses send, at UNIX time ``now``, with profiles from ``discovery``.

    ``bound`` asks responses for the request binding of RFC 9421 section 2.4.
    """

    def __init__(self, discovery: Discovery, now: float, *, bound: bool) -> None:
        self._discovery = discovery
        self._now = now
        self._bound = bound
        self._authenticator = Authenticator(
            profiles=discovery,
            agent_url=read_agent,
            discovered=_POLICY,
            registered={},
            versions=_VERSIONS,
            discovery_open=True,
            keyed_horizon=float("inf"),
        )

    async def decide(self, case: Case) -> Accept | Refused:
        """Decide a case of one of the kinds response, webhook and ap2."""
        request = _request(case.request)
        try:
            return await self._decided(case, request)
        except Refusal as refusal:
            return Refused(refusal.code.name, refusal.reason, refusal.explanation)

    def _decided(self, case: Case, request: Request) -> Awaitable[Accept]:
        if case.response is None:
            return self._webhook(request)
        if case.kind == "ap2":
            return self._authorization(request, case.response)
        return self._response(request, case.response)

    async def _response(self, request: Request, answer: WireResponse) -> Accept:
        # Which signatures there are, and what binds the body, is alike for both kinds of message.
        plain = Request(method="", target="/", headers=answer.headers, body=answer.body)
        response = Response(
            status=answer.status, headers=answer.headers, body=answer.body, request=request
        )
        terms = ResponseTerms.of(response, request, bound=self._bound)
        left: list[Signature] = []
        faults: list[Fault] = []
        for signature in read_signatures(plain):
            fallen = judge_response_head(signature, terms, _POLICY, self._now)
            if fallen is None:
                left.append(signature)
            else:
                faults.append(fallen)
        if not left:
            raise furthest(faults).refusal()
        check_body(plain)
        profile = await self._business(request)
        signature, base = prove_response(response, left, faults, profile.keys)
        keyid = str(signature.parameters["keyid"])
        return Accept(profile.url.url, keyid, signature.label, base.decode("ascii"))

    async def _webhook(self, request: Request) -> Accept:
        received = Received(request, "", _PEER, self._now, 0.0)
        examined = self._authenticator.examine(received, writes=False)
        if examined.older is None:
            examined = _covering(examined)
        agent = examined.agent
        if not isinstance(agent, Refusal) and not agent.url.endswith(_PROFILE_PATH):
            # signatures.md#rest-request-verification, the parsing rules of UCP-Agent.
            raise Refusal("invalid_profile_url", "not_well_known", "a business's profile is there")
        caller = await self._authenticator.prove(received, examined)
        base = caller.signature_base.decode()
        return Accept(caller.identity, caller.keyid, caller.label, base, caller.scheme)

    async def _authorization(self, request: Request, answer: WireResponse) -> Accept:
        jws, payload = _carried(answer.body)
        try:
            kid = protected_header(jws).get("kid")
        except CanonicalError as error:
            raise _unauthorized("malformed", str(error)) from error
        if not isinstance(kid, str):
            raise _unauthorized("keyid_missing", "the authorization names no kid")
        profile = await self._business(request)
        key = find_key(kid, profile.keys)
        if isinstance(key, Fault):
            raise _unauthorized(key.reason, key.explanation)
        try:
            verify_merchant_authorization(answer.body, key)
        except SignatureInvalid as error:
            raise _unauthorized("signature_mismatch", str(error)) from error
        base = signing_input(jws, payload).decode("ascii")
        return Accept(profile.url.url, kid, "", base, DETACHED_JWS)

    async def _business(self, request: Request) -> Profile:
        """Return the profile of the business that was asked: the one at its authority."""
        try:
            url = normalise(f"https://{authority_of(request)}{_PROFILE_PATH}")
        except CanonicalError as error:
            raise Refusal("invalid_profile_url", "authority", str(error)) from error
        return await self._discovery.resolve(url, peer=_PEER, registered=False, now=self._now)


def _carried(body: bytes) -> tuple[str, bytes]:
    """Return the authorization that a checkout carries, and what it should be over."""
    try:
        checkout = parse_json(body)
        extension = checkout.get("ap2") if isinstance(checkout, dict) else None
        if not isinstance(extension, dict) or "merchant_authorization" not in extension:
            raise Refusal("merchant_authorization_missing", "missing", "there is none in ap2")
        payload = canonicalize({name: checkout[name] for name in checkout if name != "ap2"})
    except CanonicalError as error:
        raise _unauthorized("not_canonical", str(error)) from error
    jws = extension["merchant_authorization"]
    if not isinstance(jws, str):
        raise _unauthorized("malformed", "the authorization is not a string")
    return jws, payload


def _covering(examined: Examined) -> Examined:
    """Keep the signatures that cover what a webhook carries; raises Refusal where none does."""
    uncovered = [_uncovered(signature) for signature in examined.signatures]
    if all(uncovered):
        raise Refusal("signature_invalid", "coverage_insufficient", uncovered[0])
    pairs = zip(examined.signatures, uncovered, strict=True)
    return examined._replace(signatures=[signature for signature, text in pairs if not text])


def _uncovered(signature: Signature) -> str:
    """Say what a webhook's signature leaves out, beyond what any request's must cover."""
    covered = {name for name, parameters in signature.components if not parameters}
    missing = [name for name in _WEBHOOK if name not in covered]
    return f"not covered: {', '.join(missing)}" if missing else ""


def _unauthorized(reason: str, explanation: str) -> Refusal:
    return Refusal("merchant_authorization_invalid", reason, explanation)


def _request(request: WireRequest) -> Request:
    return Request(
        method=request.method,
        target=request.target,
        scheme=request.scheme,
        headers=request.headers,
        body=request.body,
    )
