"""The merchant of the rounds: counts how often each key is executed, and can stop half way."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final

from tests.end_to_end.gateway import PATIENCE
from tests.end_to_end.merchant import PROFILE, PROFILE_PATH, Merchant
from tests.end_to_end.raw_server import answer
from tests.faults.matrix import HALF, STREAMING

if TYPE_CHECKING:
    from tests.end_to_end.raw_server import Seen, Visit

AUTHORITIES: Final = {False: "shop.example.com", True: "idempotent.example.com"}
"""By whether the merchant honours keys itself."""
KEPT_OCTETS: Final = 16384
"""Of an answer, for the gateways of the rounds; STREAMING's is four times as long."""


class Order:
    """One key: who asked for it, and how far its first answer goes before it waits."""

    def __init__(self, key: str, point: str = "") -> None:
        self.key = key
        self.point = point
        self.tokens: list[str] = []
        """The claims under which it was asked for, in order."""
        self.arrived = threading.Event()
        """Set when what comes before the pause has been said."""
        self.resume = threading.Event()
        filling = "x" * (4 * KEPT_OCTETS if point == STREAMING else 50)
        self.body = json.dumps({"order": key, "filling": filling}).encode()

    @property
    def location(self) -> str:
        return f"/orders/{self.key}"

    def octets(self) -> bytes:
        return (
            b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nLocation: %b\r\n"
            b"Set-Cookie: secret=1\r\nContent-Length: %d\r\n\r\n%b"
        ) % (self.location.encode(), len(self.body), self.body)

    def first_part(self) -> int:
        """Octets of the answer that are said before the pause."""
        whole = self.octets()
        head = len(whole) - len(self.body)
        return head + len(self.body) // 2 if self.point in (HALF, STREAMING) else 0


class Shop(Merchant):
    """Answers each order; the one of a merchant's point in two parts, the first time."""

    def __init__(self, *, idempotent: bool) -> None:
        self._idempotent = idempotent
        self._orders: dict[str, Order] = {}
        self._lock = threading.Lock()
        super().__init__()
        authority = AUTHORITIES[idempotent]
        profile = PROFILE.replace(AUTHORITIES[False].encode(), authority.encode())
        self.script[PROFILE_PATH] = answer(profile)
        self.default = self._take

    def expect(self, order: Order) -> Order:
        with self._lock:
            self._orders[order.key] = order
        return order

    def asked_too_often(self) -> list[str]:
        """Return the keys that were executed more than once."""
        with self._lock:
            return [
                key
                for key, order in self._orders.items()
                if len(order.tokens) > 1 and not self._idempotent
            ]

    def as_setting(self, registration: dict[str, Any]) -> dict[str, Any]:
        return self.settings(
            id=self.identifier,
            authorities=[AUTHORITIES[self._idempotent]],
            upstream={"idempotent": self._idempotent},
            platforms={"registered": [registration]},
        )

    @property
    def identifier(self) -> str:
        return "idempotent" if self._idempotent else "shop"

    def _take(self, visit: Visit, seen: Seen) -> None:
        (key,) = seen.values("Idempotency-Key")
        (token,) = seen.values("UCP-Verified-Claim")
        with self._lock:
            order = self._orders[key]
            order.tokens.append(token)
            first = len(order.tokens) == 1
        whole = order.octets()
        if not (first and order.point):
            visit.say(whole)
            return
        part = order.first_part()
        visit.say(whole[:part])
        order.arrived.set()
        assert order.resume.wait(PATIENCE)
        visit.say(whole[part:])
