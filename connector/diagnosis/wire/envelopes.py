"""What was signed as a Talos envelope: the right one, or what a mistaken signer makes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from canonical import CanonicalError, Request, canonicalize
from canonical.base64 import decode_url, encode_url
from canonical.envelope import envelope

if TYPE_CHECKING:
    from collections.abc import Iterator

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SECONDS: Final = (1, -1, 2, -2, 1000, -1000)

Members = dict[str, Any]


def split_jws(text: str) -> tuple[str, bytes] | None:
    """Return the protected header as it stands and the signature; None where it is no JWS."""
    header, _, signature = text.partition("..")
    try:
        return header, decode_url(signature)
    except CanonicalError:
        return None


def inputs(header: str, old: Request, new: Request, endpoint: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield what may have been signed of the old request, and the same of the new one.

    ``endpoint`` is the path of the REST endpoint. Nothing where no envelope can be made of them:
    then no verifier gets as far as the signature.
    """
    try:
        pair = _members(old, endpoint), _members(new, endpoint)
    except CanonicalError:
        return
    variants = (_variants(*each) for each in zip(pair, (old, new), strict=True))
    for mine, others in zip(*variants, strict=True):
        payloads = canonicalize(mine), canonicalize(others)
        for write in (_encoded, _as_it_is):
            first, second = (f"{header}.".encode("latin-1") + write(each) for each in payloads)
            yield first, second


def _encoded(payload: bytes) -> bytes:
    return encode_url(payload).encode("ascii")  # RFC 7515 section 5.1


def _as_it_is(payload: bytes) -> bytes:
    return payload  # RFC 7797 section 3


def _members(request: Request, endpoint: str) -> Members:
    members: Members = json.loads(envelope(request, endpoint=endpoint))
    return members


def _variants(members: Members, request: Request) -> Iterator[Members]:
    """Yield the same mistakes in the same order, whatever the request."""
    yield members
    for method in (members["method"].lower(), *_METHODS):
        yield {**members, "method": method}
    path, _, query = request.target.partition("?")
    host = b",".join(request.headers.lines(b"host")).decode("latin-1")
    for text in (f"{request.scheme}://{host}{path}", request.target, f"{path}/", path.rstrip("/")):
        yield {**members, "path": text}
    others: dict[str, tuple[Any, ...]] = {
        "query": (query, f"?{query}", "", None),
        "body": (request.body.decode("utf-8", "replace"), "", None, {}),
    }
    for name, values in others.items():
        for value in values:
            yield {**members, name: value}
    yield {**members, "headers": {}}
    for name in ("ucp-agent", "content-type", "idempotency-key", "talos-signature-meta"):
        left = {field: text for field, text in members["headers"].items() if field != name}
        yield {**members, "headers": left}
    for seconds in _SECONDS:
        yield {**members, "meta": {**members["meta"], "iat": members["meta"]["iat"] + seconds}}
    for name in members:
        yield {field: value for field, value in members.items() if field != name}
