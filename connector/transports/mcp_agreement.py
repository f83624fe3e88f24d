"""What a call says twice, in headers and in its body, must be the same: both were taken for true.

A server, or a proxy before it, may go by either.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from connector.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from canonical import Request
    from connector.transports.mcp_messages import Message

# A URL in a structured field's string needs no escapes.
_URL: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,2048}")


def check_agreement(
    request: Request, message: Message, identity: str, profile_url: Callable[[bytes], str]
) -> None:
    """Refuse a body and headers that disagree: ``malformed_request``.

    ``identity`` is that of who signed; ``profile_url`` normalises the value of a UCP-Agent header
    and raises Refusal.
    """
    index = request.headers.index
    if message.key is not None:
        key = octets_of(message.key)
        if any(line != key for line in index.get(b"idempotency-key", ())):
            raise _disagreement("Idempotency-Key")
    if message.profile is not None and message.profile != identity:
        try:
            profile = profile_url(as_header(message.profile))
        except Refusal as refusal:
            raise _disagreement("UCP-Agent") from refusal
        if profile != identity:
            raise _disagreement("UCP-Agent")
    # MCP of 2026-07-28 has these for proxies that don't read bodies.
    for name, said in ((b"mcp-method", message.method), (b"mcp-name", message.tool or "")):
        lines = index.get(name)
        if lines is not None and any(line != octets_of(said) for line in lines):
            raise _disagreement(name.decode())


def as_header(profile: str) -> bytes:
    """Return the value of UCP-Agent that says the same; raises Refusal."""
    if _URL.fullmatch(profile) is None:
        raise Refusal("invalid_profile_url", "profile_in_body", "meta's profile is no URL")
    return b'profile="%b"' % profile.encode("ascii")


def octets_of(text: str) -> bytes:
    """Return UTF-8, of half a surrogate pair too: it equals no header, and is no key."""
    return text.encode("utf-8", "surrogatepass")


def _disagreement(name: str) -> Refusal:
    return Refusal("malformed_request", "rpc_disagreement", f"{name} and the body disagree")
