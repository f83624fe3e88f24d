"""The documents that Signature-Agent names: each read as what it is said to be, and nothing else.

    jwks_uri   a JWK set, which a UCP profile with ``keys`` is, too
    cimd       a Client ID Metadata Document, which says where its JWK set is
    directory  a JWK set at a well-known path, of which each key has signed that it is there

UCP's version is read from the document that has the keys, and from no other (ucp-rules section
3.3). None of them needs one to be read; without it nobody is served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from connector.egress.urls import DocumentKind, normalise
from connector.errors import Refusal
from connector.es256 import load_key_set
from connector.platforms.documents import (
    Profile,
    checked_version,
    kept_entries,
    made,
    malformed,
    parse_object,
    read_profile,
)
from connector.platforms.key_directory import check_media_type, proven_kids

if TYPE_CHECKING:
    from connector.egress.fetch import FetchedDocument
    from connector.egress.urls import ProfileUrl

# RFC 9421 section 6.2: what the drafts have in ``alg`` where RFC 7518 has names of its own.
_HTTP_ALGORITHMS: Final = {
    "ecdsa-p256-sha256": "ES256",
    "ecdsa-p384-sha384": "ES384",
    "ed25519": "EdDSA",
}


def read_document(
    url: ProfileUrl,
    document: FetchedDocument,
    *,
    fetched_at: float,
    received_at: float,
    nested_keys: bool = False,
    allow_loopback: bool = False,
) -> Profile:
    """Read a document as the kind that ``url`` asks for; raises ``profile_malformed``.

    ``nested_keys`` is that of ``read_profile``, ``allow_loopback`` that of ``normalise``.
    """
    if url.kind is DocumentKind.PROFILE:
        return read_profile(
            url,
            document,
            fetched_at=fetched_at,
            received_at=received_at,
            nested_keys=nested_keys,
        )
    if url.kind is DocumentKind.DIRECTORY:
        check_media_type(document.headers)
    parsed = parse_object(document.body)
    if url.kind is DocumentKind.METADATA:
        jwks = _jwks_uri(url, parsed, allow_loopback=allow_loopback)
        return made(
            url, document, "", [], fetched_at=fetched_at, received_at=received_at, jwks=jwks
        )
    if "keys" not in parsed:
        raise malformed("keys_missing", "the JWK set has no keys")
    kept = kept_entries(parsed["keys"])
    until = None
    if url.kind is DocumentKind.DIRECTORY:
        kept = [_with_jose_name(entry) for entry in kept]
        proven = proven_kids(url, document, load_key_set(kept), received_at)
        kept = [entry for entry in kept if entry.get("kid") in proven]
        until = min(proven.values())
    return made(
        url,
        document,
        _version(parsed),
        kept,
        fetched_at=fetched_at,
        received_at=received_at,
        until=until,
    )


def _version(parsed: dict[str, Any]) -> str:
    ucp = parsed.get("ucp")
    version = ucp.get("version") if isinstance(ucp, dict) else None
    return checked_version(version) if isinstance(version, str) else ""


def _jwks_uri(url: ProfileUrl, parsed: dict[str, Any], *, allow_loopback: bool) -> ProfileUrl:
    """Return where the keys of a client are.

    The document must name itself as the client: one that stands at the URL for another purpose,
    or was copied there, says nothing of whoever owns the URL.
    """
    client, jwks = parsed.get("client_id"), parsed.get("jwks_uri")
    if not isinstance(client, str) or not isinstance(jwks, str):
        raise malformed("metadata_incomplete", "the client's metadata lack client_id or jwks_uri")
    try:
        if normalise(client, allow_loopback=allow_loopback).url != url.location:
            raise malformed("metadata_of_another", "client_id is not the URL of the document")
        return normalise(jwks, allow_loopback=allow_loopback).of_kind(DocumentKind.KEY_SET)
    except Refusal as refusal:
        if refusal.code.name == "profile_malformed":
            raise
        raise malformed("metadata_url", f"in the client's metadata: {refusal.explanation}") from (
            refusal
        )


def _with_jose_name(entry: dict[str, Any]) -> dict[str, Any]:
    """Write a key's algorithm as it is written everywhere else."""
    name = _HTTP_ALGORITHMS.get(str(entry.get("alg")))
    return entry if name is None else {**entry, "alg": name}
