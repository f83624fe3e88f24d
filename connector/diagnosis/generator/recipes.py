"""How a case is written down, and how it becomes a signed request.

A recipe says what is signed; edits say what happens to the request afterwards. A negative takes
the recipe of a positive and changes one thing in it, or adds one edit.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from canonical import Request, content_digest, signature_base
from connector.diagnosis.generator import keys
from connector.diagnosis.generator.documents import PLATFORM

NOW: Final = 1767225600
"""2026-01-01T00:00:00Z: the time of every case that does not say otherwise."""

Line = tuple[str, str]

BODY: Final = b'{"line_items":[{"item":{"id":"item_123"},"quantity":2}]}'
HOST: Final = ("Host", "shop.example.com")
AGENT: Final = ("UCP-Agent", f'profile="{PLATFORM}"')
KEY: Final = ("Idempotency-Key", "550e8400-e29b-41d4-a716-446655440000")
TYPE: Final = ("Content-Type", "application/json")
DIGEST: Final = ("Content-Digest", content_digest(BODY))

TARGET: Final = ("@method", "@authority", "@path")
GET_COVERS: Final = (*TARGET, "ucp-agent")
POST_COVERS: Final = (*TARGET, "ucp-agent", "idempotency-key", "content-digest", "content-type")


class Signing(NamedTuple):
    """One signature. ``parameters`` is the text behind the component list, as it is sent."""

    components: tuple[str, ...]
    key: str = "platform-2026"
    parameters: str = f';created={NOW};keyid="platform-2026"'
    label: str = "sig1"
    encoding: str = "raw"
    """``raw``, ``der`` (as many libraries hand it out), or ``truncated`` by an octet."""

    @property
    def member(self) -> str:
        """The dictionary member of Signature-Input."""
        quoted = (item if item.startswith('"') else f'"{item}"' for item in self.components)
        return f"({' '.join(quoted)}){self.parameters}"


class Recipe(NamedTuple):
    """A request before it is signed, and its signatures."""

    method: str
    target: str
    headers: tuple[Line, ...]
    body: bytes
    signatures: tuple[Signing, ...]

    def replaced(self, name: str, *values: str) -> Recipe:
        """Return the recipe with the lines of a header replaced; without values, removed."""
        return self._replace(headers=_replaced(self.headers, name, values))

    def signed(self, **changes: Any) -> Recipe:
        """Return the recipe with its first signature changed."""
        first = self.signatures[0]._replace(**changes)
        return self._replace(signatures=(first, *self.signatures[1:]))

    def covering(self, *components: str) -> Recipe:
        """Return the recipe with these components covered."""
        return self.signed(components=components)

    def without(self, component: str) -> Recipe:
        """Return the recipe with one covered component less."""
        left = (item for item in self.signatures[0].components if item != component)
        return self.covering(*left)


POST: Final = Recipe(
    "POST", "/checkout-sessions", (HOST, AGENT, KEY, TYPE, DIGEST), BODY, (Signing(POST_COVERS),)
)
GET: Final = Recipe("GET", "/checkout-sessions/chk_123", (HOST, AGENT), b"", (Signing(GET_COVERS),))


class Sent(NamedTuple):
    """A request as it goes over the wire, and the signature bases in the recipe's order."""

    method: str
    target: str
    headers: tuple[Line, ...]
    body: bytes
    bases: tuple[bytes, ...]


Edit = Callable[[Sent], Sent]


class Case(NamedTuple):
    """One case; without a code the request must be accepted."""

    id: str
    description: str
    rule: str
    recipe: Recipe
    code: str = ""
    reason: str = ""
    edits: tuple[Edit, ...] = ()
    identity: str = PLATFORM
    settings: Mapping[str, Any] = {}
    accepted: int = 0
    """Which of the recipe's signatures is the one that vouches."""


class Topic(NamedTuple):
    """The cases of one file."""

    title: str
    cases: tuple[Case, ...]


def registered(key: str = "", *, discovery: str = "open", **terms: Any) -> dict[str, Any]:
    """Return settings that register ``PLATFORM`` on these terms; ``key`` names one to pin."""
    registration = {"profile": PLATFORM, **terms}
    if key:
        registration |= {"keys": [keys.public_jwk(key)], "version": "2026-08-25"}
    return {"platforms": {"discovery": discovery, "registered": [registration]}}


def send(recipe: Recipe, edits: tuple[Edit, ...] = ()) -> Sent:
    """Sign the recipe with the fixed keys and apply the edits in order."""
    message = Request(
        method=recipe.method,
        target=recipe.target,
        scheme="https",
        headers=list(recipe.headers),
        body=recipe.body,
    )
    inputs, values, bases = [], [], []
    for signing in recipe.signatures:
        base = signature_base(message, signing.member)
        value = b64encode(_signature(signing, base)).decode("ascii")
        inputs.append(f"{signing.label}={signing.member}")
        values.append(f"{signing.label}=:{value}:")
        bases.append(base)
    headers = recipe.headers
    if inputs:
        headers += (("Signature-Input", ", ".join(inputs)), ("Signature", ", ".join(values)))
    sent = Sent(recipe.method, recipe.target, headers, recipe.body, tuple(bases))
    for edit in edits:
        sent = edit(sent)
    return sent


def _signature(signing: Signing, base: bytes) -> bytes:
    if signing.encoding == "der":
        return keys.sign_der(signing.key, base)
    raw = keys.sign(signing.key, base)
    return raw[:-1] if signing.encoding == "truncated" else raw


def put(name: str, *values: str) -> Edit:
    """Replace the lines of a header afterwards; without values, remove them."""
    return lambda sent: sent._replace(headers=_replaced(sent.headers, name, values))


def append(name: str, value: str) -> Edit:
    """Add a header line afterwards."""
    return lambda sent: sent._replace(headers=(*sent.headers, (name, value)))


def rewrite(name: str, old: str, new: str) -> Edit:
    """Replace a part of a header's value afterwards; the part must occur."""

    def edit(sent: Sent) -> Sent:
        (value,) = (value for field, value in sent.headers if field == name)
        if old not in value:
            raise ValueError(f"{name} does not contain {old!r}")
        return put(name, value.replace(old, new))(sent)

    return edit


def change(**parts: Any) -> Edit:
    """Replace method, target or body afterwards."""
    return lambda sent: sent._replace(**parts)


def _replaced(headers: tuple[Line, ...], name: str, values: tuple[str, ...]) -> tuple[Line, ...]:
    """Put the new lines where the first old one stood, or at the end."""
    names = [field for field, _ in headers]
    at = names.index(name) if name in names else len(headers)
    new = tuple((name, value) for value in values)
    kept = [line for line in headers[at:] if line[0] != name]
    return (*headers[:at], *new, *kept)
