"""The frozen values that one step of the pipeline hands to the next.

Each step takes the earlier values that it needs and returns the next one. Nothing is filled in
later, so the type checker holds the invariant: there is no ``Caller`` without a verified
signature, and nothing is sent without a ``Caller`` and an ``Operation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from canonical import Request

RawHeaders = list[tuple[bytes, bytes]]
"""Header lines in order: (name as spelled on the wire, value without outer white space)."""


class Received(NamedTuple):
    """A whole request that passed the wire guard and whose authority names a merchant."""

    request: Request
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


class Operation(NamedTuple):
    """What the caller asks for, read from what was verified."""

    name: str
    kind: str
    """``read`` or ``write``."""
    key: str | None
    """The Idempotency-Key of a keyed write."""


class Stream(Protocol):
    """A body that is passed on as it comes. Iterating is the back-pressure."""

    @property
    def length(self) -> int | None:
        """Octets promised by Content-Length; None where the merchant chunks."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """End it early: the merchant's connection is closed, never pooled."""


class Answer(NamedTuple):
    """What goes back: the framing headers (Content-Length, Transfer-Encoding) are not in it."""

    status: int
    headers: RawHeaders
    body: bytes | Stream
