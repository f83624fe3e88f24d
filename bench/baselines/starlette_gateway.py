"""Verify and forward with Starlette, httpx and http-message-signatures: contender (b).

The same checks as the gateway's own main path, each done as the libraries' documentation shows
it: required coverage, ``created``, the signature, the Content-Digest over the body, the key from
a table. One shared client, uvicorn with httptools and uvloop, no access log.
"""

from __future__ import annotations

import argparse
import contextlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import uvicorn
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    MappingKeyResolver,
)
from http_message_signatures.algorithms import ECDSA_P256_SHA256
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.requests import AUTHORITY, COLLECTION, GET_COMPONENTS, KEYID, POST_COMPONENTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.datastructures import Headers
    from starlette.requests import Request

# RFC 9110 section 7.6.1, and what the client must set itself.
_HOP_BY_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)


class _Message:
    """What the library reads of a request."""

    def __init__(self, method: str, url: str, headers: Headers) -> None:
        self.method = method
        self.url = url
        self.headers = headers


def application(upstream: str, public_pem: bytes) -> Starlette:
    """Return the gateway in front of ``upstream`` (scheme and authority)."""
    verifier = HTTPMessageVerifier(
        signature_algorithm=ECDSA_P256_SHA256,
        key_resolver=MappingKeyResolver(public_keys={KEYID: public_pem}, private_keys={}),
    )
    # As many kept connections as requests in flight: the default of 20 would reconnect all along.
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    client = httpx.AsyncClient(limits=limits, timeout=30.0, trust_env=False)

    async def forward(request: Request) -> Response:
        if request.headers.get("host") != AUTHORITY:
            return JSONResponse({"code": "unknown_authority"}, 421)
        body = await request.body()
        target = request.scope["raw_path"].decode("ascii")
        message = _Message(request.method, f"https://{AUTHORITY}{target}", request.headers)
        required = POST_COMPONENTS if body else GET_COMPONENTS
        try:
            verifier.verify(
                message, max_age=timedelta(days=1), require_components=required, body=body
            )
        except HTTPMessageSignaturesException:
            return JSONResponse({"code": "signature_invalid"}, 401)
        headers = [line for line in request.headers.raw if line[0] not in _HOP_BY_HOP]
        headers.append((b"ucp-verified", b"true"))
        answer = await client.request(
            request.method, upstream + target, headers=headers, content=body
        )
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name not in {"connection", "transfer-encoding", "content-length"}
        }
        return Response(answer.content, answer.status_code, kept)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    return Starlette(
        routes=[
            Route(COLLECTION, forward, methods=["POST"]),
            Route(COLLECTION + "/{id}", forward, methods=["GET"]),
        ],
        lifespan=lifespan,
    )


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--public-key", type=Path, required=True)
    arguments = parser.parse_args()
    uvicorn.run(
        application(arguments.upstream, arguments.public_key.read_bytes()),
        host="127.0.0.1",
        port=arguments.port,
        http="httptools",
        loop="uvloop",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
