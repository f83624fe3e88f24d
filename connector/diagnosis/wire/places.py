"""Where things of a case are found on loopback: its merchant, and the documents that it names.

Everything follows from the file alone, so that the configuration of a gateway can be made before
the run. Each case has loopback addresses of its own: no cache and no budget of a gateway ever sees
two cases as one.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.diagnosis.vectors import Case, Document, VectorFile, WireRequest

PROFILES_PORT: Final = 18765
"""Where the profile server listens, unless it is told otherwise."""

_HOST: Final = re.compile(r"shop\.example\.com", re.IGNORECASE)
_SPECIAL_USE: Final = "https://10.0.0.1"  # RFC 1918: refused without a connection


class Place(NamedTuple):
    """One document: the URL by which the gateway is to ask for it, and who answers there."""

    url: str
    address: str
    document: Document


class Surroundings:
    """What a case has around it on loopback.

    ``places`` are the documents by the file's URL; ``settings`` the merchant's, as the gateway is
    to have them; ``label`` stands before the authority of a merchant that is not the usual one.
    """

    def __init__(self, file: VectorFile, case: Case, port: int) -> None:
        pinned = _pinned(case.settings)
        self.places: Mapping[str, Place] = {
            url: _place(case, url, document, port)
            for url, document in file.documents.items()
            if url not in pinned
        }
        self._urls = [(_spellings(url), place.url) for url, place in self.places.items()]
        moved = json.loads(self.with_documents(json.dumps(case.settings, sort_keys=True)))
        digest = sha256(json.dumps(moved, sort_keys=True).encode()).hexdigest()[:10]
        self.label = f"m{digest}." if moved else ""
        self.settings: Mapping[str, Any] = json.loads(self.with_authority(json.dumps(moved)))

    def named_in(self, request: WireRequest) -> list[Place]:
        """Return the places that a moved request leads to."""
        text = b"\n".join(value for _, value in request.headers).decode("latin-1")
        return [place for place in self.places.values() if place.url in text]

    def with_documents(self, text: str) -> str:
        """Put the loopback URLs in the place of the file's."""
        for spellings, url in self._urls:
            text = spellings.sub(url.replace("\\", r"\\"), text)
        return text

    def with_authority(self, text: str) -> str:
        """Put the label before the merchant's authority, as it is spelled."""
        return _HOST.sub(lambda match: f"{self.label}{match[0]}", text)


def _pinned(settings: Mapping[str, Any]) -> set[str]:
    """Profiles that are never asked for, because their keys stand in the settings."""
    platforms = settings.get("platforms", {}).get("registered", ())
    return {each["profile"] for each in platforms if each.get("keys")}


def _place(case: Case, url: str, document: Document, port: int) -> Place:
    octets = sha256(f"{case.id}\n{url}".encode()).digest()
    # RFC 1122 section 3.2.1.3: all of 127/8 is this machine.
    address = f"127.{octets[0] % 254 + 1}.{octets[1]}.{octets[2] % 254 + 1}"
    path = urlsplit(url).path
    if document.error == "special_use":
        return Place(f"{_SPECIAL_USE}{path}", "", document)
    if document.error == "tls":
        return Place(f"https://{address}:{port}{path}", address, document)
    # Nobody listens there at all.
    listening = document.error != "connection"
    return Place(f"http://{address}:{port}{path}", address if listening else "", document)


def _spellings(url: str) -> re.Pattern[str]:
    """Find a URL in every spelling that is normalised to it, before a quotation mark."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return re.compile(
        f"(?i:{re.escape(scheme)}://{re.escape(host)}(?::443)?){re.escape(slash + path)}"
        r'(?=\\?"|$)'
    )
