"""Authorities and URLs as an operator writes them: checked and brought into one form.

Errors are ValueErrors whose text says what was expected; a URL with a user or password in it is
not repeated.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from connector.settings.units import shown

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_MAX_HOST: Final = 253  # RFC 1035 section 2.3.4, in text without the root's dot
_MAX_URL: Final = 2048
_AUTHORITY: Final = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?")
# RFC 1123 section 2.1.
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?")
# RFC 3986 sections 3.3 and 3.4.
_REST: Final = re.compile(
    r"(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*)?(?:\?[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*)?"
)
_URL: Final = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


def normalise_authority(text: str) -> str:
    """Return ``host`` or ``host:port`` in lower case, an IPv6 address in its one form."""
    if "@" in text:
        raise ValueError("has a user or password in it")
    match = _AUTHORITY.fullmatch(text)
    host = None if match is None else _host(match[1].lower())
    if match is None or host is None:
        raise ValueError(f"{shown(text)} is not a host name or address, with or without a port")
    if match[2] is None:
        return host
    port = int(match[2])
    if not 0 < port < 65536:
        raise ValueError(f"{shown(text)} has a port out of range")
    return f"{host}:{port}"


def without_default_port(authority: str, scheme: str) -> str:
    """Drop ``:443`` of https or ``:80`` of http from a normalised authority."""
    return authority.removesuffix(f":{DEFAULT_PORTS[scheme]}")


def normalise_url(text: str) -> str:
    """Return an absolute http or https URL, scheme and host in lower case, no default port.

    Path and query stay byte for byte; a user, a fragment and characters that RFC 3986 has not are
    refused.
    """
    match = _URL.fullmatch(text)
    if match is None or len(text) > _MAX_URL:
        raise ValueError("is not a URL that begins with https:// or http://")
    scheme, rest = match[1].lower(), match[3]
    authority = without_default_port(normalise_authority(match[2]), scheme)
    if "#" in rest or _REST.fullmatch(rest) is None:
        raise ValueError(f"{shown(text)} has a fragment or a character that a URL cannot have")
    return f"{scheme}://{authority}{rest}"


def upstream_origin(text: str) -> str:
    """Return ``scheme://host[:port]``; the received target is forwarded, so no path may follow."""
    url = normalise_url(text)
    origin = url.removesuffix("/")
    if "/" in origin.partition("://")[2] or "?" in origin:
        raise ValueError(
            f"{shown(text)} has a path or query; the target is forwarded exactly as received,"
            " so only http(s)://host[:port] may stand here"
        )
    return origin


def _host(text: str) -> str | None:
    if text.startswith("["):
        try:
            return None if "%" in text else f"[{IPv6Address(text[1:-1])}]"
        except AddressValueError:
            return None
    labels = text.split(".")
    if labels[-1].isdigit():
        # Strict dotted decimal: neither short forms nor leading zeros.
        try:
            return str(IPv4Address(text))
        except AddressValueError:
            return None
    return text if len(text) <= _MAX_HOST and all(map(_LABEL.fullmatch, labels)) else None
