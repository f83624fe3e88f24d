"""A profile as replicas pass it on: sealed, and named so that the store learns nothing of it.

    document = stamp (16 digits: microseconds when it was asked for) | nonce | AES-256-GCM(contents)

The seal binds the contents to the URL, to the stamp and to the settings by which a profile is read,
so whoever can write to the store can neither make a document, nor pass one for another's, nor give
an old one a new life. What is sealed was read by the strict reader already: the version, the keys
that may verify signatures, and the times that count from the original fetch.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connector.egress.urls import DocumentKind, normalise
from connector.errors import Refusal
from connector.es256 import load_key_set
from connector.platforms.documents import Profile
from connector.platforms.freshness import CEILING_DISCOVERED, CEILING_REGISTERED, MAX_STALE, Life

if TYPE_CHECKING:
    from connector.egress.urls import ProfileUrl

MAX_OCTETS: Final = 64 * 1024
"""Octets of one document; a profile that would have more is not shared."""
STAMP: Final = 16
_NONCE: Final = 12
_KEY: Final = 32
_FORM: Final = b"ucp-connector fleet document 1"


class NotOurs(Exception):  # noqa: N818 - it says what a document is
    """A document that nobody with the fleet key sealed for this URL, time and these settings."""


class FleetNames(NamedTuple):
    """The names in the store that belong to one profile, all in one slot."""

    field: bytes
    lease: bytes
    mark: bytes


class FleetSeal:
    """Seals, opens and names; pure but for the nonces.

    ``fleet_key`` has 32 octets. The others are the settings that decide how a profile is read:
    replicas that read otherwise don't find each other's documents.
    """

    def __init__(
        self, fleet_key: bytes, *, nested_keys: bool, allow_loopback: bool, max_document: int
    ) -> None:
        if len(fleet_key) != _KEY:
            raise ValueError("the fleet key has 32 octets")
        self._terms = _framed(
            _FORM, b"%d" % nested_keys, b"%d" % allow_loopback, b"%d" % max_document
        )
        self._allow_loopback = allow_loopback
        # One key, one purpose (NIST SP 800-108): what names does not seal.
        self._cipher = AESGCM(_derived(fleet_key, b"seal"))
        self._naming = _derived(fleet_key, b"names")
        self._slot = self._hash(b"fleet")[:32]
        self.profiles: Final = self._name(b"profiles")
        """The hash of all documents, by field."""
        self.ages: Final = self._name(b"ages")
        """The fields of platforms that nobody registered, by stamp."""
        self.octets: Final = self._name(b"octets")
        """How many octets their documents are together."""
        self.registered_ages: Final = self._name(b"ages", b"registered")
        """The fields of registered platforms, by stamp."""
        self.registered_octets: Final = self._name(b"octets", b"registered")
        """How many octets their documents are together."""

    def names(self, url: str) -> FleetNames:
        """Return a profile's names: keyed hashes, which nobody without the key can guess."""
        field = self._hash(self._terms, url.encode())
        return FleetNames(field, self._name(b"fetch", field), self._name(b"refresh", field))

    def seal(self, profile: Profile) -> bytes:
        """Return the document of a profile, whatever its length."""
        stamp, nonce = stamp_of(profile), os.urandom(_NONCE)
        contents = json.dumps(
            {
                "version": profile.version,
                "keys": profile.keys.jwks,
                "received_at": profile.received_at,
                "life": profile.life,
                "weight": profile.weight,
                "jwks": _location(profile),
            },
            separators=(",", ":"),
        )
        bound = self._bound(profile.url.url, stamp)
        return stamp + nonce + self._cipher.encrypt(nonce, contents.encode(), bound)

    def open(self, url: ProfileUrl, document: bytes) -> Profile:
        """Return the profile; raises NotOurs."""
        stamp, nonce = document[:STAMP], document[STAMP : STAMP + _NONCE]
        try:
            contents: dict[str, Any] = json.loads(
                self._cipher.decrypt(nonce, document[STAMP + _NONCE :], self._bound(url.url, stamp))
            )
        # A nonce that is too short is a ValueError.
        except (InvalidTag, ValueError) as error:
            raise NotOurs("it was not sealed with the fleet key for this URL") from error
        fetched_at = int(stamp) / 1_000_000
        jwks = contents["jwks"]
        return Profile(
            url,
            contents["version"],
            load_key_set(contents["keys"]),
            fetched_at,
            contents["received_at"],
            _bounded(Life(*contents["life"]), fetched_at),
            contents["weight"],
            None if jwks is None else self._key_set_at(jwks),
        )

    def _key_set_at(self, location: str) -> ProfileUrl:
        try:
            url = normalise(location, allow_loopback=self._allow_loopback)
        except Refusal as refusal:
            raise NotOurs("what it names is no place that this release asks") from refusal
        return url.of_kind(DocumentKind.KEY_SET)

    def _bound(self, url: str, stamp: bytes) -> bytes:
        return _framed(self._terms, url.encode(), stamp)

    def _name(self, kind: bytes, value: bytes = b"") -> bytes:
        return b"ucp1:{%b}:%b:%b" % (self._slot, kind, self._hash(kind, value))

    def _hash(self, *parts: bytes) -> bytes:
        return hmac.digest(self._naming, _framed(*parts), "sha256").hex().encode("ascii")


def stamp_of(profile: Profile) -> bytes:
    """Return when a profile was asked for, as documents begin."""
    return b"%016d" % round(profile.fetched_at * 1_000_000)


def contents_digest(profile: Profile) -> bytes:
    """Return what two fetches of a profile that says the same have in common."""
    said = json.dumps(
        [profile.version, profile.keys.jwks, _location(profile)], separators=(",", ":")
    )
    return hashlib.sha256(said.encode()).digest()


def _location(profile: Profile) -> str | None:
    return None if profile.jwks is None else profile.jwks.location


def _bounded(life: Life, fetched_at: float) -> Life:
    """Hold another release's times to the bounds of this one."""
    return Life(
        min(life.discovered_until, fetched_at + CEILING_DISCOVERED),
        min(life.registered_until, fetched_at + CEILING_REGISTERED),
        min(life.stale_for, MAX_STALE),
    )


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), _KEY, None, _framed(_FORM, purpose)).derive(key)


def _framed(*parts: bytes) -> bytes:
    return b"".join([len(part).to_bytes(4) + part for part in parts])
