"""From a received request to a proven Caller, in the order of ucp-rules section 3.

``examine`` judges what needs no key and no body, so that a stranger costs little; ``prove`` binds
the body, finds the key and verifies. Only a request whose signature verified leaves as a Caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from canonical import CanonicalError, SignatureInvalid, signature_base
from canonical.envelope import read_meta
from connector.authentication.body import check_body
from connector.authentication.bulk import BulkVerifier
from connector.authentication.candidates import (
    Fault,
    fault,
    furthest,
    judge_head,
    read_signatures,
)
from connector.authentication.coverage import Coverage, Presence
from connector.authentication.key_choice import find_key, fitting_key, revoked_key
from connector.authentication.older import (
    DETACHED_JWS,
    TALOS,
    OlderSignature,
    carries_older,
    check_older_body,
    permitted,
    read_older,
    signature_of,
    verify_older,
)
from connector.authentication.sources import Keys, Lookup, fault_of, sources
from connector.authentication.times import times_of
from connector.errors import Refusal
from connector.steps import Caller, Times

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from canonical import KeySet, Request, Signature
    from connector.authentication.policy import Policy
    from connector.authentication.sources import Profiles, ReadMember
    from connector.egress.urls import ProfileUrl
    from connector.steps import Received


_MAX_AGENT: Final = 4096
"""Octets of UCP-Agent: a profile URL of 2048, and what else a platform says of itself."""


InBody: TypeAlias = "Callable[[], list[bytes] | None]"
"""Reads the values of UCP-Agent out of the body; None where it has none. It may raise Refusal."""


class Registered(NamedTuple):
    """A registered platform: its terms, and its pinned keys where it has them."""

    policy: "Policy"
    version: str | None
    keys: KeySet | None


class Examined(NamedTuple):
    """A request whose signatures are worth looking up a key for."""

    signatures: list[Signature]
    faults: list[Fault]
    agent: ProfileUrl | Refusal
    registered: Registered | None
    policy: "Policy"
    older: OlderSignature | None = None
    """What takes the place of the signatures under an older scheme."""


class Authenticator:
    """Verifies the requests of one merchant.

    ``registered`` maps normalised profile URLs to registrations. Under ``coverage: compat`` the
    identity rests on the pinned keys alone: UCP-Agent picks the registration, whose keys no other
    registration may hold. ``keyed_horizon`` is the most seconds since ``created`` for a keyed
    write. ``revoked`` are thumbprints that never verify. ``endpoint`` is the path of the REST
    endpoint. ``signature_agent`` reads a member of Signature-Agent; without it none is used.
    """

    def __init__(
        self,
        *,
        profiles: Profiles,
        agent_url: Callable[[bytes], ProfileUrl],
        discovered: Policy,
        registered: Mapping[str, Registered],
        versions: frozenset[str],
        discovery_open: bool,
        keyed_horizon: float,
        revoked: frozenset[str] = frozenset(),
        endpoint: str = "",
        signature_agent: ReadMember | None = None,
    ) -> None:
        self._bulk = BulkVerifier()
        self._profiles = profiles
        self._agent_url = agent_url
        self._discovered = discovered
        self._registered = registered
        self._versions = versions
        self._discovery_open = discovery_open
        self._keyed_horizon = keyed_horizon
        self._revoked = revoked
        self._endpoint = endpoint
        self._signature_agent = signature_agent
        self._coverage = Coverage()

    def follow(
        self,
        *,
        discovered: Policy,
        registered: Mapping[str, Registered],
        discovery_open: bool,
        revoked: frozenset[str],
        signature_agent: ReadMember | None = None,
    ) -> None:
        """Go on with other terms from this moment: no request is examined by parts of both.

        What was examined before is proven by the terms that it was examined by, but a key that is
        revoked now verifies nothing more.
        """
        self._discovered = discovered
        self._registered = registered
        self._discovery_open = discovery_open
        self._revoked = revoked
        self._signature_agent = signature_agent

    def stand_by(self, caller: Caller) -> None:
        """Refuse a caller whose key was revoked since it verified; raises Refusal.

        Asked once more before anything is sent or answered from what was recorded: admission may
        have waited for another request's answer.
        """
        if caller.thumbprint in self._revoked:
            raise revoked_key().refusal()

    def examine(
        self, received: Received, *, writes: bool, in_body: InBody | None = None
    ) -> Examined:
        """Judge every candidate by what the head says; raises the furthest one's refusal.

        ``writes`` says that method and path are those of a write, whose key is claimed.
        ``in_body`` is given where profile and key may stand in the body (MCP); it is read only
        where there is no UCP-Agent.
        """
        request = received.request
        # Never a way back: with RFC 9421 headers the request is judged by these alone.
        if b"signature-input" not in request.headers.index and carries_older(request):
            return self._examine_older(received, in_body)
        signatures = read_signatures(request)
        agent = self._agent(request, in_body)
        registered = None if isinstance(agent, Refusal) else self._registered.get(agent.url)
        policy = self._discovered if registered is None else registered.policy
        presence = Presence.of(request)
        keyed = presence.idempotency_key or in_body is not None
        horizon = self._keyed_horizon if writes and keyed else None
        faults: list[Fault] = []
        left: list[Signature] = []
        for signature in signatures:
            fallen = judge_head(
                signature, presence, policy, self._coverage, received.at, horizon=horizon
            )
            if fallen is None:
                left.append(signature)
            else:
                faults.append(fallen)
        if not left:
            raise furthest(faults).refusal()
        if registered is None and not self._discovery_open and not isinstance(agent, Refusal):
            raise Refusal(
                "profile_not_trusted", "not_registered", "only registered platforms are served"
            )
        return Examined(left, faults, agent, registered, policy)

    def _examine_older(self, received: Received, in_body: InBody | None) -> Examined:
        """Judge a request under an older scheme, which only a registration can allow."""
        agent = self._agent(received.request, in_body)
        registered = None if isinstance(agent, Refusal) else self._registered.get(agent.url)
        policy = self._discovered if registered is None else registered.policy
        pinned = registered is not None and registered.keys is not None
        older = read_older(received.request, policy, received.at, pinned=pinned)
        return Examined([], [], agent, registered, permitted(policy, older), older)

    def _agent(self, request: Request, in_body: InBody | None) -> ProfileUrl | Refusal:
        """Read UCP-Agent; a refusal is kept for its turn, after coverage and body."""
        lines = request.headers.index.get(b"ucp-agent")
        try:
            if lines is None and in_body is not None:
                lines = in_body()
            if lines is None:
                return Refusal("invalid_profile_url", "agent_missing", "there is no UCP-Agent")
            if sum(map(len, lines)) > _MAX_AGENT:
                return Refusal("invalid_profile_url", "agent_too_long", "UCP-Agent is too long")
            return self._agent_url(lines[0] if len(lines) == 1 else b", ".join(lines))
        except Refusal as refusal:
            return refusal

    async def prove(self, received: Received, examined: Examined) -> Caller:
        """Verify the body's digest, then one of the signatures; raises Refusal."""
        if examined.older is None:
            check_body(received.request)
        else:
            check_older_body(received.request)
        agent = examined.agent
        if isinstance(agent, Refusal):
            raise agent
        registered = examined.registered
        if registered is not None and registered.keys is not None:
            pinned = Keys(registered.keys, registered.version or "")
            outcome = await self._verify_any(
                received.request, examined, examined.signatures, pinned, agent
            )
            if isinstance(outcome, Fault):
                raise furthest([*examined.faults, outcome]).refusal()
            return outcome
        return await self._prove_from_documents(received, examined, agent)

    async def _prove_from_documents(
        self, received: Received, examined: Examined, agent: ProfileUrl
    ) -> Caller:
        """Verify one of the signatures with a published key; raises Refusal."""
        registered = examined.registered is not None
        lookup = Lookup(self._profiles, received, registered=registered)
        faults = list(examined.faults)
        ours: Refusal | None = None
        groups = sources(
            received.request, examined.signatures, agent, self._signature_agent, faults
        )
        for source, signatures in groups.items():
            try:
                known = await lookup.keys(source)
                outcome = await self._verify_any(
                    received.request, examined, signatures, known, agent
                )
                if isinstance(outcome, Fault) and outcome.code == "key_not_found":
                    known = await lookup.newer(known, _kids(examined, signatures))
                    outcome = await self._verify_any(
                        received.request, examined, signatures, known, agent
                    )
            except Refusal as refusal:
                # What fails for one signature is no matter to another.
                faults.append(fault_of(refusal))
                if refusal.code.status == 503:
                    ours = refusal
                continue
            if not isinstance(outcome, Fault):
                for document, keys in known.documents:
                    self._profiles.verified(document.url, keys, registered=registered)
                return outcome
            faults.append(outcome)
        # Where it was for us to know better, nobody is told that he was wrong.
        raise ours or furthest(faults).refusal()

    async def _verify_any(
        self,
        request: Request,
        examined: Examined,
        signatures: list[Signature],
        known: Keys,
        agent: ProfileUrl,
    ) -> Caller | Fault:
        """Try each signature in turn, then see whether the version is one that is served."""
        if examined.older is not None:
            outcome = self._verify_older(request, examined, examined.older, known, agent)
        else:
            outcome = await self._verify_signatures(request, examined, signatures, known, agent)
        if isinstance(outcome, Fault) or known.version in self._versions:
            return outcome
        return fault(
            "version",
            "version_unsupported",
            "version_unsupported",
            f"the platform speaks {known.version[:32]!r}"
            if known.version
            else "the document that has the key states no ucp.version",
        )

    async def _verify_signatures(
        self,
        request: Request,
        examined: Examined,
        signatures: list[Signature],
        known: Keys,
        agent: ProfileUrl,
    ) -> Caller | Fault:
        """One that verifies is enough (ucp-rules section 3.1)."""
        fallen: list[Fault] = []
        for signature in signatures:
            key = fitting_key(signature, known.keys, self._revoked)
            if isinstance(key, Fault):
                fallen.append(key)
                continue
            # Exactly the received member goes into the base (ucp-rules section 3.8).
            try:
                base = signature_base(request, signature)
                await self._bulk.verify(key, signature.value, base)
            except SignatureInvalid as invalid:
                fallen.append(
                    fault("signature", "signature_invalid", "signature_mismatch", str(invalid))
                )
                continue
            except CanonicalError as error:
                fallen.append(
                    fault("signature", "signature_invalid", "base_unbuildable", str(error))
                )
                continue
            return Caller(
                agent.url,
                str(signature.parameters["keyid"]),
                key.thumbprint,
                "rfc9421",
                signature.label,
                examined.policy.tier,
                known.version,
                base,
                signature.value,
                key,
                *times_of(signature.parameters),
                *self._besides(request, examined, signature, known),
            )
        return furthest([*examined.faults, *fallen])

    def _besides(
        self, request: Request, examined: Examined, vouching: Signature, known: Keys
    ) -> tuple[tuple[Times, ...], bytes]:
        """Return what else could have vouched: whoever captured it all can leave some away.

        The times of the other signatures, and the signing input of a detached JWS that came along.
        """
        rider = b""
        if b"request-signature" in request.headers.index:
            rider = self._rider(request, examined, known)
        if len(examined.signatures) == 1 and not rider:
            return (), b""
        others = [
            Times(*times_of(signature.parameters)[:2])
            for signature in examined.signatures
            if signature is not vouching
        ]
        return tuple([*others, Times(None, None)] if rider else others), rider

    def _rider(self, request: Request, examined: Examined, known: Keys) -> bytes:
        """Return the signing input of a JWS that verifies and would be taken; else nothing."""
        try:
            # The time matters to an envelope only.
            older = read_older(request, examined.policy, 0.0, pinned=known.pinned)
            key = find_key(older.kid, known.keys, self._revoked)
            if older.scheme != DETACHED_JWS or isinstance(key, Fault):
                return b""
            return verify_older(request, older, key, self._endpoint)
        except Refusal:
            return b""

    def _verify_older(
        self,
        request: Request,
        examined: Examined,
        older: OlderSignature,
        known: Keys,
        agent: ProfileUrl,
    ) -> Caller | Fault:
        key = find_key(older.kid, known.keys, self._revoked)
        if isinstance(key, Fault):
            return key
        signed = verify_older(request, older, key, self._endpoint)
        meta = read_meta(request) if older.scheme == TALOS else None
        return Caller(
            agent.url,
            older.kid,
            key.thumbprint,
            older.scheme,
            "",
            examined.policy.tier,
            known.version,
            signed,
            signature_of(older.jws),
            key,
            created=None if meta is None else meta.iat,
            nonce=None if meta is None else meta.jti,
        )


def _kids(examined: Examined, signatures: Sequence[Signature]) -> frozenset[str]:
    """Return the kids that a key is looked for by."""
    if examined.older is not None:
        return frozenset([examined.older.kid])
    return frozenset(str(each.parameters["keyid"]) for each in signatures)
