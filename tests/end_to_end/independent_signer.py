"""A platform that signs with another implementation, the PyPI package http-message-signatures."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import uuid
from types import SimpleNamespace
from typing import Any, Final

import http_message_signatures as other
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures.structures import CaseInsensitiveDict

from tests.end_to_end.merchant import AUTHORITY

PROFILE: Final = "https://{}.example/.well-known/ucp"
COMPONENTS: Final = ["@method", "@authority", "@path", "ucp-agent"]


def _b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Signer:
    """A platform made of the other package, cryptography and the standard library."""

    def __init__(self, name: str, private: Any, algorithm: Any) -> None:
        self.profile = PROFILE.format(name)
        self.kid = f"{name}-key"
        self._private = private
        resolver = other.MappingKeyResolver(
            public_keys={self.kid: private.public_key()}, private_keys={self.kid: private}
        )
        self._signer = other.HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=resolver)

    def registration(self) -> dict[str, Any]:
        public = self._private.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
            jwk = {"kty": "OKP", "crv": "Ed25519", "x": _b64(raw)}
        else:
            numbers, size = public.public_numbers(), (public.key_size + 7) // 8
            jwk = {
                "kty": "EC",
                "crv": f"P-{public.key_size}",
                "x": _b64(numbers.x.to_bytes(size)),
                "y": _b64(numbers.y.to_bytes(size)),
            }
        return {
            "profile": self.profile,
            "keys": [{**jwk, "kid": self.kid}],
            "version": "2026-08-25",
        }

    def fields(
        self, method: str, target: str, body: bytes = b"", key: str | None = None, **options: Any
    ) -> dict[str, str]:
        """Return the header fields that a signed request has; ``options`` are the package's."""
        headers = {"UCP-Agent": f'profile="{self.profile}"'}
        components = [*COMPONENTS, *(["@query"] if "?" in target else [])]
        if key is not None:
            headers["Idempotency-Key"] = key
            components.append("idempotency-key")
        if body:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            headers |= {"Content-Type": "application/json", "Content-Digest": f"sha-256=:{digest}:"}
            components += ["content-digest", "content-type"]
        fields: Any = CaseInsensitiveDict(headers)  # type: ignore[no-untyped-call]  # untyped there
        message = SimpleNamespace(method=method, url=f"https://{AUTHORITY}{target}", headers=fields)
        self._signer.sign(
            message,
            key_id=self.kid,
            created=dt.datetime.now(tz=dt.UTC),
            covered_component_ids=components,
            use_existing_digest=bool(body),
            **options,
        )
        return dict(message.headers.items())

    def wire(self, method: str, target: str, body: bytes = b"", **options: Any) -> bytes:
        """Return a signed request as octets; writes carry a fresh key."""
        key = None if method == "GET" else str(uuid.uuid4())
        lines = {"Host": AUTHORITY, **self.fields(method, target, body, key, **options)}
        if body:
            lines["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body
