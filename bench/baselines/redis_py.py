"""A store's client over redis-py, called once for each script: contender (d).

Each call as redis-py's documentation shows it: one shared client with its own pool, hiredis
underneath, ``evalsha``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from connector.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence

    from connector.store.scripts import Script


class RedisPyClient:
    """A :class:`~connector.store.client.StoreClient` of one node, for the bench alone."""

    def __init__(self, url: str, scripts: Sequence[Script]) -> None:
        self._redis = Redis.from_url(url)
        self._scripts = scripts

    async def start(self) -> None:
        """Load the scripts."""
        for script in self._scripts:
            await self._redis.script_load(script.source.decode("ascii"))

    async def run(
        self,
        script: Script,
        keys: Sequence[bytes],
        arguments: Sequence[bytes],
        *,
        replicas: int = 0,
    ) -> Any:
        """Run a script."""
        if replicas:
            raise StoreUnavailable("the bench has one node", applied=False)
        # redis-py annotates keys as text.
        try:
            return await self._redis.evalsha(
                script.digest.decode("ascii"), len(keys), *cast("list[str]", [*keys, *arguments])
            )
        except RedisError as error:
            raise StoreUnavailable(type(error).__name__, applied=True) from error

    async def eviction_policies(self) -> list[str]:
        """Return the one node's policy."""
        memory = await self._redis.info("memory")
        return [memory["maxmemory_policy"]]

    def scan(self, match: bytes) -> AsyncIterator[bytes]:
        """Yield the keys that match."""
        return self._redis.scan_iter(match)

    async def fields(self, key: bytes) -> dict[bytes, bytes]:
        """Return all fields of a hash."""
        found = self._redis.hgetall(cast("str", key))
        return await cast("Awaitable[dict[bytes, bytes]]", found)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
