"""The URL of a store, taken apart: pure.

``embedded:``, ``redis://``, ``rediss://`` (TLS), ``unix://``, ``redis+sentinel://`` and
``redis+cluster://``. What is not understood is refused, never passed over: an option that is
misspelt must not leave a connection without TLS. No error quotes the URL, which may hold a
password in any part of it once it is written wrongly.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

PORT: Final = 6379
SENTINEL_PORT: Final = 26379

_UNPRINTABLE: Final = re.compile(r"[^!-~]")
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_DATABASE: Final = re.compile(r"[0-9]{1,5}")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TRUTH: Final = {"true": True, "false": False}


class Endpoint(NamedTuple):
    """Where a server is and how to log in there; ``path`` is that of a unix socket.

    A user without a password is given the empty one, as an ACL user with ``nopass`` takes it.
    """

    host: str
    port: int
    path: str | None
    username: str | None
    password: str | None
    database: int
    tls: bool

    def __repr__(self) -> str:
        """Show everything but the password."""
        hidden = None if self.password is None else "..."
        fields = {**self._asdict(), "password": hidden}
        return f"Endpoint({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


class Target(NamedTuple):
    """What a URL names. ``kind`` is "embedded", "single", "sentinel" or "cluster".

    ``endpoints`` are the server, or where to ask first: the sentinels or some of the cluster's
    nodes. ``service`` is what the sentinels call the master; ``master`` is how to log in there,
    with neither a host nor a port.
    """

    kind: str
    endpoints: tuple[Endpoint, ...]
    service: str = ""
    master: Endpoint | None = None


class _Parts(NamedTuple):
    """A URL behind its scheme: still encoded, but for the two that log in."""

    username: str | None
    password: str | None
    hosts: str
    path: str
    query: dict[str, str]


def parse_target(url: str) -> Target:
    """Return what the URL names; ValueError with a text that quotes nothing of it."""
    if _UNPRINTABLE.search(url):
        raise ValueError("a store's URL is printable ASCII; write the rest as %XX")
    scheme, colon, rest = url.partition(":")
    form = _FORMS.get(scheme.lower())
    if form is None or not colon:
        raise ValueError(f"a store's URL begins with one of {', '.join(_FORMS)} and a colon")
    return form(rest)


# The forms


def _embedded(rest: str) -> Target:
    if rest:
        raise ValueError("nothing follows embedded: in a store's URL")
    return Target("embedded", ())


def _single(rest: str, *, tls: bool) -> Target:
    parts = _split(rest, frozenset())
    host, port = _address(parts.hosts, PORT)
    database = _database(parts.path.removeprefix("/"))
    return Target("single", (_endpoint(parts, host, port, database=database, tls=tls),))


def _unix(rest: str) -> Target:
    parts = _split(rest, frozenset({"db"}))
    if parts.hosts or parts.path in ("", "/"):
        raise ValueError("a unix:// URL has no host and an absolute path: unix:///run/store.sock")
    database = _database(parts.query.get("db", ""))
    endpoint = _endpoint(parts, "", 0, database=database, tls=False)
    return Target("single", (endpoint._replace(path=_decoded(parts.path)),))


def _sentinel(rest: str) -> Target:
    parts = _split(rest, frozenset({"tls", "sentinel_username", "sentinel_password"}))
    tls = _tls(parts)
    service, _, database = parts.path.removeprefix("/").partition("/")
    if not service:
        raise ValueError("a redis+sentinel:// URL names the service: redis+sentinel://h1,h2/name")
    username, password = _login(
        parts.query.get("sentinel_username", ""), parts.query.get("sentinel_password")
    )
    sentinels = tuple(
        Endpoint(host, port, None, username, password, 0, tls)
        for host, port in _addresses(parts.hosts, SENTINEL_PORT)
    )
    master = _endpoint(parts, "", 0, database=_database(database), tls=tls)
    return Target("sentinel", sentinels, _decoded(service), master)


def _cluster(rest: str) -> Target:
    parts = _split(rest, frozenset({"tls"}))
    if parts.path not in ("", "/"):
        raise ValueError("a cluster has one database: nothing follows its nodes")
    tls = _tls(parts)
    nodes = _addresses(parts.hosts, PORT)
    return Target(
        "cluster", tuple(_endpoint(parts, host, port, database=0, tls=tls) for host, port in nodes)
    )


_FORMS: Final[dict[str, Callable[[str], Target]]] = {
    "embedded": _embedded,
    "redis": lambda rest: _single(rest, tls=False),
    "rediss": lambda rest: _single(rest, tls=True),
    "unix": _unix,
    "redis+sentinel": _sentinel,
    "redis+cluster": _cluster,
}


# The parts


def _split(rest: str, options: frozenset[str]) -> _Parts:
    if not rest.startswith("//"):
        raise ValueError("// follows the scheme of a store's URL")
    if "#" in rest:
        raise ValueError("a store's URL has no fragment; write # as %23")
    before, _, query = rest[2:].partition("?")
    authority, slash, path = before.partition("/")
    login, _, hosts = authority.rpartition("@")
    if "@" in login or "@" in path or "@" in query:
        raise ValueError("a store's URL has one @, before its hosts; write others as %40")
    username, colon, password = login.partition(":")
    return _Parts(
        *_login(username, password if colon else None), hosts, slash + path, _query(query, options)
    )


def _login(username: str, password: str | None) -> tuple[str | None, str | None]:
    if not username and not password:
        return None, None
    return _decoded(username) or None, _decoded(password or "")


def _query(query: str, options: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        if name not in options:
            known = ", ".join(sorted(options)) or "none"
            raise ValueError(f"unknown option in a store's URL; known here: {known}")
        if name in found:
            raise ValueError(f"the option {name} is there twice in a store's URL")
        found[name] = value
    return found


def _tls(parts: _Parts) -> bool:
    tls = _TRUTH.get(parts.query.get("tls", "false"))
    if tls is None:
        raise ValueError("tls is true or false in a store's URL")
    return tls


def _addresses(hosts: str, port: int) -> list[tuple[str, int]]:
    addresses = [_address(host, port) for host in hosts.split(",")]
    if len(set(addresses)) != len(addresses):
        raise ValueError("an address is there twice in a store's URL")
    return addresses


def _address(text: str, default: int) -> tuple[str, int]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or "%" in host or not _is_ipv6(host):
            raise ValueError("what stands in brackets in a store's URL is no IPv6 address")
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = text.partition(":")
        if not _HOST.fullmatch(host):
            raise ValueError("a store's URL lacks a host, or has one that is none")
    if not colon:
        return host, default
    if colon != ":" or not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise ValueError("a port in a store's URL is no number from 1 to 65535")
    return host, int(port)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _database(text: str) -> int:
    if not text:
        return 0
    if not _DATABASE.fullmatch(text):
        raise ValueError("the database in a store's URL is no number of at most five digits")
    return int(text)


def _decoded(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise ValueError("a store's URL has a % without two hexadecimal digits; write % as %25")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        # Not chained: the original error holds the bytes.
        raise ValueError("a store's URL is no UTF-8 once it is decoded") from None


def _endpoint(parts: _Parts, host: str, port: int, *, database: int, tls: bool) -> Endpoint:
    return Endpoint(host, port, None, parts.username, parts.password, database, tls)
