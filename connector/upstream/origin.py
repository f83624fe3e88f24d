"""Where a merchant's API is: an ``http`` or ``https`` URL without anything behind the port."""

from __future__ import annotations

import ssl
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """A scheme, host and port, and how TLS is spoken there."""

    scheme: str
    host: str
    """As it is dialled: no brackets, not resolved."""
    port: int
    authority: bytes
    """The Host value: the URL's own authority, less the scheme's default port."""
    context: ssl.SSLContext | None

    def tls_arguments(self, handshake_timeout: float) -> dict[str, Any]:
        """Return what ``create_connection`` takes for TLS; nothing for ``http``."""
        if self.context is None:
            return {}
        return {
            "ssl": self.context,
            "server_hostname": self.host,
            "ssl_handshake_timeout": handshake_timeout,
            "ssl_shutdown_timeout": handshake_timeout,
        }


def parse_origin(url: str, context: ssl.SSLContext | None = None) -> Origin:
    """Read ``url``; raises ValueError where it is not an origin.

    The received target is forwarded as it is, so a path here could only be ignored, and is
    refused. Without a ``context`` an ``https`` merchant is verified against the system's
    certificate authorities, by name.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"an upstream URL begins with http:// or https://, not {url!r}")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError(f"an upstream URL ends with its port: {url!r}")
    host = parts.hostname
    if not host or "@" in parts.netloc or not parts.netloc.isascii() or " " in parts.netloc:
        raise ValueError(f"an upstream URL names one host in ASCII and no user: {url!r}")
    # What the resolver could not even be asked for: empty and over-long labels.
    host.encode("idna")
    default = _DEFAULT_PORTS[parts.scheme]
    port = default if parts.port is None else parts.port
    literal = f"[{host}]" if ":" in host else host
    authority = literal if port == default else f"{literal}:{port}"
    if parts.scheme == "http":
        context = None
    elif context is None:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
    return Origin(parts.scheme, host, port, authority.encode("ascii"), context)
