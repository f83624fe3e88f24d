"""The merchant's public documents, answered from the connector's own copy (ucp-rules section 9).

A request for one is never passed on: it needs no signature, so it must not reach the merchant.
Where the connector signs, its keys stand in every profile; else a document goes out as it was read.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from connector.errors import Refusal
from connector.signing.directory import DIRECTORY_PATH
from connector.signing.documents import is_current, rendered, unchanged
from connector.signing.merging import merge_keys
from connector.steps import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canonical import Request
    from connector.signing.current import CurrentKeys
    from connector.signing.directory import KeyDirectory
    from connector.signing.documents import Rendered
    from connector.signing.key_ring import Phase

PROFILE_PATH: Final = "/.well-known/ucp"
_MAX_DOCUMENT: Final = 1 << 20
_MEDIA_TYPE: Final = b"application/json"
# RFC 7518 sections 6.2.2, 6.3.2 and 6.4: the members of a JWK that are secret.
_SECRET_HALVES: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_logger: Final = logging.getLogger(__name__)


class PublishedDocuments:
    """The public paths of one merchant, and what stands at each.

    ``paths`` are known from the start; a document is put in when it has been read. ``keys`` are
    merged into each of them and stand in the ``directory``; without keys nothing is merged.
    """

    def __init__(
        self,
        paths: Iterable[str],
        keys: CurrentKeys | None = None,
        directory: KeyDirectory | None = None,
    ) -> None:
        self._documents = {path: _ProfileDocument(path, keys) for path in paths}
        self._at: dict[str, _ProfileDocument | KeyDirectory] = {**self._documents}
        if directory is not None:
            self._at[DIRECTORY_PATH] = directory

    @property
    def missing(self) -> list[str]:
        """The paths that have no document yet."""
        return [path for path, document in self._documents.items() if not document.is_read]

    def put(self, path: str, body: bytes) -> None:
        """Replace the document at a path; ValueError where it is none that can be published."""
        self._documents[path].put(body)

    def answer(self, request: Request) -> Answer | None:
        """Answer a GET or HEAD without query for a public path; None for any other request."""
        found = self._at.get(request.target)
        if found is None or request.method not in ("GET", "HEAD"):
            return None
        return found.answer(request)


class _ProfileDocument:
    """One document: as it was read, and as it is sent.

    It is rendered once for each change of the document or of the keys.
    """

    def __init__(self, path: str, keys: CurrentKeys | None) -> None:
        self._path = path
        self._keys = keys
        self._phase: Phase | None = None
        self._source: dict[str, Any] = {}
        self._rendered: Rendered | None = None
        self._complaints: tuple[str, ...] = ()

    @property
    def is_read(self) -> bool:
        return self._rendered is not None

    def put(self, body: bytes) -> None:
        source = read_document(body)
        if self._keys is None:
            self._rendered = rendered(body, _MEDIA_TYPE)
        else:
            self._render(source, self._keys.phase(self._keys.clock()))

    def answer(self, request: Request) -> Answer:
        if self._rendered is None:
            # A 404 is what a platform would remember.
            raise Refusal(
                "upstream_unreachable", "profile_unread", "the merchant's profile is not read yet"
            )
        if self._keys is not None:
            phase = self._keys.phase(self._keys.clock())
            if phase is not self._phase:
                self._render(self._source, phase)
        document = self._rendered
        if is_current(document, request):
            return unchanged(document)
        return Answer(200, document.headers, document.body)

    def _render(self, source: dict[str, Any], phase: Phase) -> None:
        merged = merge_keys(source, phase)
        # ASCII, so that every text has its octets; NaN and its like are no JSON (a ValueError).
        body = json.dumps(merged.document, separators=(",", ":"), allow_nan=False).encode("ascii")
        self._source, self._phase = source, phase
        if self._rendered is None or body != self._rendered.body:
            self._rendered = rendered(body, _MEDIA_TYPE)
        if merged.complaints != self._complaints:
            self._complaints = merged.complaints
            for complaint in merged.complaints:
                _logger.error("public document %s: %s", self._path, complaint)


def read_document(body: bytes) -> dict[str, Any]:
    """Parse a profile of ours; ValueError says why it cannot be published."""
    if len(body) > _MAX_DOCUMENT:
        raise ValueError(f"{len(body)} octets are too many for a profile")
    try:
        document = json.loads(body, object_pairs_hook=_public)
    except _HoldsSecret:
        raise ValueError("it holds a private key, which must not be published") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one kind of error for one cause
    return document


class _HoldsSecret(Exception):  # noqa: N818 - it says what is the matter
    """A document with a key's secret half, or with a symmetric key."""


def _public(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object that may be published, wherever it stands, and whatever hides it.

    A name may occur twice: what goes out as it was read has both.
    """
    found = dict(members)
    if "kty" in found and not _SECRET_HALVES.isdisjoint(found):
        raise _HoldsSecret
    return found


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
