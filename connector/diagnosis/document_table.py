"""Documents from a table in place of the network: what a fetch of each URL comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.egress.fetch import FetchedDocument
from connector.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.diagnosis.vectors import Document
    from connector.egress.urls import ProfileUrl

# How the guarded fetch reports each of them (connector/egress/fetch.py).
_ERRORS: Final = {
    "timeout": ("profile_unreachable", "timeout", "no answer in time"),
    "connection": ("profile_unreachable", "connection", "the connection was refused"),
    "tls": ("profile_unreachable", "connection", "the certificate was not accepted"),
    "unresolvable": ("invalid_profile_url", "unresolvable", "the name has no address"),
    "special_use": ("invalid_profile_url", "special_use", "the name leads to an inner address"),
}


class DocumentTable:
    """Fetches from a table by normalised URL; a URL that is not in it has no address."""

    def __init__(self, documents: Mapping[str, Document]) -> None:
        self._documents = documents

    async def __call__(self, url: ProfileUrl) -> FetchedDocument:
        """Return the document as fetched with status 200; raises Refusal for any other."""
        document = self._documents.get(url.location)
        if document is None:
            raise Refusal(*_ERRORS["unresolvable"])
        if document.error is not None:
            raise Refusal(*_ERRORS[document.error])
        if document.body is None or document.status != 200:
            raise Refusal(
                "profile_unreachable", "status", f"the answer's status is {document.status}"
            )
        return FetchedDocument(document.body, "", "")


class OneDocument:
    """Answers every URL with one document; without one, with a refusal that says so."""

    def __init__(self, body: bytes | None) -> None:
        self._body = body

    async def __call__(self, url: ProfileUrl) -> FetchedDocument:
        """Return the document; raises Refusal where none was given."""
        if self._body is None:
            raise Refusal("profile_unreachable", "not_given", f"{url.location} was not given here")
        return FetchedDocument(self._body, "", "")

    def seen(self) -> bytes | None:
        """Return the document, asked for or not."""
        return self._body
