"""Keeps every merchant's public documents at hand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from connector.signing.publishing import PROFILE_PATH
from connector.signing.reading import from_file, from_merchant
from connector.signing.source import DocumentUnread, keep_published
from connector.upstream.errors import UpstreamError
from connector.validation.capabilities import declared_capabilities

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from connector.gateway import Lane
    from connector.settings.merchants import Merchant
    from connector.settings.schema import Settings
    from connector.upstream.client import UpstreamAnswer


async def keep_all_published(settings: Settings, lanes: Mapping[str, Lane]) -> None:
    """Read the public documents of all merchants again and again, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for merchant in settings.merchants:
            lane = lanes[merchant.id]
            for path, source in _sources(merchant).items():
                read = _reader(merchant, lane, path, source)
                heard = _declaring(lane, path)
                group.create_task(
                    keep_published(lane.published, path, read, merchant.authorities, heard)
                )


def _sources(merchant: Merchant) -> dict[str, Path | str]:
    profile = merchant.profile
    first = profile.file if profile.source == "file" and profile.file else "upstream"
    return {PROFILE_PATH: first, **profile.leaves}


def _declaring(lane: Lane, path: str) -> Callable[[dict[str, Any]], Awaitable[None]] | None:
    """Return what takes a document's capabilities to where they say which members are known."""
    validation = lane.validation
    if validation is None:
        return None
    return lambda document: validation.declare(path, declared_capabilities(document))


def _reader(
    merchant: Merchant, lane: Lane, path: str, source: Path | str
) -> Callable[[], Awaitable[bytes]]:
    if not isinstance(source, str):
        return from_file(source)

    async def send(method: bytes, head: bytes) -> UpstreamAnswer:
        try:
            return await lane.upstream.send(method, head, b"", retry_read=True)
        except UpstreamError as error:
            raise DocumentUnread(error.explanation) from error

    authority = merchant.authorities[0]
    if not merchant.upstream.preserve_host:
        authority = lane.upstream.authority.decode("ascii")
    return from_merchant(send, path, authority)
