"""A sample platform: it publishes a profile with its key and signs every request that it sends.

``python -m connector.demo.platform PORT FILE`` serves the profile in FILE on loopback.
"""

from __future__ import annotations

import http.client
import json
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from canonical import Request, content_digest, load_key, sign
from canonical.base64 import encode_url

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest

PROFILE_PATH: Final = "/.well-known/ucp"
_HOUR: Final = 3600


class Sent(NamedTuple):
    """What came back for one request."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def audit_id(self) -> str:
        """The gateway's own id of this exchange; empty where it did not answer."""
        return next((value for name, value in self.headers if name == "Audit-ID"), "")

    @property
    def code(self) -> str:
        """The error code of a refusal; empty for an answer of the merchant."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return ""
        return str(document.get("code", "")) if isinstance(document, dict) else ""


def new_private_jwk(kid: str) -> dict[str, str]:
    """Make a P-256 key as a private JWK."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    public = numbers.public_numbers
    return {
        "kty": "EC",
        "crv": "P-256",
        "kid": kid,
        "x": encode_url(public.x.to_bytes(32)),
        "y": encode_url(public.y.to_bytes(32)),
        "d": encode_url(numbers.private_value.to_bytes(32)),
    }


class Platform:
    """Signs with ES256 as ucp-rules section 3 asks."""

    def __init__(self, profile_url: str, private_jwk: dict[str, str]) -> None:
        self.profile_url = profile_url
        self._key = load_key(private_jwk)
        self._kid = private_jwk["kid"]

    def profile(self) -> dict[str, Any]:
        """Return the profile document that the platform publishes."""
        return {"ucp": {"version": "2026-08-25"}, "keys": [self._key.public_jwk()]}

    def signed_headers(
        self,
        method: str,
        authority: str,
        target: str,
        body: bytes,
        now: int,
        key: str | None = None,
    ) -> dict[str, str]:
        """Return the headers of a signed request for a plain-HTTP ``authority``.

        A write has a new Idempotency-Key unless ``key`` is that of an earlier one.
        """
        headers = {"Host": authority, "UCP-Agent": f'profile="{self.profile_url}"'}
        components = ["@method", "@authority", "@path", "ucp-agent"]
        if method != "GET":
            headers["Idempotency-Key"] = key or str(uuid.uuid4())
            components.append("idempotency-key")
        if body:
            headers["Content-Type"] = "application/json"
            headers["Content-Digest"] = content_digest(body)
            components += ["content-digest", "content-type"]
        message = Request(
            method=method, target=target, scheme="http", headers=list(headers.items()), body=body
        )
        headers["Signature-Input"], headers["Signature"] = sign(
            message, self._key, components, created=now, expires=now + _HOUR, keyid=self._kid
        )
        return headers


def send(
    address: tuple[str, int], method: str, target: str, headers: dict[str, str], body: bytes
) -> Sent:
    """Send one request exactly as given."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    try:
        connection.request(method, target, body=body or None, headers=headers)
        answer = connection.getresponse()
        return Sent(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def profile_application(profile: bytes) -> Starlette:
    """Serve one profile document."""

    def published(_: HttpRequest) -> Response:
        return Response(
            profile, media_type="application/json", headers={"Cache-Control": "max-age=300"}
        )

    return Starlette(routes=[Route(PROFILE_PATH, published)])


if __name__ == "__main__":
    uvicorn.run(
        profile_application(Path(sys.argv[2]).read_bytes()),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
    )
