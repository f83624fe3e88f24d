"""Signed requests, made before a run so that signing costs the run nothing.

The signer is its own few lines over ``cryptography``, not the package under test: the gateway
must accept what somebody else signed. Every request of one method has the same length, so the
load generator reads them from a file of fixed records.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

AUTHORITY: Final = "shop.example.com"
PROFILE: Final = "https://platform.example/.well-known/ucp"
KEYID: Final = "bench-1"
COLLECTION: Final = "/ucp/v1/checkout-sessions"
BODY_LENGTH: Final = 512

GET_COMPONENTS: Final = ("@method", "@authority", "@path", "ucp-agent")
POST_COMPONENTS: Final = (
    *GET_COMPONENTS,
    "idempotency-key",
    "content-digest",
    "content-type",
)
TAMPERINGS: Final = {"GET": ("path", "signature"), "POST": ("body", "digest", "signature")}
"""What is altered after signing: ``digest`` alters the body and its Content-Digest with it."""

_ES256: Final = ec.ECDSA(SHA256())
_CONTENT_TYPE: Final = "application/json"


class Pool(NamedTuple):
    """A file of requests, one after the other, each ``length`` octets long."""

    path: Path
    length: int
    size: int
    """How many requests."""


class Platform:
    """A platform with one P-256 key, which signs requests.

    ``series`` (8 visible characters) goes into every path id and Idempotency-Key: two series
    never share a request.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the public key."""
        return self._key.public_key()

    def public_jwk(self) -> dict[str, str]:
        """Return the public key as a JWK (RFC 7518 section 6.2.1)."""
        numbers = self._key.public_key().public_numbers()
        x, y = (
            base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode("ascii")
            for number in (numbers.x, numbers.y)
        )
        return {"kty": "EC", "crv": "P-256", "kid": KEYID, "use": "sig", "x": x, "y": y}

    def public_pem(self) -> str:
        """Return the public key as PEM."""
        public = self._key.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    def get(self, series: str, number: int, created: int, tampering: str | None = None) -> bytes:
        """Return a signed GET as it goes over the wire."""
        path = f"{COLLECTION}/{series}{number:012d}"
        values = ("GET", AUTHORITY, path, _AGENT)
        fields = self._signature_fields(GET_COMPONENTS, values, created, tampering)
        if tampering == "path":
            path = f"{COLLECTION}/{series}{number + 1:012d}"
        return (
            f"GET {path} HTTP/1.1\r\nHost: {AUTHORITY}\r\nAccept: {_CONTENT_TYPE}\r\n"
            f"User-Agent: bench/1\r\nUCP-Agent: {_AGENT}\r\n{fields}\r\n"
        ).encode("ascii")

    def post(self, series: str, number: int, created: int, tampering: str | None = None) -> bytes:
        """Return a signed POST with a JSON body of 512 octets as it goes over the wire."""
        body = _body(series, number)
        key = f"{series}-{number:027d}"
        digest = _digest(body)
        values = ("POST", AUTHORITY, COLLECTION, _AGENT, key, digest, _CONTENT_TYPE)
        fields = self._signature_fields(POST_COMPONENTS, values, created, tampering)
        if tampering in {"body", "digest"}:
            body = _body(series, number + 1)
        if tampering == "digest":
            digest = _digest(body)
        return (
            f"POST {COLLECTION} HTTP/1.1\r\nHost: {AUTHORITY}\r\nAccept: {_CONTENT_TYPE}\r\n"
            f"User-Agent: bench/1\r\nUCP-Agent: {_AGENT}\r\nContent-Type: {_CONTENT_TYPE}\r\n"
            f"Content-Length: {BODY_LENGTH}\r\nContent-Digest: {digest}\r\n"
            f"Idempotency-Key: {key}\r\n{fields}\r\n"
        ).encode("ascii") + body

    def _signature_fields(
        self,
        components: tuple[str, ...],
        values: tuple[str, ...],
        created: int,
        tampering: str | None,
    ) -> str:
        # RFC 9421 sections 2.5 and 3.3.4.
        names = " ".join(f'"{component}"' for component in components)
        params = f'({names});created={created};keyid="{KEYID}"'
        lines = [f'"{name}": {value}' for name, value in zip(components, values, strict=True)]
        lines.append(f'"@signature-params": {params}')
        r, s = decode_dss_signature(self._key.sign("\n".join(lines).encode("ascii"), _ES256))
        if tampering == "signature":
            s ^= 1
        signature = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode("ascii")
        return f"Signature-Input: sig1={params}\r\nSignature: sig1=:{signature}:\r\n"


def write_pool(
    path: Path,
    platform: Platform,
    method: str,
    series: str,
    count: int,
    created: int,
    *,
    tamperings: Sequence[str | None] = (None,),
) -> Pool:
    """Sign ``count`` different requests into a file; ``tamperings`` are done to them in turn."""
    make = platform.get if method == "GET" else platform.post
    length = 0
    with path.open("wb", buffering=1 << 20) as out:
        for number in range(count):
            record = make(series, number, created, tamperings[number % len(tamperings)])
            if number and len(record) != length:
                raise AssertionError("requests of one pool differ in length")
            length = len(record)
            out.write(record)
    return Pool(path, length, count)


def _digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode('ascii')}:"


def _body(series: str, number: int) -> bytes:
    return _BODY_START + f"{series}{number:012d}".encode("ascii") + _BODY_END


def _body_frame() -> tuple[bytes, bytes]:
    """Return what stands before and after the 20 characters that differ from body to body."""
    mark = "#" * 20
    checkout: dict[str, Any] = {
        "buyer": {"first_name": "Rose", "last_name": "Thorn", "email": "rose@example.com"},
        "currency": "EUR",
        "line_items": [
            {"item": {"id": "bouquet_roses", "title": "Red Rose"}, "quantity": 2},
            {"item": {"id": mark, "title": "Ceramic Pot"}, "quantity": 1},
        ],
        "note": "",
    }
    checkout["note"] = "." * (BODY_LENGTH - len(_compact(checkout)))
    before, after = _compact(checkout).split(mark.encode("ascii"))
    return before, after


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


_AGENT: Final = f'profile="{PROFILE}"'
_BODY_START, _BODY_END = _body_frame()
