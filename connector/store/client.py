"""What every kind of store can do for the rooms above it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from connector.store.scripts import Script


class StoreClient(Protocol):
    """A store, of one node or of many. Replies are what hiredis reads: bytes, integers, lists.

    Whatever keeps a call from its reply is a :class:`~connector.store.errors.StoreUnavailable`,
    within the time-out that the client was made with.
    """

    async def start(self) -> None:
        """Begin to connect. Returns after the first attempt, whether it came to anything or not."""

    async def run(
        self,
        script: Script,
        keys: Sequence[bytes],
        arguments: Sequence[bytes],
        *,
        replicas: int = 0,
    ) -> Any:
        """Run a script whose keys all have one hash tag, and return its reply.

        With ``replicas`` the reply is waited for until so many replicas have acknowledged what the
        script wrote (WAIT); fewer in time are a StoreUnavailable with ``applied``. A script that is
        run twice because a connection broke must do no harm: the client may do that.
        """

    async def eviction_policies(self) -> list[str]:
        """Return ``maxmemory-policy`` of every node that takes writes."""

    def scan(self, match: bytes) -> AsyncIterator[bytes]:
        """Yield the keys that match a glob pattern, on all nodes; a key may come twice."""

    async def fields(self, key: bytes) -> dict[bytes, bytes]:
        """Return all fields of a hash; empty where there is no such key."""

    async def aclose(self) -> None:
        """Close; calls under way end in a StoreUnavailable."""
