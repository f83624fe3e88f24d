"""Connections to the very addresses that were checked, with a bound on what they may send.

This is a network backend for httpcore. httpcore would hand it the URL's host to resolve and
connect to; it ignores that host and dials the pinned addresses instead, so there is no second
resolution for a name to answer differently. httpcore still takes SNI and the certificate's name
from the URL.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Sequence

    from connector.egress.addresses import Address


class PeerMismatchError(Exception):
    """The connection did not lead to the address that was checked."""


class TooMuchError(Exception):
    """The other side sent more octets than any acceptable answer has."""


class PinnedNetwork(httpcore.AsyncNetworkBackend):
    """Dials ``addresses`` in turn, whatever host it is asked for; one connection in its life.

    ``connect_timeout`` is in seconds and for each address; ``max_bytes`` bounds what is read from
    the connection, framing and headers included. ``aclose`` ends the connection in any state.
    """

    def __init__(
        self,
        network: httpcore.AsyncNetworkBackend,
        addresses: Sequence[Address],
        *,
        connect_timeout: float,
        max_bytes: int,
    ) -> None:
        self._network = network
        self._addresses = addresses
        self._connect_timeout = connect_timeout
        self._max_bytes = max_bytes
        self._dialled: httpcore.AsyncNetworkStream | None = None
        self.peer: Address | None = None
        """The address that was connected to, once there is one."""

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the addresses are pinned
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - httpcore's signature; ours is set
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first pinned address that answers; raises as httpcore's backends do."""
        failure: Exception = httpcore.ConnectError("no address to connect to")
        for address in self._addresses:
            try:
                stream = await self._network.connect_tcp(
                    str(address), port, self._connect_timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            self._dialled = stream
            _check_peer(stream, address)
            self.peer = address
            return _BoundedStream(stream, self._max_bytes)
        raise failure

    async def aclose(self) -> None:
        """Close what was dialled: a cancelled TLS handshake leaves its connection to us."""
        if self._dialled is not None:
            await self._dialled.aclose()


def _check_peer(stream: httpcore.AsyncNetworkStream, address: Address) -> None:
    # getpeername: what the kernel says, not what was asked for.
    peer = stream.get_extra_info("socket").getpeername()[0]
    if ip_address(peer) != address:
        raise PeerMismatchError(f"asked for {address}, connected to {peer}")


class _BoundedStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream, max_bytes: int) -> None:
        self._stream = stream
        self._left = max_bytes

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        self._left -= len(data)
        if self._left < 0:
            raise TooMuchError("the answer is longer than any acceptable one")
        return data

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        inner = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _BoundedStream(inner, self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
