"""How a platform checks what comes back: with the keys in the merchant's profile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from canonical import (
    CanonicalError,
    Response,
    check_content_digest,
    load_key_set,
    parse_signatures,
    verify,
)

if TYPE_CHECKING:
    from canonical import KeySet
    from connector.demo.platform import Sent


def business_keys(profile: bytes) -> KeySet:
    """Return the keys in a merchant's profile."""
    return load_key_set(json.loads(profile).get("keys", []))


def answer_signer(sent: Sent, keys: KeySet) -> str:
    """Return the kid of the key that signed an answer; empty where it is not signed.

    CanonicalError where it is, but does not verify, or leaves out what it must cover.
    """
    response = Response(status=sent.status, headers=sent.headers, body=sent.body)
    signatures = parse_signatures(response)
    if not signatures:
        return ""
    signature = signatures[0]
    covered = {name for name, _ in signature.components}
    needed = {"@status", *(("content-digest", "content-type") if sent.body else ())}
    if not covered >= needed:
        raise CanonicalError("the answer's signature does not cover all of it")
    kid = str(signature.parameters.get("keyid"))
    verify(response, signature, keys.get(kid))
    if sent.body:
        check_content_digest(response.headers.lines(b"content-digest"), sent.body)
    return kid
