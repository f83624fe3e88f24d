"""The servers at hand speak no TLS, so a relay of the test's own speaks it for them."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from connector.store.cluster import ClusterClient
from connector.store.errors import StoreUnavailable
from connector.store.scripts import Script
from connector.store.sentinel import SentinelLocator
from connector.store.targets import parse_target
from tests.connector.upstream.certificates import Authority
from tests.store_servers import HOST, running_server
from tests.store_topologies import SERVICE, running_sentinel

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

TIMEOUT = 10.0
ONE = Script("one", "return 1")


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def behind_tls(port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Yield the port at which a server can be reached by TLS."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, back = await asyncio.open_connection(HOST, port)
        await asyncio.gather(_pump(reader, back), _pump(inside, writer))

    listener = await asyncio.start_server(relay, HOST, 0, ssl=context)
    async with listener:
        yield listener.sockets[0].getsockname()[1]


async def cluster_says(port: int) -> str:
    client = ClusterClient(parse_target(f"redis+cluster://{HOST}:{port}?tls=true"), timeout=TIMEOUT)
    await client.start()
    try:
        with pytest.raises(StoreUnavailable) as refused:
            await client.run(ONE, [b"key"], [])
    finally:
        await client.aclose()
    return refused.value.explanation


def test_a_cluster_is_asked_by_tls_and_has_to_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)

    async def scenario(port: int) -> None:
        async with behind_tls(port, authority.server(HOST)) as relayed:
            assert await cluster_says(relayed) == "No connection to the store's cluster."
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
            # It is no cluster, and that is what it says once it is reached.
            assert await cluster_says(relayed) == "The store refused with ERR."
        async with behind_tls(port, authority.server("other.example")) as relayed:
            assert await cluster_says(relayed) == "No connection to the store's cluster."

    with running_server(tmp_path / "server") as server:
        asyncio.run(scenario(server.port))


def test_sentinels_are_asked_by_tls_and_have_to_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)

    async def located(port: int) -> int:
        url = f"redis+sentinel://{HOST}:{port}/{SERVICE}?tls=true"
        locator = SentinelLocator(parse_target(url), timeout=TIMEOUT)
        try:
            master = await locator.locate()
        finally:
            await locator.aclose()
        assert master.tls
        return master.port

    async def scenario(port: int, master: int) -> None:
        async with behind_tls(port, authority.server(HOST)) as relayed:
            with pytest.raises(StoreUnavailable):
                await located(relayed)
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
            assert await located(relayed) == master

    with running_sentinel(tmp_path / "s", 0, 1) as topology:
        asyncio.run(scenario(topology.sentinels[0].port, topology.master.port))
