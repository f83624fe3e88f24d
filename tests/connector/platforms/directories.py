"""A key directory as a platform serves it: signed by its keys, or nearly so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from canonical import Request, Response, content_digest, load_key, sign
from connector.egress.fetch import FetchedDocument
from connector.platforms.key_directory import DIRECTORY_PATH, MEDIA_TYPE, TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canonical import Key

NOW: Final = 1_767_225_600
ORIGIN: Final = "https://agent.example"
COVERS: Final = ('"@authority";req', "content-digest")


def private(**jwk: str) -> Key:
    return load_key(jwk)


ES256: Final = private(
    kty="EC",
    crv="P-256",
    x="f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    y="x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    d="jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
)
ED25519: Final = private(
    kty="OKP",
    crv="Ed25519",
    d="nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    x="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
)


def entry(key: Key, **members: Any) -> dict[str, Any]:
    return {**key.public_jwk(), "kid": key.thumbprint, **members}


def key_set(*entries: dict[str, Any], version: str | None = "2026-08-25") -> bytes:
    ucp = {} if version is None else {"ucp": {"version": version}}
    return json.dumps({**ucp, "keys": list(entries)}).encode()


def directory(
    body: bytes,
    *keys: Key,
    authority: str = "agent.example",
    covers: Sequence[str] = COVERS,
    media: bytes | None = MEDIA_TYPE,
    digest: bytes | None = None,
    **parameters: Any,
) -> FetchedDocument:
    """Serve ``body`` as a directory that these keys have signed for ``authority``."""
    shown = content_digest(body).encode() if digest is None else digest
    request = Request(method="GET", target=DIRECTORY_PATH, headers=[("Host", authority)])
    message = Response(status=200, headers=[(b"Content-Digest", shown)], request=request)
    chosen = {"created": NOW, "expires": NOW + 300, "tag": TAG, **parameters}
    pairs = []
    for number, key in enumerate(keys):
        own = {"keyid": key.thumbprint, **chosen}
        kept = {name: value for name, value in own.items() if value is not None}
        pairs.append(sign(message, key, covers, label=f"sig{number}", **kept))
    lines = [(b"Content-Digest", shown)] if shown else []
    if media is not None:
        lines.append((b"Content-Type", media))
    if pairs:
        lines.append((b"Signature-Input", ", ".join(given for given, _ in pairs).encode()))
        lines.append((b"Signature", ", ".join(value for _, value in pairs).encode()))
    return FetchedDocument(body, "", "", lines)
