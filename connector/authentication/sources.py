"""Where the keys of a request's signatures are looked for, and at what cost (ucp-rules section 3).

A signature's key is in the profile that UCP-Agent names. Where the merchant has turned it on,
Signature-Agent may say of a Web Bot Auth signature that the same URL has its keys in another form:
as a client's metadata, or as a key directory. It must name the same URL, so the identity is that of
UCP-Agent whatever supplied the key, and nobody can point at keys of his own for somebody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from connector.authentication.candidates import Fault, fault
from connector.authentication.policy import BOT_AUTH
from connector.egress.urls import DocumentKind
from connector.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from canonical import KeySet, Request, Signature
    from connector.egress.urls import ProfileUrl
    from connector.platforms.signature_agent import AgentMember
    from connector.steps import Received

    ReadMember = Callable[[Sequence[bytes], str], AgentMember]

MAX_DOCUMENTS: Final = 2
"""Documents that are fetched for one request (ucp-rules section 3.1)."""


class SigningProfile(Protocol):
    """The document that supplies a key: a fetched profile, or what Signature-Agent names."""

    @property
    def version(self) -> str: ...
    @property
    def keys(self) -> KeySet: ...
    @property
    def jwks(self) -> ProfileUrl | None:
        """Where the keys are, of a client's metadata."""


class Profiles(Protocol):
    """Where profiles come from: the network in the gateway, a table in vector runs."""

    def lookup(self, url: str, now: float, *, registered: bool) -> SigningProfile | None:
        """Return a profile that is at hand, without waiting."""

    async def resolve(
        self, url: ProfileUrl, *, peer: str, registered: bool, now: float
    ) -> SigningProfile:
        """Return the profile, fetching it where needed; raises Refusal."""

    async def refresh(
        self,
        url: ProfileUrl,
        *,
        peer: str,
        registered: bool,
        now: float,
        kids: frozenset[str],
    ) -> SigningProfile:
        """Return the profile once more for those of ``kids`` that it lacked; raises Refusal."""

    def verified(self, url: str, keys: KeySet, *, registered: bool) -> None:
        """Note that a signature verified with one of these keys of this profile."""


class Keys(NamedTuple):
    """The keys that may have signed, and what is known with them."""

    keys: "KeySet"
    version: str
    """As the document that has the keys states it; empty where it states none."""
    documents: tuple[tuple[ProfileUrl, KeySet], ...] = ()
    """What led to them, the document that has them last; nothing for pinned keys."""

    @property
    def pinned(self) -> bool:
        """Whether they stand in the configuration."""
        return not self.documents


class Lookup:
    """Finds keys for one request, which may cost ``MAX_DOCUMENTS`` fetches in all."""

    def __init__(self, profiles: Profiles, received: Received, *, registered: bool) -> None:
        self._profiles = profiles
        self._peer = received.peer
        self._now = received.at
        self._registered = registered
        self._left = MAX_DOCUMENTS
        self._fetched: set[str] = set()

    async def keys(self, source: ProfileUrl) -> Keys:
        """Return the keys that a document has, or leads to; raises Refusal."""
        document = await self._document(source)
        if document.jwks is None:
            return Keys(document.keys, document.version, ((source, document.keys),))
        there = await self._document(document.jwks)
        led = (source, document.keys), (document.jwks, there.keys)
        return Keys(there.keys, there.version, led)

    async def newer(self, keys: Keys, kids: frozenset[str]) -> Keys:
        """Return the same keys as they are now, for kids that were not in them; raises Refusal.

        Without a fetch to spare they are the same if they were fetched for this request.
        """
        *led, (url, _) = keys.documents
        if self._left == 0 and url.url in self._fetched:
            return keys
        self._spend()
        document = await self._profiles.refresh(
            url, peer=self._peer, registered=self._registered, now=self._now, kids=kids
        )
        return Keys(document.keys, document.version, (*led, (url, document.keys)))

    async def _document(self, url: ProfileUrl) -> SigningProfile:
        known = self._profiles.lookup(url.url, self._now, registered=self._registered)
        if known is not None:
            return known
        self._spend()
        found = await self._profiles.resolve(
            url, peer=self._peer, registered=self._registered, now=self._now
        )
        self._fetched.add(url.url)
        return found

    def _spend(self) -> None:
        """Count one more fetch, or raise Refusal."""
        if self._left == 0:
            # What was fetched for this request is at hand for the next one.
            raise Refusal(
                "discovery_pending",
                "too_many_documents",
                f"more than {MAX_DOCUMENTS} documents are to be fetched for the signatures",
                retry_after=1,
            )
        self._left -= 1


def sources(
    request: Request,
    signatures: Sequence[Signature],
    agent: ProfileUrl,
    read_member: ReadMember | None,
    faults: list[Fault],
) -> dict[ProfileUrl, list[Signature]]:
    """Group the signatures by the document in which their keys are looked for.

    ``agent`` is what UCP-Agent names; ``read_member`` is None where Signature-Agent is not used.
    A signature whose key is to be nowhere leaves a fault in its place.
    """
    # A JWS beside the signatures is held against the keys that they have, so these are the
    # profile's: it could be sent alone later, and must be known as used.
    if read_member is None or b"request-signature" in request.headers.index:
        return {agent: list(signatures)}
    groups: dict[ProfileUrl, list[Signature]] = {}
    for signature in signatures:
        source = _source(request, signature, agent, read_member)
        if isinstance(source, Fault):
            faults.append(source)
        else:
            groups.setdefault(source, []).append(signature)
    return groups


def _source(
    request: Request, signature: Signature, agent: ProfileUrl, read_member: ReadMember
) -> ProfileUrl | Fault:
    lines = request.headers.index.get(b"signature-agent")
    if lines is None or signature.parameters.get("tag") != BOT_AUTH:
        return agent
    try:
        member = read_member(lines, signature.label)
    except Refusal as refusal:
        return fault_of(refusal)
    if member.url.url != agent.url:
        return fault(
            "profile",
            "profile_not_trusted",
            "signature_agent_elsewhere",
            "Signature-Agent names another URL than UCP-Agent: its keys say nothing of that one",
        )
    # A profile is a JWK set, too, and is read as one for UCP-Agent already.
    return agent if member.document.kind is DocumentKind.KEY_SET else member.document


def fault_of(refusal: Refusal) -> Fault:
    """Return the fault of candidates whose document there is not."""
    return fault("profile", refusal.code.name, refusal.reason, refusal.explanation)
