"""The platforms that one merchant registered, and the keys that it pinned for them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from canonical import CanonicalError, KeySet, load_key
from canonical.base64 import decode_url
from connector.egress.urls import normalise
from connector.errors import Refusal
from connector.es256 import load_key_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_THUMBPRINT_OCTETS: Final = 32  # SHA-256, RFC 7638 section 3


class Pinned(NamedTuple):
    """Keys that stand in the configuration: their platform's profile is never fetched."""

    version: str
    """The protocol version, as the registration states it."""
    keys: KeySet
    thumbprints: frozenset[str]


class Registration(NamedTuple):
    """One registered platform."""

    url: str
    """The normalised profile URL: the identity."""
    pinned: Pinned | None
    """None where the profile is fetched."""
    coverage: str


def register(
    profile: str,
    *,
    keys: Sequence[Mapping[str, Any]] = (),
    version: str | None = None,
    coverage: str = "strict",
    allow_loopback: bool = False,
) -> Registration:
    """Check one entry of ``platforms.registered``; raises ``ValueError`` with what is wrong.

    ``keys`` are public JWKs, each with a kid of its own, and then ``version`` is required.
    ``coverage: compat`` needs pinned keys (ucp-rules, section 3.6).
    """
    try:
        url = normalise(profile, allow_loopback=allow_loopback).url
    except Refusal as refusal:
        raise ValueError(f"registered platform {profile!r}: {refusal.explanation}") from refusal
    if not keys:
        if coverage == "compat":
            raise ValueError(f"registered platform {url}: coverage compat needs pinned keys")
        if version is not None:
            raise ValueError(f"registered platform {url}: version is for pinned keys only")
        return Registration(url, None, coverage)
    if version is None:
        raise ValueError(f"registered platform {url}: pinned keys need a version")
    thumbprints = _thumbprints(url, keys)
    return Registration(url, Pinned(version, load_key_set(list(keys)), thumbprints), coverage)


def _thumbprints(url: str, keys: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    by_kid: dict[str, str] = {}
    for jwk in keys:
        try:
            key = load_key(jwk)
        except CanonicalError as error:
            raise ValueError(f"registered platform {url}: a pinned key: {error}") from error
        if key.is_private:
            # Not repeated in the message beyond the URL: it is somebody's secret.
            raise ValueError(f"registered platform {url}: a pinned key is a private one")
        if key.kid is None:
            raise ValueError(f"registered platform {url}: a pinned key has no kid")
        if key.kid in by_kid:
            raise ValueError(f"registered platform {url}: two pinned keys have one kid")
        by_kid[key.kid] = key.thumbprint
    return frozenset(by_kid.values())


class Registry:
    """The registrations of one merchant, by URL and by pinned key.

    Raises ``ValueError`` for a URL that is registered twice, and for a key that is pinned in two
    registrations: it could not say who signed.
    """

    def __init__(self, registrations: Iterable[Registration] = ()) -> None:
        by_url: dict[str, Registration] = {}
        compat: dict[str, Registration] = {}
        owners: dict[str, str] = {}
        for registration in registrations:
            if registration.url in by_url:
                raise ValueError(f"platform {registration.url} is registered twice")
            by_url[registration.url] = registration
            if registration.pinned is None:
                continue
            for thumbprint in registration.pinned.thumbprints:
                owner = owners.setdefault(thumbprint, registration.url)
                if owner != registration.url:
                    raise ValueError(
                        f"one key is pinned for {owner} and for {registration.url}: {thumbprint}"
                    )
                if registration.coverage == "compat":
                    compat[thumbprint] = registration
        self.by_url: Mapping[str, Registration] = MappingProxyType(by_url)
        """Every registration by its normalised URL."""
        self.by_thumbprint: Mapping[str, Registration] = MappingProxyType(compat)
        """The registrations under ``coverage: compat`` by the thumbprints of their keys."""


def revoked_thumbprints(values: Iterable[str]) -> frozenset[str]:
    """Check ``discovery.revoked``: RFC 7638 thumbprints, SHA-256, base64url.

    Raises ``ValueError``: a value that is none would revoke nothing, and nobody would notice.
    """
    thumbprints = frozenset(values)
    for value in sorted(thumbprints):
        try:
            octets = decode_url(value)
        except CanonicalError as error:
            raise ValueError(f"revoked key {value!r} is not a thumbprint: {error}") from error
        if len(octets) != _THUMBPRINT_OCTETS:
            raise ValueError(f"revoked key {value!r} is not a SHA-256 thumbprint")
    return thumbprints
