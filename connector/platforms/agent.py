"""``UCP-Agent``: which profile a request is sent under."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from canonical import CanonicalError, parse_dictionary
from connector.egress.urls import normalise
from connector.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.egress.urls import ProfileUrl

_MEMO: Final = 2048
# A longer value is read, but not remembered: senders do not decide how large the memo grows.
_REMEMBERED: Final = 1024


def agent_reader(*, allow_loopback: bool = False) -> Callable[[bytes], ProfileUrl]:
    """Return what reads a ``UCP-Agent`` value, and remembers what it read before.

    The value is a dictionary (RFC 9651 section 3.2) whose member ``profile`` is a string; other
    members and all parameters are allowed and not looked at. The reader raises
    ``Refusal("invalid_profile_url")``; ``allow_loopback`` is that of ``normalise``.
    """

    @lru_cache(maxsize=_MEMO)
    def remembered(value: bytes) -> ProfileUrl:
        return read_agent(value, allow_loopback=allow_loopback)

    def read(value: bytes) -> ProfileUrl:
        if len(value) > _REMEMBERED:
            return read_agent(value, allow_loopback=allow_loopback)
        return remembered(value)

    return read


def read_agent(value: bytes, *, allow_loopback: bool = False) -> ProfileUrl:
    """Read the profile URL out of one ``UCP-Agent`` value, as ``agent_reader`` describes."""
    try:
        # A member that occurs twice would be read differently by others: refused.
        members = parse_dictionary(value, unique=True)
    except CanonicalError as error:
        raise _refusal("agent_malformed", f"UCP-Agent is no dictionary: {error}") from error
    member = members.get("profile")
    if member is None:
        raise _refusal("profile_missing", "UCP-Agent has no member profile")
    profile, _ = member
    # The exact type: a token and a display string are kinds of str, and no strings.
    if type(profile) is not str:
        raise _refusal("profile_not_a_string", "UCP-Agent's profile is not a string")
    return normalise(profile, allow_loopback=allow_loopback)


def _refusal(reason: str, explanation: str) -> Refusal:
    return Refusal("invalid_profile_url", reason, explanation)
