"""Where ``explain`` takes the platform's profile from, and what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector.egress.fetch import Fetch, FetchedDocument
    from connector.egress.urls import ProfileUrl


class RememberedFetch:
    """Fetches through ``fetch`` and remembers what came; ``instead`` replaces every URL."""

    def __init__(self, fetch: Fetch, instead: ProfileUrl | None = None) -> None:
        self._fetch = fetch
        self._instead = instead
        self._seen: bytes | None = None
        self.asked = ""
        """The URL that the request names."""

    async def __call__(self, url: ProfileUrl) -> FetchedDocument:
        """Return the document; raises Refusal as ``fetch`` does."""
        self.asked = url.location
        document = await self._fetch(self._instead or url)
        self._seen = document.body
        return document

    def seen(self) -> bytes | None:
        """Return the document that came last, None where none did."""
        return self._seen
