"""What a stranger may cost before a request is verified: plain numbers."""

from __future__ import annotations

from typing import Final, NamedTuple

CONNECTIONS_PER_SLOT: Final = 8
"""Open connections allowed for each request that may be in flight; most of them are idle."""

CONNECTIONS_SHARE_OF_ONE: Final = 0.125
"""The part of them that one client may have, unless it is a trusted proxy."""

LEAST_CONNECTIONS_OF_ONE: Final = 32
"""What it may have however few requests may be in flight."""

AWAITED_SHARE: Final = 0.75
"""The part of the slots in flight that requests may hold whose body is still on the way."""

AWAITED_SHARE_OF_ONE: Final = 0.125
"""The part of them that one client may hold so."""

LINGER: Final = 5.0
"""Seconds in which a refused caller may still read why, while what it sends is thrown away."""

LINGER_BYTES: Final = 8 * 1024 * 1024
"""Octets thrown away at most before a refused connection is cut."""

DRAIN: Final = 5.0
"""Seconds that a half-received request has left once the gateway is told to stop."""


class WireLimits(NamedTuple):
    """The bounds of one listener; sizes in octets, times in seconds."""

    body: int = 1024 * 1024
    headers: int = 100
    """Header lines."""
    header_line: int = 16 * 1024
    header_bytes: int = 32 * 1024
    """The whole head: request line, header lines, the empty line."""
    header_timeout: float = 10.0
    """From the first octet of a request, or from the connection's start, to the empty line."""
    body_timeout: float = 30.0
    """From the empty line to the last octet of the body."""
    in_flight: int = 512
    """Requests whose body is being received or which are being handled."""
    idle_timeout: float = 75.0
    """Between two requests; longer than the proxies in front keep a connection."""
    send_timeout: float = 30.0
    """Without the client taking any of a waiting answer."""
