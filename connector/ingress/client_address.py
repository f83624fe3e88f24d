"""Who is calling: the right-most hop that is no trusted proxy."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNKNOWN: Final = "unknown"
"""The address of a peer that has none (a unix socket); the word of RFC 7239 section 6.2."""

_MAX_HOPS: Final = 32


class Client(NamedTuple):
    """One address, and what it counts as."""

    address: str
    key: str | int
    """What is limited: an IPv4 address, the first 64 bits of an IPv6 address."""
    trusted: bool


class ClientAddresses:
    """Tells trusted proxies from clients. ``trusted_proxies`` are addresses or CIDR networks.

    ValueError for one that is neither.
    """

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._trusted = tuple(ipaddress.ip_network(network) for network in trusted_proxies)

    def peer(self, address: str | None) -> Client:
        """Return what the other end of a connection is; None where it has no address."""
        client = None if address is None else self._read(address)
        return Client(address or UNKNOWN, UNKNOWN, trusted=False) if client is None else client

    def behind(self, proxy: Client, lines: Sequence[bytes]) -> Client:
        """Return who is behind a trusted proxy, by the lines of X-Forwarded-For.

        The proxy itself where they say nothing or cannot be read. Where every hop is trusted, the
        first of them.
        """
        hops = b",".join(lines).decode("latin-1").rsplit(",", _MAX_HOPS)
        found = proxy
        for hop in reversed(hops[-_MAX_HOPS:]):
            client = self._read(hop.strip(" \t"))
            if client is None:
                return proxy
            found = client
            if not client.trusted:
                break
        return found

    def _read(self, text: str) -> Client | None:
        """Read an address; some proxies add the port."""
        if text.startswith("["):
            text = text[1:].partition("]")[0]
        elif text.count(":") == 1:
            text = text.partition(":")[0]
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return None
        if address.version == 6 and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        key = str(address) if address.version == 4 else int(address) >> 64
        # A network of the other version contains nothing: ipaddress compares versions first.
        return Client(str(address), key, any(address in network for network in self._trusted))
