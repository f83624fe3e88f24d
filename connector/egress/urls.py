"""A profile URL in its one form: checked, normalised, and never repaired.

The URL is an identity (ucp-rules, section 3.3), so two spellings that one parser reads alike and
another does not are refused rather than folded. Only what RFC 3986 sections 3.1 and 3.2.2 call
case-insensitive is folded, and the default port is dropped; path and query stay byte for byte.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from connector.egress.addresses import Address, forbidden, is_loopback
from connector.errors import Refusal

MAX_URL: Final = 2048
"""Octets in a profile URL."""
_MEMO: Final = 4096
_MAX_HOST: Final = 253  # RFC 1035 section 2.3.4, in text without the root's dot

# RFC 3986 sections 3.3 and 3.4: pchar, and what a path or a query adds to it. Everything else,
# space, backslash, quotes, braces, controls and all that is not ASCII, is left out on purpose.
_PCHAR: Final = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    rf"(?P<path>(?:/{_PCHAR}*)*)"
    rf"(?P<query>\?(?:{_PCHAR}|[/?])*)?"
)
# RFC 1123 section 2.1: letters, digits and inner hyphens. An A-label (xn--) is one of these.
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?")
# A host whose last label looks like a number is an IPv4 address to some parsers (127.1, 0x7f.1).
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class DocumentKind(StrEnum):
    """What is expected behind a URL, and then read as nothing else."""

    PROFILE = "profile"
    """A platform's profile: what UCP-Agent names."""
    KEY_SET = "jwks_uri"
    """A JWK set (RFC 7517 section 5)."""
    METADATA = "cimd"
    """A Client ID Metadata Document (draft-ietf-oauth-client-id-metadata-document)."""
    DIRECTORY = "directory"
    """A key directory that signs itself (draft-meunier-webbotauth-httpsig-directory)."""


class ProfileUrl(NamedTuple):
    """A normalised profile URL and its parts, or that of another kind of document."""

    url: str
    """The identity. Of another kind of document its kind and its URL: two names never meet."""
    scheme: str
    host: str
    """A DNS name in lower case, or an address without brackets."""
    port: int
    target: str
    """Path and query as received; ``/`` where the path is empty."""
    origin: str
    """``scheme://host[:port]``, the port only where it is not the scheme's own."""
    address: Address | None
    """The address, where the host is one."""
    kind: DocumentKind = DocumentKind.PROFILE

    def of_kind(self, kind: DocumentKind) -> ProfileUrl:
        """Name the same place for where another kind of document is expected."""
        # A space, which no URL has: what is kept, counted or refused under one name is not so
        # under the other.
        return self._replace(url=f"{kind.value} {self.location}", kind=kind)

    @property
    def location(self) -> str:
        """The URL alone, whatever is expected there."""
        return self.url.rpartition(" ")[2]

    @property
    def authority(self) -> str:
        """The Host header's value."""
        return self.origin.partition("://")[2]


def normalise(text: str, *, allow_loopback: bool = False) -> ProfileUrl:
    """Check a profile URL and bring it into its one form.

    ``allow_loopback`` (``insecure_allow_loopback_profiles``) admits plain HTTP and loopback
    addresses, and nothing else. Raises ``Refusal("invalid_profile_url")``.
    """
    # Before the memo: what a stranger sends must not decide how large the memo grows.
    if len(text) > MAX_URL:
        raise _refusal("too_long", f"the profile URL is longer than {MAX_URL} octets")
    return _normalise(text, allow_loopback)


@lru_cache(maxsize=_MEMO)
def _normalise(text: str, allow_loopback: bool) -> ProfileUrl:  # noqa: FBT001 - a memo's key
    match = _URL.fullmatch(text)
    if match is None:
        raise _refusal("not_a_url", "the profile URL is not an absolute URL of allowed characters")
    scheme = match["scheme"].lower()
    if scheme != "https" and not (allow_loopback and scheme == "http"):
        raise _refusal("scheme", "the profile URL's scheme is not https")
    host, address = _host(match["host"].lower())
    if address is not None:
        _check_address(scheme, address, allow_loopback=allow_loopback)
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if port > 65535:
        raise _refusal("port", "the profile URL's port is out of range")
    _check_path(match["path"])
    shown = f"[{host}]" if isinstance(address, IPv6Address) else host
    origin = f"{scheme}://{shown}"
    if port != _DEFAULT_PORTS[scheme]:
        origin = f"{origin}:{port}"
    rest = match["path"] + (match["query"] or "")
    target = rest if match["path"] else "/" + rest
    return ProfileUrl(origin + rest, scheme, host, port, target, origin, address)


def _host(text: str) -> tuple[str, Address | None]:
    if text.startswith("["):
        inner = text[1:-1]
        try:
            six = IPv6Address(inner)
        except ValueError:
            raise _refusal("host", "the profile URL's host is not an IPv6 address") from None
        # RFC 5952: one text for one address.
        if str(six) != inner:
            raise _refusal("host", "the profile URL's IPv6 address is not in canonical form")
        return inner, six
    labels = text.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            # Strict dotted decimal: IPv4Address takes neither short forms nor leading zeros.
            return text, IPv4Address(text)
        except ValueError:
            raise _refusal("host", "the profile URL's host is a number, not an address") from None
    if len(text) > _MAX_HOST or not all(map(_LABEL.fullmatch, labels)):
        raise _refusal("host", "the profile URL's host is not a DNS name")
    return text, None


def _check_address(scheme: str, address: Address, *, allow_loopback: bool) -> None:
    reason = forbidden(address, allow_loopback=allow_loopback)
    if reason is not None:
        raise _refusal("special_use", f"the profile URL's address is special-use: {reason}")
    if scheme == "http" and not is_loopback(address):
        raise _refusal("scheme", "plain HTTP is for loopback addresses only")


def _check_path(path: str) -> None:
    if "%2e" in path.lower():
        raise _refusal("path", "the profile URL's path has an encoded dot")
    # RFC 3986 section 5.2.4: refused, never resolved.
    if "/." in path and not {".", ".."}.isdisjoint(path.split("/")):
        raise _refusal("path", "the profile URL's path has a dot segment")


def _refusal(reason: str, explanation: str) -> Refusal:
    return Refusal("invalid_profile_url", reason, explanation)
