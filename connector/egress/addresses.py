"""Which addresses belong to no stranger: RFC 6890 and its successors, as one table.

Nothing here asks Python's ``is_global`` and its kin: what they answer changed between patch
releases. An address that carries an IPv4 address in it (mapped, compatible, translated, NAT64,
6to4, Teredo) is refused whole, whatever it carries: no profile is served there, and what it
leads to is somebody else's choice.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address

# The IANA IPv4 Special-Purpose Address Registry (RFC 6890 section 2.2.2, as updated), globally
# reachable entries included: AS112 and AMT anycast hold no profiles either.
_IPV4: Final = tuple(
    (IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "this network, RFC 791 section 3.2"),
        ("10.0.0.0/8", "private use, RFC 1918"),
        ("100.64.0.0/10", "shared address space, RFC 6598"),
        ("127.0.0.0/8", "loopback, RFC 1122 section 3.2.1.3"),
        ("169.254.0.0/16", "link-local, RFC 3927"),
        ("172.16.0.0/12", "private use, RFC 1918"),
        ("192.0.0.0/24", "IETF protocol assignments, RFC 6890 section 2.1"),
        ("192.0.2.0/24", "documentation, RFC 5737"),
        ("192.31.196.0/24", "AS112, RFC 7535"),
        ("192.52.193.0/24", "AMT, RFC 7450"),
        ("192.88.99.0/24", "6to4 relay anycast, RFC 7526"),
        ("192.168.0.0/16", "private use, RFC 1918"),
        ("192.175.48.0/24", "AS112, RFC 7534"),
        ("198.18.0.0/15", "benchmarking, RFC 2544"),
        ("198.51.100.0/24", "documentation, RFC 5737"),
        ("203.0.113.0/24", "documentation, RFC 5737"),
        ("224.0.0.0/4", "multicast, RFC 5771"),
        ("255.255.255.255/32", "limited broadcast, RFC 919"),
        ("240.0.0.0/4", "reserved, RFC 1112 section 4"),
    )
)

# The IANA IPv6 Special-Purpose Address Registry (RFC 6890 section 2.2.3, as updated).
_IPV6: Final = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("::/128", "unspecified, RFC 4291 section 2.5.2"),
        ("::1/128", "loopback, RFC 4291 section 2.5.3"),
        ("::/96", "IPv4-compatible, RFC 4291 section 2.5.5.1"),
        ("::ffff:0:0/96", "IPv4-mapped, RFC 4291 section 2.5.5.2"),
        ("::ffff:0:0:0/96", "IPv4-translated, RFC 2765"),
        ("64:ff9b::/96", "NAT64, RFC 6052"),
        ("64:ff9b:1::/48", "local-use NAT64, RFC 8215"),
        ("100::/64", "discard only, RFC 6666"),
        ("100:0:0:1::/64", "dummy prefix, RFC 9780"),
        ("2001::/32", "Teredo, RFC 4380"),
        ("2001:2::/48", "benchmarking, RFC 5180"),
        ("2001:10::/28", "ORCHID, RFC 4843"),
        ("2001:20::/28", "ORCHIDv2, RFC 7343"),
        ("2001:30::/28", "drone remote identification, RFC 9374"),
        ("2001::/23", "IETF protocol assignments, RFC 2928"),
        ("2001:db8::/32", "documentation, RFC 3849"),
        ("2002::/16", "6to4, RFC 3056"),
        ("2620:4f:8000::/48", "AS112, RFC 7534"),
        ("3ffe::/16", "returned 6bone space, RFC 3701"),
        ("3fff::/20", "documentation, RFC 9637"),
        ("5f00::/16", "segment routing identifiers, RFC 9602"),
        ("fc00::/7", "unique local, RFC 4193"),
        ("fe80::/10", "link-local, RFC 4291 section 2.5.6"),
        ("fec0::/10", "site-local, RFC 3879"),
        ("ff00::/8", "multicast, RFC 4291 section 2.7"),
    )
)

# All unicast space that IANA has given out lies here (RFC 4291 section 2.4); the rest is reserved.
_IPV6_ALLOCATED: Final = IPv6Network("2000::/3")

_LOOPBACK: Final = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


def special_use(address: Address) -> str | None:
    """Name the special use of an address with its RFC; None for an ordinary public address."""
    if isinstance(address, IPv4Address):
        return next((name for network, name in _IPV4 if address in network), None)
    if address.scope_id is not None:
        return "scoped address, RFC 4007"
    for network, name in _IPV6:
        if address in network:
            return name
    return None if address in _IPV6_ALLOCATED else "reserved, RFC 4291 section 2.4"


def is_loopback(address: Address) -> bool:
    """Whether an address is this machine, in one of the two plain forms; no embedded one counts."""
    return any(address in network for network in _LOOPBACK)


def forbidden(address: Address, *, allow_loopback: bool) -> str | None:
    """Say why nothing may be fetched from an address; None where it may be."""
    if allow_loopback and is_loopback(address):
        return None
    return special_use(address)
