"""The merchant's public documents, answered from the connector's own copy (ucp-rules section 9).

A request for one is never passed on: it needs no signature, so it must not reach the merchant.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from connector.errors import Refusal
from connector.steps import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canonical import Request
    from connector.steps import RawHeaders

PROFILE_PATH: Final = "/.well-known/ucp"
_MAX_AGE: Final = 300
_MAX_DOCUMENT: Final = 1 << 20


class PublishedDocuments:
    """The public paths of one merchant, and what stands at each.

    ``paths`` are known from the start; a document is put in when it has been read. Until then its
    path answers 502 ``upstream_unreachable`` rather than a 404 that a platform would remember.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._documents: dict[str, tuple[bytes, RawHeaders] | None] = dict.fromkeys(paths)

    @property
    def missing(self) -> list[str]:
        """The paths that have no document yet."""
        return [path for path, document in self._documents.items() if document is None]

    def put(self, path: str, body: bytes) -> None:
        """Replace the document at a path, byte for byte; ValueError where it is no JSON object."""
        read_document(body)
        etag = hashlib.sha256(body).hexdigest()[:32]
        headers: RawHeaders = [
            (b"Content-Type", b"application/json"),
            (b"Cache-Control", b"public, max-age=%d" % _MAX_AGE),
            (b"ETag", b'"%b"' % etag.encode("ascii")),
            (b"Access-Control-Allow-Origin", b"*"),
        ]
        self._documents[path] = (body, headers)

    def answer(self, request: Request) -> Answer | None:
        """Answer a GET or HEAD without query for a public path; None for any other request."""
        target = request.target
        if target not in self._documents or request.method not in ("GET", "HEAD"):
            return None
        document = self._documents[target]
        if document is None:
            raise Refusal(
                "upstream_unreachable", "profile_unread", "the merchant's profile is not read yet"
            )
        body, headers = document
        etag = headers[2][1]
        for line in request.headers.index.get(b"if-none-match", ()):
            # RFC 9110 section 13.1.2: a weak comparison, and * matches anything.
            tags = [tag.strip().removeprefix(b"W/") for tag in line.split(b",")]
            if etag in tags or b"*" in tags:
                return Answer(304, headers, b"")
        return Answer(200, headers, body)


def read_document(body: bytes) -> dict[str, Any]:
    """Parse a profile of ours; ValueError says why it cannot be published."""
    if len(body) > _MAX_DOCUMENT:
        raise ValueError(f"{len(body)} octets are too many for a profile")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one kind of error for one cause
    for name in ("keys", "signing_keys"):
        entries = document.get(name)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and "d" in entry:
                raise ValueError("it holds a private key, which must not be published")
    return document


def foreign_endpoints(document: dict[str, Any], authorities: Iterable[str]) -> list[str]:
    """List the endpoints of a profile that do not lead through the connector.

    A platform that reads such an endpoint goes around the verification; an operator is warned.
    """
    bases = tuple(f"{scheme}://{name}" for name in authorities for scheme in ("https", "http"))
    ucp = document.get("ucp")
    waiting: list[Any] = [ucp.get("services")] if isinstance(ucp, dict) else []
    found: list[str] = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
            endpoint = node.get("endpoint")
            if isinstance(endpoint, str) and not any(
                endpoint == base or endpoint.startswith(f"{base}/") for base in bases
            ):
                found.append(endpoint)
    return found
