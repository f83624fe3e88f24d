"""What the wire front asks of the gateway behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from connector.errors import Refusal
    from connector.steps import Answer, RawHeaders, Received


class WireContext(NamedTuple):
    """What is known of a request that was refused at the wire; it may have no head yet."""

    merchant: str | None
    """The merchant's id, where the authority was readable and is served here."""
    peer: str
    """The client's address, or the proxy's where no head told more."""
    method: str
    """Empty where parsing failed before the head was whole; so is ``target``."""
    target: str
    headers: "RawHeaders"
    """The lines that were read so far."""
    at: float
    """UNIX time, in seconds."""
    started: float
    """``time.perf_counter()`` when the refusal was decided."""


class Handler(Protocol):
    """The gateway, as the wire front sees it."""

    def handle(self, received: Received) -> Coroutine[Any, Any, Answer]:
        """Answer a whole, unambiguous request; never raises for a caller's fault."""

    def refuse(self, refusal: Refusal, context: WireContext) -> Answer:
        """Render, and record, a refusal made at the wire; its body is octets."""
