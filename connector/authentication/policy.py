"""What is asked of a signature before its key is looked up (ucp-rules section 3.9, 4, 6)."""

from __future__ import annotations

from typing import Final, NamedTuple

SKEW: Final = 30
"""Seconds by which two clocks may differ, both ways (ucp-rules section 3.9)."""

BOT_AUTH: Final = "web-bot-auth"
"""The one tag, beside none at all, that makes a signature a candidate."""

BOT_AUTH_WINDOW: Final = 24 * 3600
"""Most seconds from ``created`` to ``expires`` of a web-bot-auth signature."""


class Policy(NamedTuple):
    """The terms of a tier or of one registration."""

    tier: str
    schemes: frozenset[str] = frozenset({"rfc9421"})
    coverage: str = "strict"
    """``strict``; ``compat`` does not ask for ``ucp-agent``; ``target-uri`` lets ``@target-uri``
    stand for authority, path and query."""
    created_required: bool = False
    max_age: float | None = None
    """Most seconds since ``created``; None asks nothing."""
    operations: frozenset[str] | None = None
    """The operations that are permitted; None permits all."""
    denied: frozenset[str] = frozenset()
    """Operations that are not permitted all the same."""
    unbound_get: bool = False
    """Take a detached JWS on GET requests, of which it covers nothing."""
    unbound_complete: bool = False
    """Take a detached JWS on complete_checkout, whose target it does not cover."""
