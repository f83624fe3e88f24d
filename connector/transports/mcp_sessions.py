"""Transport sessions of MCP, each good only for the platform that opened it.

A merchant's MCP server names a session in ``Mcp-Session-Id``, and takes everybody who says that
name for the one who opened it (MCP, Session Management). The header is not among what a signature
must cover, and a name is no secret. So a platform is handed the merchant's id with a MAC over
merchant, identity and id behind it; what comes back without the right one is no session, and the
merchant is not asked. It sees its own ids only.

Nothing is kept for a session. The key of the MAC is in the store that all replicas share: whoever
comes first puts one there. It is asked for again now and then, so that replicas agree after a store
has lost it; the last key but one is still good for those whom it was used for.
"""

from __future__ import annotations

import hmac
import logging
import os
import re
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import Request
from canonical.base64 import encode_url
from connector.errors import Refusal
from connector.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connector.steps import Caller, RawHeaders, Received

NAME: Final = b"mcp-session-id"
KEY_LENGTH: Final = 32
_AGAIN: Final = 60.0
"""Seconds after which the store is asked for the key again."""
_SOON: Final = 1.0
"""Seconds after which it is asked again where it did not answer."""
# MCP, Session Management: visible ASCII.
_OWN_ID: Final = re.compile(rb"[\x21-\x7e]{1,512}")

_logger: Final = logging.getLogger(__name__)


class SessionKeys:
    """The keys of this process; ``agree`` offers the store a key and returns the one it keeps.

    ``agree`` raises StoreUnavailable. ``monotonic`` gives seconds.
    """

    def __init__(
        self,
        agree: Callable[[bytes], Awaitable[bytes]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agree = agree
        self._monotonic = monotonic
        self._keys: tuple[bytes, ...] = ()
        self._until = 0.0

    async def current(self) -> tuple[bytes, ...]:
        """Return the key to use, and behind it the one before; raises Refusal without any."""
        now = self._monotonic()
        if self._keys and now < self._until:
            return self._keys
        self._until = now + _SOON
        try:
            key = await self._agree(os.urandom(KEY_LENGTH))
        except StoreUnavailable as error:
            if self._keys:
                return self._keys
            raise Refusal(
                "store_unavailable", "session_key", f"no key for sessions: {error}", retry_after=1
            ) from error
        self._until = now + _AGAIN
        if key not in self._keys[:1]:
            self._keys = (key, *self._keys[:1])
        return self._keys


class Sessions:
    """The sessions of one merchant's platforms."""

    def __init__(self, merchant: str, keys: SessionKeys) -> None:
        self._merchant = merchant
        self._keys = keys

    async def of(self, caller: Caller) -> CallerSessions:
        """Return the sessions of one platform; raises Refusal ``store_unavailable``."""
        return CallerSessions(await self._keys.current(), self._merchant, caller.identity)


class CallerSessions(NamedTuple):
    """What binds sessions to one platform at one merchant."""

    keys: tuple[bytes, ...]
    merchant: str
    identity: str

    def inward(self, received: Received) -> Received:
        """Put the merchant's own id in the place of the platform's; raises Refusal.

        MCP, Session Management: an id that is not known is answered with 404, and the platform
        then opens a new session. More is not said to whoever has another's.
        """
        request = received.request
        values = request.headers.index.get(NAME)
        if values is None:
            return received
        own = self._own(values[0]) if len(values) == 1 else None
        if own is None:
            raise Refusal(
                "unknown_operation",
                "unknown_session",
                "this platform has opened no session with this id",
            )
        lines = [(name, own if name.lower() == NAME else value) for name, value in request.headers]
        return with_lines(received, lines)

    def outward(self, headers: RawHeaders) -> RawHeaders:
        """Put the platform's id in the place of the merchant's own."""
        if not any(name.lower() == NAME for name, _ in headers):
            return headers
        return [
            (name, self.bound(value) if name.lower() == NAME else value)
            for name, value in headers
            if name.lower() != NAME or _is_own_id(value)
        ]

    def bound(self, own: bytes) -> bytes:
        """Return the id by which this platform calls a session of the merchant's."""
        return b"%b.%b" % (own, self._mac(self.keys[0], own))

    def _own(self, given: bytes) -> bytes | None:
        own, _, mac = given.rpartition(b".")
        found = [hmac.compare_digest(self._mac(key, own), mac) for key in self.keys]
        return own if any(found) else None

    def _mac(self, key: bytes, own: bytes) -> bytes:
        parts = (self.merchant.encode(), self.identity.encode(), own)
        bound = b"".join(len(part).to_bytes(4) + part for part in parts)
        return encode_url(hmac.digest(key, bound, "sha256")).encode("ascii")


def with_lines(received: Received, lines: RawHeaders) -> Received:
    """Return the request with other header lines."""
    request = received.request
    return received._replace(
        request=Request(
            method=request.method,
            target=request.target,
            scheme=request.scheme,
            headers=lines,
            body=request.body,
            authority=request.authority,
        )
    )


def _is_own_id(value: bytes) -> bool:
    if _OWN_ID.fullmatch(value) is not None:
        return True
    _logger.warning("a merchant's Mcp-Session-Id is no id, and was not passed on")
    return False
