"""What a request is aimed at: the parts of its target URI (RFC 9110 section 7.1).

Only what RFC 9421 section 2.2 tells to normalise is normalised: the authority (lower case, no
default port) and the empty path. Percent-encoding stays as it is but for ``@query-param``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from canonical.errors import CanonicalError
from canonical.message import to_octets

if TYPE_CHECKING:
    from canonical.message import Request

# RFC 9112 section 3.2.2 and RFC 3986 section 3: scheme "://" authority path-abempty [ "?" query ]
_ABSOLUTE: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?]*)((?:/[^?]*)?)((?:\?.*)?)", re.DOTALL
)
# RFC 3986 section 3.2 without user information, which RFC 9110 section 4.2.4 tells to distrust,
# and without the comma, with which several Host lines would be joined.
_AUTHORITY: Final = re.compile(
    r"(\[[0-9A-Za-z:.\-_~]+\]|[A-Za-z0-9\-._~%!$&'()*+;=]+)(?::([0-9]*))?"
)
_MAX_AUTHORITY: Final = 512
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Target(NamedTuple):
    """The parts of a target URI. ``query`` has its ``?``, and is None where there is none."""

    scheme: str
    authority: str | None
    """As it stands in an absolute or authority form, else None."""
    path: str | None
    query: str | None


def split_target(request: Request) -> Target:
    """Take the target apart by its form (RFC 9112 section 3.2); CanonicalError for no known one."""
    target = request.target
    if target.startswith("/"):
        path, mark, query = target.partition("?")
        return _checked(Target(request.scheme.lower(), None, path, mark + query or None), target)
    if request.method == "CONNECT":
        return _checked(Target(request.scheme.lower(), target, None, None), target)
    if target == "*":
        return Target(request.scheme.lower(), None, "", None)
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise CanonicalError("the request target has no known form")
    scheme, authority, path, query = match.groups()
    return _checked(Target(scheme.lower(), authority, path, query or None), target)


def _checked(parts: Target, target: str) -> Target:
    # RFC 9110 section 7.1: a fragment is no part of a target; two readers could cut it differently.
    if "#" in target:
        raise CanonicalError("the request target has a fragment")
    return parts


def authority_of(request: Request) -> str:
    """Return the authority in lower case, less the scheme's default port (RFC 9421 2.2.3).

    It is the target's own in the absolute and authority forms, else that of the one Host line.
    CanonicalError where there is none, where there are two, or where target and Host differ.
    """
    scheme, own = request.scheme, None
    if not request.target.startswith("/"):
        scheme, own, _, _ = split_target(request)
    if request.authority is not None:
        return normal_authority(scheme, request.authority)
    hosts = request.headers.index.get(b"host", ())
    if len(hosts) > 1:
        raise CanonicalError("Host occurs more than once")
    if own is None:
        if not hosts:
            raise CanonicalError("there is no Host")
        return normal_authority(scheme, hosts[0])
    authority = normal_authority(scheme, own)
    # RFC 9112 section 3.2.2 tells to ignore Host here; one who does not would be misled.
    if hosts and request.method != "CONNECT" and normal_authority(scheme, hosts[0]) != authority:
        raise CanonicalError("the request target and Host name different authorities")
    return authority


@lru_cache(maxsize=512)
def normal_authority(scheme: str, authority: str | bytes) -> str:
    """Return an authority in lower case without the scheme's default port."""
    text = authority if isinstance(authority, str) else authority.decode("latin-1")
    match = _AUTHORITY.fullmatch(text) if len(text) <= _MAX_AUTHORITY else None
    if match is None:
        raise CanonicalError("the authority is malformed")
    host, port = match[1].lower(), match[2]
    # RFC 9110 section 4.2.3: an empty port is the default one.
    if not port or int(port) == _DEFAULT_PORTS.get(scheme.lower()):
        return host
    return f"{host}:{port}"


def target_uri(request: Request) -> str:
    """Return the whole target URI (RFC 9421 section 2.2.2)."""
    parts = split_target(request)
    if parts.path is None:
        raise CanonicalError("a target in authority form has no URI")
    path = parts.path if request.target == "*" else parts.path or "/"
    return f"{parts.scheme}://{authority_of(request)}{path}{parts.query or ''}"


def path_of(request: Request) -> str:
    """Return the absolute path as sent, ``/`` where it is empty (RFC 9421 section 2.2.6)."""
    target = request.target
    if target.startswith("/") and "#" not in target:
        return target.partition("?")[0]
    path = split_target(request).path
    if path is None:
        raise CanonicalError("a target in authority form has no path")
    return path or "/"


def query_of(request: Request) -> str:
    """Return the query as sent with its ``?``, which stands alone where there is none."""
    parts = split_target(request)
    if parts.path is None:
        raise CanonicalError("a target in authority form has no query")
    return parts.query or "?"


def query_parameters(request: Request) -> dict[str, list[str]]:
    """Return the query's parameters, names and values encoded anew (RFC 9421 section 2.2.8)."""
    parameters: dict[str, list[str]] = {}
    for pair in to_octets(query_of(request)[1:]).split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            parameters.setdefault(_form_encoded(name), []).append(_form_encoded(value))
    return parameters


def _form_encoded(text: bytes) -> str:
    """Decode as a form does and encode by the URL standard's percent-encode set for forms."""
    octets = unquote_to_bytes(text.replace(b"+", b" "))
    try:
        octets.decode()
    except UnicodeDecodeError:
        # The URL standard would put the same U+FFFD for any such octet: nothing would be signed.
        raise CanonicalError("a query parameter is not UTF-8") from None
    # quote_from_bytes never encodes "~", which that set holds.
    return quote_from_bytes(octets, safe="*").replace("~", "%7E")
