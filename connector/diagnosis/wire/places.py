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

    from connector.diagnosis.vectors import Case, Document, Repair, VectorFile, WireRequest

PROFILES_PORT: Final = 18765
"""Where the profile server listens, unless it is told otherwise."""

_AUTHORITY: Final = re.compile(r"shop\.example\.com", re.IGNORECASE)
# A URL, or what a careless reader would take for one: no scheme, a user, backslashes for slashes.
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z]+:)?(?P<slashes>//|\\{2,4})(?P<user>[^\s/@\"]*@)?"
    r"(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>[0-9]+))?(?P<rest>[^\s\"'<>#]*)"
)
_ORIGINS: Final[Mapping[str | None, str]] = {
    "special_use": "https://10.0.0.1",  # RFC 1918: refused without a connection
    "tls": "https://{address}:{port}",
}


class Place(NamedTuple):
    """One document: the URL by which the gateway is to ask for it, and who answers there."""

    origin: str
    target: str
    """Path and query: what stands on the request line of whoever asks for it."""
    document: Document
    behind: bytes
    """The good document in whose place this faulty one is; empty where the file has none."""

    @property
    def url(self) -> str:
        """The whole URL."""
        return self.origin + self.target

    @property
    def address(self) -> str:
        """The address of this machine that the URL leads to."""
        return urlsplit(self.origin).hostname or ""


class Surroundings:
    """What a case has around it on loopback.

    ``places`` are the documents by the file's URL; ``settings`` the merchant's, as the gateway is
    to have them; ``label`` stands before the authority of a merchant that is not the usual one;
    ``endpoint`` is the path before the operations.
    """

    def __init__(self, file: VectorFile, case: Case, port: int) -> None:
        pinned = _pinned(case.settings)
        self.places: Mapping[str, Place] = {
            url: _place(case, url, document, port)
            for url, document in file.documents.items()
            # A name without an address has no place.
            if url not in pinned and document.error != "unresolvable"
        }
        self._hosts: dict[str, Place] = {}
        for url, place in self.places.items():
            self._hosts.setdefault(urlsplit(url).hostname or "", place)
        moved = json.loads(self.with_documents(json.dumps(case.settings, sort_keys=True)))
        # Documents name others, and themselves.
        self.places = {url: self._moved(place) for url, place in self.places.items()}
        digest = sha256(json.dumps(moved, sort_keys=True).encode()).hexdigest()[:10]
        self.label = f"m{digest}." if moved else ""
        self.settings: Mapping[str, Any] = json.loads(self.with_authority(json.dumps(moved)))
        rest = self.settings.get("endpoints", {}).get("rest", "/")
        self.endpoint = rest.rstrip("/") if rest.startswith("/") else ""

    def _moved(self, place: Place) -> Place:
        if "jwks_uri" not in _text(place):
            return place
        text = self.with_documents(_text(place))
        return place._replace(document=place.document._replace(body=text.encode("ascii")))

    def named_in(self, request: WireRequest) -> list[Place]:
        """Return the places at whose addresses a moved request has something looked for.

        What is found there may name another one.
        """
        text = b"\n".join(value for _, value in request.headers).decode("latin-1")
        named = self._at(text)
        led = [place for each in named for place in self._at(_text(each)) if place not in named]
        return [*named, *led]

    def _at(self, text: str) -> list[Place]:
        return [place for place in self.places.values() if f"//{place.address}:" in text]

    def with_documents(self, text: str) -> str:
        """Put loopback URLs in the place of the file's, and its hosts wherever they stand."""
        return _URL.sub(self._on_loopback, text)

    def with_authority(self, text: str) -> str:
        """Put the label before the merchant's authority, as it is spelled."""
        return _AUTHORITY.sub(lambda match: f"{self.label}{match[0]}", text)

    def _on_loopback(self, match: re.Match[str]) -> str:
        scheme, port, rest = match["scheme"] or "", match["port"], match["rest"]
        host = match["host"].lower()
        # Plain HTTP is a fault that would be none on loopback.
        if scheme.lower() == "http:" or host not in self._hosts:
            return match[0]
        place = self.places.get(f"https://{host}{rest}", self._hosts[host])
        own, _, authority = place.origin.partition("//")
        if port not in (None, "443"):
            authority = f"{place.address}:{port}"
        if scheme.lower() == "https:":
            scheme = own.upper() if scheme.isupper() else own
        return "".join((scheme, match["slashes"], match["user"] or "", authority, rest))


def _text(place: Place) -> str:
    """Return what the document says; of a fault nothing."""
    return (place.document.body or b"").decode("ascii")


def _pinned(settings: Mapping[str, Any]) -> set[str]:
    """Profiles that are never asked for, because their keys stand in the settings."""
    platforms = settings.get("platforms", {}).get("registered", ())
    return {each["profile"] for each in platforms if each.get("keys")}


def _place(case: Case, url: str, document: Document, port: int) -> Place:
    octets = sha256(f"{case.id}\n{url}".encode()).digest()
    # RFC 1122 section 3.2.1.3: all of 127/8 is this machine.
    address = f"127.{octets[0] % 254 + 1}.{octets[1]}.{octets[2] % 254 + 1}"
    origin = _ORIGINS.get(document.error, "http://{address}:{port}").format(
        address=address, port=port
    )
    target = url.partition("://")[2].partition("/")
    return Place(origin, "".join(target[1:]), document, _behind(case.repair, url))


def _behind(repair: Repair | None, url: str) -> bytes:
    """Return the document that a repair puts there."""
    # RFC 6901 section 3.
    if repair is None or repair.path != f"/documents/{url.replace('~', '~0').replace('/', '~1')}":
        return b""
    value = repair.value
    if not isinstance(value, dict) or "json" not in value:
        return b""
    return json.dumps(value["json"]).encode("ascii")
