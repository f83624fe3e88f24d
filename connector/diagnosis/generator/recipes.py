"""How a case is written down, and how it becomes a signed request.

A recipe says what is signed; edits say what happens to the request afterwards. A negative takes
the recipe of a positive and changes one thing in it, or adds one edit.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from canonical import Request, Response, content_digest, signature_base
from canonical.base64 import encode_url
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


class Detached(NamedTuple):
    """A detached JSON Web Signature. ``header`` is its protected header, JSON text as signed."""

    header: str
    key: str
    payload: Callable[[Recipe], bytes] = lambda recipe: recipe.body
    place: Callable[[Recipe, str], Recipe] = lambda recipe, jws: recipe.replaced(
        "Request-Signature", jws
    )
    encoded: bool = False
    """Whether the payload's base64url text is signed, not its octets (RFC 7797)."""
    encoding: str = "raw"
    scheme: str = "detached-jws"


class Recipe(NamedTuple):
    """A message before it is signed, and its signatures; with a status it is a response."""

    method: str
    target: str
    headers: tuple[Line, ...]
    body: bytes
    signatures: tuple[Signing, ...]
    detached: Detached | None = None
    status: int = 0
    answers: Recipe | None = None
    """The request that a response answers."""

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
    """A message as it goes over the wire, and what was signed in the recipe's order."""

    method: str
    target: str
    headers: tuple[Line, ...]
    body: bytes
    bases: tuple[bytes, ...]
    status: int = 0
    answers: Sent | None = None


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
    kind: str = "request"
    differs_from: str = ""
    """Of a negative: the positive. Where it is empty, the nearest one of the topic is taken."""
    document: str = ""
    """The URL whose document is the one thing that is wrong, where UCP-Agent does not name it."""


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
    answers = None if recipe.answers is None else send(recipe.answers)
    bases: tuple[bytes, ...] = ()
    if recipe.detached is not None:
        recipe, bases = _with_detached(recipe, recipe.detached)
    inputs, values = [], []
    for signing in recipe.signatures:
        base = signature_base(_message(recipe, answers), signing.member)
        value = b64encode(_signature(signing, base)).decode("ascii")
        inputs.append(f"{signing.label}={signing.member}")
        values.append(f"{signing.label}=:{value}:")
        bases = (*bases, base)
    headers = recipe.headers
    if inputs:
        headers += (("Signature-Input", ", ".join(inputs)), ("Signature", ", ".join(values)))
    sent = Sent(recipe.method, recipe.target, headers, recipe.body, bases, recipe.status, answers)
    for edit in edits:
        sent = edit(sent)
    return sent


def _message(recipe: Recipe, answers: Sent | None) -> Request | Response:
    headers = list(recipe.headers)
    if recipe.status:
        request = None if answers is None else _request(answers)
        return Response(status=recipe.status, headers=headers, body=recipe.body, request=request)
    return _request(recipe)


def _request(message: Recipe | Sent) -> Request:
    return Request(
        method=message.method,
        target=message.target,
        scheme="https",
        headers=list(message.headers),
        body=message.body,
    )


def _with_detached(recipe: Recipe, detached: Detached) -> tuple[Recipe, tuple[bytes, ...]]:
    header = encode_url(detached.header.encode())
    payload = detached.payload(recipe)
    if detached.encoded:
        payload = encode_url(payload).encode("ascii")
    base = f"{header}.".encode("ascii") + payload
    jws = f"{header}..{encode_url(_signature(detached, base))}"
    return detached.place(recipe, jws), (base,)


def _signature(signing: Signing | Detached, base: bytes) -> bytes:
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
    """Replace method, target, body or status afterwards."""
    return lambda sent: sent._replace(**parts)


def in_request(edit: Edit) -> Edit:
    """Edit the request that a response answers, after the response was signed."""

    def edited(sent: Sent) -> Sent:
        if sent.answers is None:
            raise ValueError("a request answers nothing")
        return sent._replace(answers=edit(sent.answers))

    return edited


def detached_keyid(detached: Detached) -> str:
    """Return the kid in the protected header."""
    kid: str = json.loads(detached.header)["kid"]
    return kid


def _replaced(headers: tuple[Line, ...], name: str, values: tuple[str, ...]) -> tuple[Line, ...]:
    """Put the new lines where the first old one stood, or at the end."""
    names = [field for field, _ in headers]
    at = names.index(name) if name in names else len(headers)
    new = tuple((name, value) for value in values)
    kept = [line for line in headers[at:] if line[0] != name]
    return (*headers[:at], *new, *kept)
