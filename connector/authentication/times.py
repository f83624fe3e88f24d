"""When a signature may be used (ucp-rules section 3.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.authentication.policy import BOT_AUTH, BOT_AUTH_WINDOW, SKEW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.authentication.policy import Policy


def time_fault(
    parameters: Mapping[str, object], policy: Policy, now: float, *, horizon: float | None
) -> tuple[str, str] | None:
    """Judge ``created`` and ``expires`` at UNIX time ``now``: (reason, explanation) or None.

    ``horizon`` is given for keyed writes: the most seconds that may lie between ``created`` and
    now, after which the idempotency record that guards a repetition could be gone.
    """
    created, expires = parameters.get("created"), parameters.get("expires")
    for name, value in (("created", created), ("expires", expires)):
        # bool is a kind of int in Python and a type of its own in RFC 9651.
        if value is not None and type(value) is not int:
            return "time_malformed", f"{name} is not an integer"
    if type(expires) is int:
        if expires + SKEW < now:
            return "expired", f"expired {now - expires:.0f} s ago"
        if type(created) is int and expires <= created:
            return "expires_before_created", "expires is not later than created"
    if type(created) is int:
        if created > now + SKEW:
            return "created_in_future", f"created {created - now:.0f} s in the future"
        age = now - created - SKEW
        if policy.max_age is not None and age > policy.max_age:
            return "too_old", f"created {now - created:.0f} s ago, at most {policy.max_age:.0f}"
        if horizon is not None and age > horizon:
            return "stale", f"created {now - created:.0f} s ago: a keyed write may not be that old"
    elif policy.created_required:
        return "created_missing", "this tier asks for created"
    if parameters.get("tag") == BOT_AUTH:
        return _bot_auth_fault(created, expires)
    return None


def times_of(parameters: Mapping[str, object]) -> tuple[int | None, int | None, str | None]:
    """Return created, expires and nonce, whose types were judged with the head."""
    created, expires = parameters.get("created"), parameters.get("expires")
    nonce = parameters.get("nonce")
    return (
        created if type(created) is int else None,
        expires if type(expires) is int else None,
        nonce if type(nonce) is str else None,
    )


def _bot_auth_fault(created: object, expires: object) -> tuple[str, str] | None:
    if type(created) is not int or type(expires) is not int:
        return "bot_auth_times_missing", "web-bot-auth needs created and expires"
    if expires - created > BOT_AUTH_WINDOW:
        return "bot_auth_window", "created and expires are more than 24 h apart"
    return None
