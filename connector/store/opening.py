"""From the URL of a store to its client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.store.directory import SOCKET
from connector.store.single import SingleClient
from connector.store.targets import Endpoint, parse_target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from connector.store.client import StoreClient
    from connector.store.scripts import Script


def open_store(
    url: str, *, directory: Path, timeout: float, scripts: Sequence[Script] = ()
) -> StoreClient:
    """Return a client that is not started yet; ValueError where the URL is none.

    ``directory`` is the embedded store's, whose server somebody else runs; ``timeout`` is in
    seconds.
    """
    # redis-py takes longer to import than everything else here, and most stores need none of it.
    target = parse_target(url)
    if target.kind == "cluster":
        from connector.store.cluster import ClusterClient  # noqa: PLC0415 - see above

        return ClusterClient(target, timeout=timeout)
    if target.kind == "sentinel":
        from connector.store.sentinel import SentinelLocator  # noqa: PLC0415 - see above

        sentinels = SentinelLocator(target, timeout=timeout)
        return SingleClient(
            sentinels.locate, timeout=timeout, scripts=scripts, closing=sentinels.aclose
        )
    endpoint = target.endpoints[0] if target.endpoints else _socket_in(directory)

    async def locate() -> Endpoint:
        return endpoint

    return SingleClient(locate, timeout=timeout, scripts=scripts)


def _socket_in(directory: Path) -> Endpoint:
    return Endpoint(
        host="",
        port=0,
        path=str(directory / SOCKET),
        username=None,
        password=None,
        database=0,
        tls=False,
    )
