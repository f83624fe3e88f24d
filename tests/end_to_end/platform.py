"""A platform: drafts requests octet by octet, signs them, and may publish a profile."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from canonical import Request, content_digest, load_key, sign
from canonical.base64 import encode_url
from tests.end_to_end.merchant import AUTHORITY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.end_to_end.client import Line

VERSION: Final = "2026-08-25"
ORDERS: Final = "/ucp/v1/orders"
CHECKOUTS: Final = "/ucp/v1/checkout-sessions"
PINNED_PROFILE: Final = "https://platform.example/.well-known/ucp"


@dataclass
class Draft:
    """A request before it is octets; what is changed after signing is an attack."""

    method: str
    target: str
    lines: list[Line] = field(default_factory=list)
    body: bytes = b""
    version: str = "HTTP/1.1"
    chunks: list[int] | None = None
    """Sizes of the chunks that the body is sent in; None where a length frames it."""

    def values(self, name: str) -> list[bytes]:
        wanted = name.lower().encode()
        return [value for each, value in self.lines if each.lower() == wanted]

    def add(self, name: str, value: str | bytes) -> Draft:
        self.lines.append((name.encode(), value if isinstance(value, bytes) else value.encode()))
        return self

    def drop(self, *names: str) -> Draft:
        unwanted = {name.lower().encode() for name in names}
        self.lines = [line for line in self.lines if line[0].lower() not in unwanted]
        return self

    def put(self, name: str, value: str | bytes) -> Draft:
        """Replace the header's lines by one, at the end."""
        return self.drop(name).add(name, value)

    def head(self) -> bytes:
        first = f"{self.method} {self.target} {self.version}\r\n".encode("latin-1")
        return first + b"".join(b"%b: %b\r\n" % line for line in self.lines) + b"\r\n"

    def wire(self) -> bytes:
        if self.chunks is None:
            return self.head() + self.body
        return self.head() + chunked(self.body, self.chunks)


def chunked(body: bytes, sizes: Iterable[int]) -> bytes:
    """Cut a body into chunks of these sizes; the last one takes what is left."""
    parts, rest = [], body
    for size in (*sizes, len(body)):
        if not rest:
            break
        piece, rest = rest[:size], rest[size:]
        parts.append(b"%x\r\n%b\r\n" % (len(piece), piece))
    return b"".join(parts) + b"0\r\n\r\n"


def new_key(kid: str, curve: ec.EllipticCurve | None = None) -> dict[str, str]:
    """Make a private JWK, of P-256 unless another curve is given."""
    chosen = curve or ec.SECP256R1()
    numbers = ec.generate_private_key(chosen).private_numbers()
    size = (chosen.key_size + 7) // 8
    public = numbers.public_numbers
    return {
        "kty": "EC",
        "crv": f"P-{chosen.key_size}",
        "kid": kid,
        "x": encode_url(public.x.to_bytes(size)),
        "y": encode_url(public.y.to_bytes(size)),
        "d": encode_url(numbers.private_value.to_bytes(size)),
    }


def public_half(jwk: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in jwk.items() if name != "d"}


def covered(draft: Draft) -> list[str]:
    """Name what a signature must cover (ucp-rules section 3.6)."""
    names = ["@method", "@authority", "@path"]
    if "?" in draft.target:
        names.append("@query")
    if draft.body:
        names += ["content-digest", "content-type"]
    names += [name for name in ("ucp-agent", "idempotency-key") if draft.values(name)]
    return names


class Platform:
    """Signs as it is told, which need not be right."""

    def __init__(self, profile_url: str = PINNED_PROFILE, kid: str = "platform-2026") -> None:
        self.profile_url = profile_url
        self.jwk = new_key(kid)

    @property
    def public_jwk(self) -> dict[str, str]:
        return public_half(self.jwk)

    def registration(self, **changes: Any) -> dict[str, Any]:
        """Return this platform with its key pinned, as the configuration names it."""
        pinned = {"profile": self.profile_url, "keys": [self.public_jwk], "version": VERSION}
        return {**pinned, **changes}

    def profile(self, **changes: Any) -> bytes:
        """Return the document that it publishes."""
        document = {"ucp": {"version": VERSION}, "keys": [self.public_jwk], **changes}
        return json.dumps(document).encode()

    def draft(self, method: str = "GET", target: str = f"{ORDERS}/1", body: bytes = b"") -> Draft:
        """Draft a request that lacks nothing but the signature; writes carry a fresh key."""
        draft = Draft(method, target, body=body)
        draft.add("Host", AUTHORITY).add("UCP-Agent", f'profile="{self.profile_url}"')
        if method not in ("GET", "HEAD", "OPTIONS"):
            draft.add("Idempotency-Key", str(uuid.uuid4()))
        if body:
            draft.add("Content-Type", "application/json")
            draft.add("Content-Digest", content_digest(body))
            draft.add("Content-Length", str(len(body)))
        return draft

    def sign(
        self,
        draft: Draft,
        components: list[str] | None = None,
        *,
        label: str = "sig1",
        **parameters: Any,
    ) -> Draft:
        """Add the signature's two lines; a parameter that is None is left out."""
        given, value = self.signature(draft, components, label=label, **parameters)
        return draft.add("Signature-Input", given).add("Signature", value)

    def signature(
        self,
        draft: Draft,
        components: list[str] | None = None,
        *,
        label: str = "sig1",
        **parameters: Any,
    ) -> tuple[str, str]:
        message = Request(
            method=draft.method, target=draft.target, headers=draft.lines, body=draft.body
        )
        chosen = {"created": int(time.time()), "keyid": self.jwk["kid"], **parameters}
        kept = {name: value for name, value in chosen.items() if value is not None}
        chosen_components = covered(draft) if components is None else components
        return sign(message, load_key(self.jwk), chosen_components, label=label, **kept)

    def signed(self, method: str = "GET", target: str = f"{ORDERS}/1", body: bytes = b"") -> Draft:
        return self.sign(self.draft(method, target, body))
