"""Keys of registered platforms that come and go in their published profiles: told to the audit log.

Pinned keys change with the configuration alone, and are told of with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.egress.urls import DocumentKind, normalise
from connector.server.registry_changes import key_changes, shown_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.egress.urls import ProfileUrl
    from connector.platforms.documents import Profile
    from connector.settings.schema import Settings

ACTION: Final = "platform_keys_changed"
_BY: Final = "the platform"
_MOST_MERCHANTS: Final = 16
"""Merchants that are named in one record, which has at most 8 KiB."""


class PlatformKeys:
    """The keys of each registered platform that has none pinned, as its documents had them last.

    These are its profile and, where a merchant uses Signature-Agent, what that leads to: the key
    directory of its origin, client metadata at its URL and the key set that they name. ``tell`` is
    called where a document has other keys than before, and for the first one of a process: so what
    changed while none ran can be read off two records.
    """

    def __init__(self, settings: Settings) -> None:
        self.tell: Callable[[str, str, dict[str, object]], None] | None = None
        self._merchants: dict[str, list[str]] = {}
        self._by_origin: dict[str, list[str]] = {}
        self._key_sets: dict[str, str] = {}
        self._keys: dict[tuple[str, str], frozenset[str]] = {}
        self.follow(settings)

    def follow(self, settings: Settings) -> None:
        """Go on with the registrations of other settings."""
        loopback = settings.discovery.insecure_allow_loopback_profiles
        merchants: dict[str, list[str]] = {}
        by_origin: dict[str, list[str]] = {}
        for merchant in settings.merchants:
            for platform in merchant.platforms.registered:
                if platform.keys is None:
                    url = normalise(platform.profile, allow_loopback=loopback)
                    if url.url not in merchants:
                        by_origin.setdefault(url.origin, []).append(url.url)
                    merchants.setdefault(url.url, []).append(merchant.id)
        self._merchants, self._by_origin = merchants, by_origin
        self._key_sets = {owner: at for owner, at in self._key_sets.items() if owner in merchants}
        self._keys = {held: keys for held, keys in self._keys.items() if held[0] in merchants}

    def landed(self, document: Profile) -> None:
        """Compare a document that has come with the one before."""
        owners = self._owners(document.url)
        if document.jwks is not None:
            self._key_sets.update(dict.fromkeys(owners, document.jwks.url))
        elif owners:
            keys = frozenset(key.thumbprint for key in document.keys)
            for owner in owners:
                self._compare(owner, document.url, keys)

    def _owners(self, url: ProfileUrl) -> list[str]:
        """Return the registered profiles whose keys may stand at a URL."""
        if url.kind is DocumentKind.DIRECTORY:
            return self._by_origin.get(url.origin, [])
        if url.kind is DocumentKind.KEY_SET:
            return [owner for owner, at in self._key_sets.items() if at == url.url]
        return [url.location] if url.location in self._merchants else []

    def _compare(self, owner: str, url: ProfileUrl, keys: frozenset[str]) -> None:
        before = self._keys.get((owner, url.url))
        if keys == before or self.tell is None:
            return
        self._keys[owner, url.url] = keys
        details: dict[str, object] = {
            "profile": shown_profile(owner),
            "merchants": self._merchants[owner][:_MOST_MERCHANTS],
            **({"first": True} if before is None else {}),
            **key_changes(before or frozenset(), keys),
        }
        if url.kind is not DocumentKind.PROFILE:
            details["document"] = shown_profile(url.location)
        self.tell(ACTION, _BY, details)
