"""Which merchant a request is for: the authority alone says so, by a table made at start."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HOST: Final = "host"
FORWARDED_HOST: Final = "x-forwarded-host"

_DEFAULT_PORTS: Final = {"https": "443", "http": "80"}
# RFC 3986 section 3.2.2, without percent-encoding: a name, an IPv4 or a bracketed IPv6 address.
_SHAPE: Final = re.compile(r"(?:[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")


class Authority(NamedTuple):
    """Whom an authority names."""

    merchant: str
    scheme: str
    """The scheme by which this merchant is called, whatever this listener speaks."""
    forwarded: str | None
    """The authority as a trusted proxy passed it on; None where Host said it."""


class AuthorityTable:
    """The served authorities. ``entries`` are (authority, merchant's id, merchant's scheme).

    ``source`` is ``host`` or ``x-forwarded-host``; the latter is asked only of trusted proxies.
    ValueError for an authority that is none, or that stands twice.
    """

    def __init__(self, entries: Iterable[tuple[str, str, str]], *, source: str = HOST) -> None:
        if source not in (HOST, FORWARDED_HOST):
            raise ValueError(f"authority_from is {source!r}, not host or x-forwarded-host")
        self._from_proxy = source == FORWARDED_HOST
        self._table: dict[bytes, Authority] = {}
        for authority, merchant, scheme in entries:
            found = Authority(merchant, scheme, None)
            for spelling in _spellings(authority, scheme):
                if spelling in self._table:
                    raise ValueError(f"the authority {authority!r} stands twice")
                self._table[spelling] = found

    def resolve(self, index: Mapping[bytes, Sequence[bytes]], *, trusted: bool) -> Authority:
        """Return whom the request is for; raises Refusal.

        ``index`` has the values by lower-case name, with one Host; ``trusted``: the TCP peer is a
        trusted proxy.
        """
        if self._from_proxy and trusted:
            values = index.get(b"x-forwarded-host", ())
            if len(values) != 1 or b"," in values[0]:
                raise Refusal(
                    "malformed_request", "forwarded_host", "not one value of X-Forwarded-Host"
                )
            found = self._find(values[0])
            return found._replace(forwarded=values[0].decode("ascii"))
        return self._find(index[b"host"][0])

    def _find(self, value: bytes) -> Authority:
        found = self._table.get(value) or self._table.get(value.lower())
        if found is not None:
            return found
        if _SHAPE.fullmatch(value.lower().decode("latin-1")) is None:
            raise Refusal("malformed_request", "host", "the authority is none")
        raise Refusal("unknown_authority", "unknown_authority", "no merchant has this authority")


def _spellings(authority: str, scheme: str) -> tuple[bytes, ...]:
    """Return the lower-case spellings: with and without the scheme's default port."""
    lower = authority.lower()
    shape = _SHAPE.fullmatch(lower)
    if shape is None:
        raise ValueError(f"{authority!r} is not an authority")
    default = _DEFAULT_PORTS[scheme]
    if shape["port"] is None:
        return lower.encode(), f"{lower}:{default}".encode()
    if shape["port"] == default:
        return lower.encode(), lower.removesuffix(f":{default}").encode()
    return (lower.encode(),)
