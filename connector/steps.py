"""The frozen values that one step of the pipeline hands to the next.

Each step takes the earlier values that it needs and returns the next one. Nothing is filled in
later, so the type checker holds the invariant: there is no ``Caller`` without a verified
signature, and nothing is sent without a ``Caller`` and an ``Operation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from canonical import Key, Request
    from connector.errors import Refusal

RawHeaders = list[tuple[bytes, bytes]]
"""Header lines in order: (name as spelled on the wire, value without outer white space)."""


class Received(NamedTuple):
    """A whole request that passed the wire guard and whose authority names a merchant."""

    request: "Request"
    merchant: str
    """The merchant's id: chosen by the authority alone."""
    peer: str
    """The client's address: the right-most hop that is no trusted proxy."""
    at: float
    """UNIX time of arrival, in seconds."""
    started: float
    """``time.perf_counter()`` at arrival of the last byte, for durations."""


class Route(NamedTuple):
    """Which transport serves a path, and the path below that transport's endpoint."""

    transport: str
    path: str


class Times(NamedTuple):
    """Until when a signature can vouch, as it says itself: UNIX times."""

    created: int | None
    expires: int | None


class Caller(NamedTuple):
    """Who proved to have sent this request, and how."""

    identity: str
    """The normalised profile URL."""
    keyid: str
    thumbprint: str
    """RFC 7638, SHA-256, base64url."""
    scheme: str
    """What vouched: ``rfc9421``."""
    label: str
    tier: str
    version: str
    """The protocol version of the platform's profile, or as its registration states it."""
    signature_base: bytes
    """What was signed: of an older scheme, the JWS signing input."""
    signature: bytes
    """The signature, as octets."""
    key: "Key"
    """What verified it."""
    created: int | None = None
    """When it was signed (UNIX time); ``iat`` of a Talos envelope."""
    expires: int | None = None
    nonce: str | None = None
    """``nonce`` of the signature, ``jti`` of a Talos envelope."""
    others: tuple[Times, ...] = ()
    """Times of the other signatures that could have vouched in this one's place."""
    rider: bytes = b""
    """Signing input of a detached JWS that came along, verified, and would be taken by itself."""


class Operation(NamedTuple):
    """What the caller asks for, read from what was verified."""

    name: str
    kind: str
    """``read`` or ``write``."""
    key: str | None
    """The Idempotency-Key of a keyed write."""
    payload: bytes = b""
    """Of a write, the digest of what the key stands for: 32 octets."""
    plain: bool = False
    """It belongs to the transport and calls no tool: not a matter of permission."""


class Stream(Protocol):
    """A body that is passed on as it comes. Iterating is the back-pressure."""

    @property
    def length(self) -> int | None:
        """Octets promised by Content-Length; None where the merchant chunks."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """End it early: the merchant's connection is closed, never pooled."""


class Recorder(Protocol):
    """Finds the one answer to a call among the events that pass."""

    def feed(self, data: bytes) -> None:
        """Take the next octets."""

    @property
    def answer(self) -> bytes | None:
        """The answer, where it came and fits."""

    @property
    def answered(self) -> bool:
        """Whether it came at all."""


class Stored(Protocol):
    """How much callers who share a limit may have in the store."""

    def answer(self, octets: int, now: float) -> bool:
        """Count an answer, and tell whether there is room for it."""


class Claim:
    """The right to send one write, as its owner holds it: one object for each claimed write.

    ``keys`` are the claim's, the answer's and, where there is one, that of the nonce or JWS that
    goes with it (``once``: empty, ``nonce`` or ``signature``). ``until`` is the loop's time up to
    which the lease certainly runs: it is counted from before the store was asked. ``margin`` are
    the seconds of it that must remain when the first byte goes out. Renewals move ``until``; it is
    the one thing here that is not what it was when it was handed over.
    """

    __slots__ = ("_margin", "keeps", "keys", "once", "payload", "stored", "token", "until")

    def __init__(
        self,
        keys: tuple[bytes, ...],
        payload: bytes,
        token: bytes,
        once: bytes,
        keeps: tuple[float, float],
        *,
        margin: float,
        stored: Stored | None = None,
    ) -> None:
        self.keys = keys
        self.payload = payload
        self.token = token
        self.once = once
        self.until = 0.0
        self.keeps = keeps
        """Seconds for which the answer and the claim are kept, once it is completed."""
        self.stored = stored
        """Where its answer counts, of a caller that shares a limit."""
        self._margin = margin

    @property
    def send_by(self) -> float:
        """The loop's time after which not a first byte may go out."""
        return self.until - self._margin

    def owner(self, event: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        """Return the arguments with which the owner tells the store of an event."""
        return event, self.token, self.payload, self.once


class Admission(NamedTuple):
    """Whether a verified request may go on, and what its caller is told of its rates."""

    result: str
    """A word for operators: ``admitted``, ``claimed``, ``replay``, ``in_progress``, ..."""
    headers: RawHeaders
    """RateLimit-Policy and RateLimit; empty where nothing was counted."""
    claim: Claim | None = None
    """That of a write which is to be sent now."""
    answer: Answer | None = None
    """The recorded answer of a write that was done before."""
    refusal: Refusal | None = None
    over: str = ""
    """The rate that is exceeded, where that is only told (``rates: observe``)."""
    slot: bytes = b""
    """What is to be given back when the request is over."""


class Answer(NamedTuple):
    """What goes back: the framing headers (Content-Length, Transfer-Encoding) are not in it."""

    status: int
    headers: RawHeaders
    body: bytes | Stream


class Admitting(Protocol):
    """Decides whether a verified request may go on now: ``admission.control``."""

    async def admit(
        self, received: Received, caller: Caller, operation: Operation, audit_id: str
    ) -> Admission:
        """Decide on one request; what is refused says so in its ``refusal``."""

    def leave(self, admission: Admission) -> None:
        """Give back what an admitted request held, now that it is over."""

    def follow(self, by_identity: Mapping[str, Any]) -> None:
        """Go on with the plans of other registrations from this moment."""


class WritingDown(Protocol):
    """Keeps what was asked and what became of it: ``audit.ledger``."""

    async def receive(
        self,
        received: Received,
        caller: Caller,
        operation: Operation,
        admission: Admission,
        audit_id: str,
        template: str,
    ) -> None:
        """Return once it is on disk what is about to be sent; raises Refusal."""

    async def receive_unverified(
        self,
        received: Received,
        operation: str,
        kind: str,
        audit_id: str,
        template: str,
        refusal: Refusal,
    ) -> None:
        """Return once it is on disk that something unverified is about to be sent."""

    def has(self, audit_id: str) -> bool:
        """Whether a request was written down, and not what became of it."""

    def close(
        self,
        audit_id: str,
        merchant: str,
        *,
        decision: str,
        status: int,
        octets: int | None,
        started: float,
        refusal: Refusal | None,
    ) -> None:
        """Note what became of a request; ``octets`` of an answer that is not streamed."""

    def deny(
        self,
        audit_id: str,
        merchant: str,
        peer: str,
        status: int,
        refusal: Refusal,
        *,
        operation: str = "",
        caller: Caller | None = None,
    ) -> None:
        """Note a refusal, as far as there is room for it."""
