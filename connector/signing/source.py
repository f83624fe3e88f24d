"""Where the merchant's public documents are read from, and how their copy is kept fresh."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from connector.signing.publishing import foreign_endpoints, read_document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from connector.signing.publishing import PublishedDocuments

_FIRST_RETRY: Final = 0.5
_REFRESH: Final = 60.0
_logger = logging.getLogger(__name__)


class DocumentUnread(Exception):  # noqa: N818 - it says what is the matter
    """A document could not be read; the text says why, for the operator."""


async def keep_published(
    published: PublishedDocuments,
    path: str,
    read: Callable[[], Awaitable[bytes]],
    authorities: Iterable[str],
    heard: Callable[[dict[str, Any]], Awaitable[None]] | None = None,
) -> None:
    """Read one document now and every minute; an unreadable one leaves the old copy in place.

    Runs until it is cancelled. Until the first success it tries again with growing pauses, and
    only a change of what is wrong is logged. ``heard`` is told what every good reading says.
    """
    pause, last_complaint, warned = _FIRST_RETRY, "", False
    while True:
        try:
            body = await read()
            published.put(path, body)
        except (DocumentUnread, ValueError) as error:
            pause = min(pause * 2, _REFRESH)
            if str(error) != last_complaint:
                last_complaint = str(error)
                _logger.warning("public document %s: %s", path, error)
        else:
            pause, last_complaint = _REFRESH, ""
            if heard is not None:
                await heard(read_document(body))
            if not warned:
                warned = True
                for endpoint in foreign_endpoints(read_document(body), authorities):
                    _logger.warning(
                        "public document %s names the endpoint %s, which leads around the"
                        " connector: platforms that use it are not verified",
                        path,
                        endpoint,
                    )
        await asyncio.sleep(pause)
