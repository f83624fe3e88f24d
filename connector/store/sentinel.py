"""Where the master is, as the sentinels know it.

Sentinels are asked one after the other, and one that names a master which is up is asked first the
next time. What one says may be out of date during a failover, so whoever connects there asks that
server for its role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from connector.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from connector.store.targets import Endpoint, Target

_UNKNOWN: Final = (
    "No sentinel names a master of this service that is up; are their addresses, their password"
    " and the name of the service right?"
)


class SentinelLocator:
    """Asks the sentinels of a target whose kind is "sentinel".

    ``timeout`` in seconds bounds the connecting to one of them, and its answer.
    """

    def __init__(self, target: Target, *, timeout: float) -> None:
        if target.kind != "sentinel" or target.master is None:
            raise ValueError("the target of a SentinelLocator is of the kind sentinel")
        self._service = target.service
        self._master = target.master
        first = target.endpoints[0]
        options: dict[str, Any] = {
            "username": first.username,
            "password": first.password,
            "ssl": first.tls,
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            # The next sentinel is asked instead; whoever locates comes again.
            "retry": Retry(NoBackoff(), 0),
            # Neither HELLO nor CLIENT SETINFO: two answers less to wait for.
            "protocol": 2,
            "driver_info": None,
        }
        self._sentinels = Sentinel(  # type: ignore[no-untyped-call]  # theirs has no annotations
            [(endpoint.host, endpoint.port) for endpoint in target.endpoints],
            sentinel_kwargs=options,
        )

    async def locate(self) -> Endpoint:
        """Return where the master is now; StoreUnavailable where no sentinel knows one."""
        located = False
        try:
            host, port = await self._sentinels.discover_master(self._service)
            located = True
        except (RedisError, OSError):
            # Not chained: the texts are not ours.
            raise StoreUnavailable(_UNKNOWN, applied=False) from None
        finally:
            if not located:
                # Cut short by whoever waits, perhaps: the next time begins with another one.
                sentinels = self._sentinels.sentinels
                sentinels.append(sentinels.pop(0))
        return self._master._replace(host=str(host), port=int(port))

    async def aclose(self) -> None:
        """Close the connections to the sentinels."""
        await self._sentinels.aclose()
