"""Keys of registered platforms that come and go in their published profiles: told to the audit log.

Pinned keys change with the configuration alone, and are told of with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.egress.urls import normalise
from connector.server.registry_changes import key_changes, shown_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.platforms.documents import Profile
    from connector.settings.schema import Settings

ACTION: Final = "platform_keys_changed"
_BY: Final = "the platform's profile"
_MOST_MERCHANTS: Final = 16
"""Merchants that are named in one record, which has at most 8 KiB."""


class PlatformKeys:
    """The keys of each registered platform that has none pinned, as its profile had them last.

    ``tell`` is called where they are others than before, and for the first profile of a process:
    so what changed while none ran can be read off two records.
    """

    def __init__(self, settings: Settings) -> None:
        self.tell: Callable[[str, str, dict[str, object]], None] | None = None
        self._merchants: dict[str, list[str]] = {}
        self._keys: dict[str, frozenset[str]] = {}
        self.follow(settings)

    def follow(self, settings: Settings) -> None:
        """Go on with the registrations of other settings."""
        loopback = settings.discovery.insecure_allow_loopback_profiles
        merchants: dict[str, list[str]] = {}
        for merchant in settings.merchants:
            for platform in merchant.platforms.registered:
                if platform.keys is None:
                    url = normalise(platform.profile, allow_loopback=loopback).url
                    merchants.setdefault(url, []).append(merchant.id)
        self._merchants = merchants
        self._keys = {url: keys for url, keys in self._keys.items() if url in merchants}

    def landed(self, profile: Profile) -> None:
        """Compare a profile that has come with the one before."""
        url = profile.url.url
        merchants = self._merchants.get(url)
        if merchants is None or self.tell is None:
            return
        before = self._keys.get(url)
        keys = frozenset(key.thumbprint for key in profile.keys)
        if keys == before:
            return
        self._keys[url] = keys
        details: dict[str, object] = {
            "profile": shown_profile(url),
            "merchants": merchants[:_MOST_MERCHANTS],
            **({"first": True} if before is None else {}),
            **key_changes(before or frozenset(), keys),
        }
        self.tell(ACTION, _BY, details)
