"""How a public document is answered: with the headers that caches need, and not sent twice."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from connector.signing.key_ring import MAX_AGE
from connector.steps import Answer

if TYPE_CHECKING:
    from canonical import Request
    from connector.steps import RawHeaders


class Rendered(NamedTuple):
    """A document as it is sent."""

    body: bytes
    headers: RawHeaders
    etag: bytes


def rendered(body: bytes, media_type: bytes) -> Rendered:
    """Give a document its headers (ucp-rules section 9)."""
    etag = b'"%b"' % hashlib.sha256(body).hexdigest()[:32].encode("ascii")
    headers: RawHeaders = [
        (b"Content-Type", media_type),
        (b"Cache-Control", b"public, max-age=%d" % MAX_AGE),
        (b"ETag", etag),
        (b"Access-Control-Allow-Origin", b"*"),
    ]
    return Rendered(body, headers, etag)


def is_current(document: Rendered, request: Request) -> bool:
    """Tell whether the client has this very document (RFC 9110 section 13.1.2)."""
    for line in request.headers.index.get(b"if-none-match", ()):
        # A weak comparison, and * matches anything.
        tags = [tag.strip().removeprefix(b"W/") for tag in line.split(b",")]
        if document.etag in tags or b"*" in tags:
            return True
    return False


def unchanged(document: Rendered) -> Answer:
    """Return the answer to a client that has the document."""
    return Answer(304, document.headers, b"")
