"""Builds the head that one merchant is sent, with the parts that repeat kept ready."""

from __future__ import annotations

import random
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from connector.upstream.headers import (
    forward_head,
    forwarded_block,
    observed_head,
    verified_block,
)

if TYPE_CHECKING:
    from canonical import Request
    from connector.steps import Caller, Claim, Operation, Received

_MEMO_LIMIT: Final = 4096
# Trace ids name things; they are no secrets. Seeded from the operating system's randomness.
_random_bytes: Final = random.Random().randbytes  # noqa: S311 - see above


class Forwarding:
    """The header rules of one merchant.

    ``scheme`` is the merchant's own; ``host`` replaces the received Host, None keeps it.
    """

    def __init__(self, scheme: str, host: bytes | None) -> None:
        self._scheme = scheme
        self._host = host
        self._blocks: dict[tuple[tuple[object, ...], str], bytes] = {}
        self._forwarded = lru_cache(maxsize=_MEMO_LIMIT)(self._forwarded_block)

    def verified(
        self,
        received: Received,
        caller: Caller,
        operation: Operation,
        audit_id: str,
        claim: Claim | None = None,
    ) -> bytes:
        """Return the head of a verified request: what came, and what was proven."""
        request = received.request
        return forward_head(
            request.method,
            request.target,
            request.headers,
            len(request.body),
            host=self._host_of(request),
            verified=self._verified_block(caller, operation.name),
            forwarded=self._forwarded(
                received.peer, request.authority or request.headers.index[b"host"][0]
            ),
            audit_id=audit_id,
            keyed_write=operation.key is not None or claim is not None,
            claim=None if claim is None else claim.token,
            random_bytes=_random_bytes,
        )

    def unverified(self, received: Received) -> bytes:
        """Return the head of a request that nobody verified (``insecure_observe``)."""
        request = received.request
        return observed_head(
            request.method,
            request.target,
            request.headers,
            len(request.body),
            host=self._host_of(request),
        )

    def _host_of(self, request: Request) -> bytes | None:
        """Return what stands for the received Host.

        Where the authority came from X-Forwarded-Host, nobody looked at Host: the merchant is told
        what was verified.
        """
        if self._host is not None or request.authority is None:
            return self._host
        return request.authority.encode("ascii")

    def _verified_block(self, caller: Caller, operation: str) -> bytes:
        # All of a caller but what is another one for each request: the signature base, the times.
        key = (caller[:7], operation)
        block = self._blocks.get(key)
        if block is None:
            if len(self._blocks) >= _MEMO_LIMIT:
                self._blocks.clear()
            block = self._blocks[key] = verified_block(caller, operation)
        return block

    def _forwarded_block(self, client: str, authority: str | bytes) -> bytes:
        if isinstance(authority, bytes):
            authority = authority.decode("latin-1")
        return forwarded_block(client, self._scheme, authority)
