"""What all connections of one listener share: settings, counters, who is let in."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import Headers
from connector.errors import Refusal
from connector.gcra import Limiter
from connector.ingress.answers import DateLine, answer_head, content_length
from connector.ingress.authority import HOST, Authority, AuthorityTable
from connector.ingress.client_address import Client, ClientAddresses
from connector.ingress.guard import Guard, Head
from connector.ingress.limits import (
    AWAITED_SHARE,
    AWAITED_SHARE_OF_ONE,
    CONNECTIONS_PER_SLOT,
    CONNECTIONS_SHARE_OF_ONE,
    LEAST_CONNECTIONS_OF_ONE,
    WireLimits,
)
from connector.ingress.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connector.ingress.context import Handler, WireContext
    from connector.ingress.sweep import Expiring
    from connector.steps import RawHeaders

_logger: Final = logging.getLogger(__name__)

RETRY_AFTER: Final = 1
"""Seconds after which a caller may try again that was turned away for want of room."""


class PeerRate(NamedTuple):
    """One request per ``interval`` seconds and peer, ``burst`` of them at once."""

    interval: float = 1 / 200
    burst: int = 200


class Admitted(NamedTuple):
    """A head that was let in: for whom, and from whom."""

    head: Head
    authority: Authority
    client: Client
    at: float
    """``time.perf_counter()`` at the decision."""


class Ingress:
    """The wire front of one process: the ``app`` of a ``uvicorn.Config``.

    ``authorities`` are (authority, merchant's id, merchant's scheme), ``authority_from`` is
    ``host`` or ``x-forwarded-host``, ``trusted_proxies`` are addresses or CIDR networks, ``clock``
    gives UNIX time. ValueError where one of them makes no sense.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        authorities: Iterable[tuple[str, str, str]],
        authority_from: str = HOST,
        trusted_proxies: Iterable[str] = (),
        limits: WireLimits = WireLimits(),  # noqa: B008 - immutable
        per_peer: PeerRate = PeerRate(),  # noqa: B008 - immutable
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.clock = clock
        self.guard = Guard(limits)
        self.clients = ClientAddresses(trusted_proxies)
        self.date_line = DateLine(clock)
        self.sweep = Sweep(
            min(
                limits.header_timeout, limits.body_timeout, limits.idle_timeout, limits.send_timeout
            )
        )
        self.max_connections = limits.in_flight * CONNECTIONS_PER_SLOT
        self.in_flight = 0
        """Requests whose body is being received or which are being handled."""
        self._of_one = max(
            LEAST_CONNECTIONS_OF_ONE, int(self.max_connections * CONNECTIONS_SHARE_OF_ONE)
        )
        self._open: Counter[str | int] = Counter()
        self.turned_away = 0
        """Connections cut at once because there were too many."""
        self._waiting: dict[str | int, int] = {}
        self._awaited = 0
        self._max_awaited = math.ceil(limits.in_flight * AWAITED_SHARE)
        self._max_awaited_of_one = math.ceil(limits.in_flight * AWAITED_SHARE_OF_ONE)
        self._authorities = AuthorityTable(authorities, source=authority_from)
        self._peers = Limiter(per_peer.interval, per_peer.burst)

    def connect(self, connection: Expiring, peer: Client) -> bool:
        """Take a connection in and watch its deadline; False where it is one too many.

        No peer may have more than its share of all of them, but for a trusted proxy, which stands
        for many.
        """
        if len(self.sweep) >= self.max_connections or (
            self._open[peer.key] >= self._of_one and not peer.trusted
        ):
            self.turned_away += 1
            return False
        self._open[peer.key] += 1
        self.sweep.add(connection)
        return True

    def disconnect(self, connection: Expiring, peer: Client) -> None:
        """Let a connection go; one that was turned away changes nothing."""
        if self.sweep.discard(connection):
            self._open[peer.key] -= 1
            if not self._open[peer.key]:
                del self._open[peer.key]

    def admit(self, head: Head, peer: Client) -> Admitted:
        """Take a slot in flight for a checked head; raises Refusal, without one.

        ``peer`` is the other end of the connection. In this order: the authority, before anything
        else is said; the rate of the client; the slot, which ``release`` gives back.
        """
        index = head.headers.index
        authority = self._authorities.resolve(index, trusted=peer.trusted)
        client = peer
        if peer.trusted and b"x-forwarded-for" in index:
            client = self.clients.behind(peer, index[b"x-forwarded-for"])
        now = time.perf_counter()
        wait = self._peers.take(client.key, now)
        if wait:
            seconds = math.ceil(wait)
            raise Refusal(
                "rate_limited", "per_peer", "the client's rate is used up", retry_after=seconds
            )
        if self.in_flight >= self.limits.in_flight:
            raise Refusal(
                "overloaded", "in_flight", "too many requests in flight", retry_after=RETRY_AFTER
            )
        self.in_flight += 1
        return Admitted(head, authority, client, now)

    def begin_body(self, client: Client) -> None:
        """Let an admitted request wait for its body; raises Refusal.

        Whoever sends slowly takes no slot from requests that arrive whole, and one client only a
        share of what there is for waiting.
        """
        waiting = self._waiting.get(client.key, 0)
        if waiting >= self._max_awaited_of_one or self._awaited >= self._max_awaited:
            raise Refusal(
                "overloaded", "bodies", "too many bodies are awaited", retry_after=RETRY_AFTER
            )
        self._awaited += 1
        self._waiting[client.key] = waiting + 1

    def end_body(self, client: Client) -> None:
        """Note that the body has come, or never will."""
        self._awaited -= 1
        waiting = self._waiting.pop(client.key) - 1
        if waiting:
            self._waiting[client.key] = waiting

    def release(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1

    def whom(self, lines: RawHeaders, peer: Client) -> tuple[str | None, Client]:
        """Return the merchant's id and the client of a whole head that was not let in.

        As far as its lines tell; the merchant is None where not one Host names one.
        """
        index, client, merchant = Headers(lines).index, peer, None
        if peer.trusted and b"x-forwarded-for" in index:
            client = self.clients.behind(peer, index[b"x-forwarded-for"])
        if len(index.get(b"host", ())) == 1:
            with contextlib.suppress(Refusal):
                merchant = self._authorities.resolve(index, trusted=peer.trusted).merchant
        return merchant, client

    def refusal(self, refusal: Refusal, context: WireContext) -> bytes:
        """Return the whole answer to a request refused at the wire."""
        try:
            answer = self.handler.refuse(refusal, context)
            body = answer.body if isinstance(answer.body, bytes) else b""
            framing = content_length(answer.status, len(body))
            head = answer_head(answer.status, answer.headers, framing, self.date_line(), close=True)
        except Exception:
            # ucp-rules section 5: a failure of ours is 503, and says nothing of itself.
            _logger.exception("a refusal could not be rendered")
            body = b""
            head = answer_head(503, [], content_length(503, 0), self.date_line(), close=True)
        return head if context.method == "HEAD" else head + body
