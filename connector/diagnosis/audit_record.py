"""A ``received`` record of the audit log: its signature is verified again without the request.

The log keeps no body, and hashes or seals what else could tell of a person, so that no request can
be rebuilt from a record. It holds what ECDSA needs: the public key, the signature, and the hash of
the signature base. These members are read, all others are ignored:

- ``public_key`` (a JWK), ``thumbprint``, ``keyid``;
- ``signature``: the raw octets in base64;
- ``base_sha256`` or ``base_sha384``: the hash of the signature base in base64, by the key's curve;
- ``audit_id``, to name the record;
- ``signature_base``: the base as text, where somebody who may has opened the sealed one.
"""

from __future__ import annotations

from hashlib import sha256, sha384
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from canonical import CanonicalError, load_key
from canonical.base64 import decode
from canonical.ecdsa import ecdsa_verifies
from connector.diagnosis.masking import base_lines
from connector.diagnosis.raw_request import RawRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from canonical import Key

_HASHES: Final[dict[str, tuple[str, Callable[[bytes], Any], hashes.HashAlgorithm]]] = {
    "ES256": ("base_sha256", sha256, hashes.SHA256()),
    "ES384": ("base_sha384", sha384, hashes.SHA384()),
}
_TEXTS: Final = ("thumbprint", "keyid", "signature")


class RecordCheck(NamedTuple):
    """One check of a record; ``explanation`` is empty where it went well."""

    step: str
    explanation: str


class RecordExplanation(NamedTuple):
    """What a record proves."""

    audit_id: str
    keyid: str
    thumbprint: str
    checks: tuple[RecordCheck, ...]
    base: tuple[str, ...]
    """The opened base, secrets masked; empty where the record has none."""

    @property
    def good(self) -> bool:
        """Whether every check went well."""
        return not any(check.explanation for check in self.checks)


def looks_like_record(document: dict[str, Any]) -> bool:
    """Whether a JSON object is an audit record of a verified request."""
    return "public_key" in document and "signature" in document


def explain_record(document: dict[str, Any], their_base: bytes | None = None) -> RecordExplanation:
    """Verify the recorded signature over the recorded hash; raises RawRequestError.

    ``their_base`` is the signer's own base: it is held against the hash.
    """
    for name in _TEXTS:
        if not isinstance(document.get(name), str):
            raise RawRequestError(f"{name} of the audit record is missing or not a string")
    try:
        key = load_key(document["public_key"])
        signature = decode(document["signature"])
    except CanonicalError as error:
        raise RawRequestError(f"the audit record's key or signature: {error}") from error
    base = document.get("signature_base")
    opened = base.encode("utf-8", "surrogateescape") if isinstance(base, str) else None
    checks = [_thumbprint(document, key)]
    if key.algorithm in _HASHES:
        checks += _over_hash(document, key, signature, opened, their_base)
    else:
        checks += _over_base(key, signature, opened, their_base)
    shown = base_lines(opened) if opened is not None and opened.isascii() else ()
    return RecordExplanation(
        str(document.get("audit_id", "")),
        document["keyid"],
        document["thumbprint"],
        tuple(checks),
        shown,
    )


def _thumbprint(document: dict[str, Any], key: Key) -> RecordCheck:
    same = document["thumbprint"] == key.thumbprint
    return RecordCheck("thumbprint", "" if same else f"the key's thumbprint is {key.thumbprint}")


def _over_hash(
    document: dict[str, Any],
    key: Key,
    signature: bytes,
    opened: bytes | None,
    theirs: bytes | None,
) -> list[RecordCheck]:
    """ECDSA is verified from the hash alone (RFC 9421 section 3.3.4)."""
    member, hashed, algorithm = _HASHES[key.algorithm]
    try:
        digest = decode(document.get(member, ""))
    except (CanonicalError, TypeError, AttributeError):
        digest = b""
    if len(digest) != algorithm.digest_size:
        raise RawRequestError(f"{member} of the audit record is not the base64 of a hash")
    verifies = ecdsa_verifies(key, signature, digest, Prehashed(algorithm))
    checks = [
        RecordCheck(
            "signature over the recorded hash",
            "" if verifies else "it does not verify with the recorded key",
        )
    ]
    for step, base in (("opened base", opened), ("signer's base", theirs)):
        if base is not None:
            same = digest in (hashed(base).digest(), hashed(base.removesuffix(b"\n")).digest())
            fault = "" if same else "its hash is not the recorded one: another request was signed"
            checks.append(RecordCheck(f"{step} against the recorded hash", fault))
    return checks


def _over_base(
    key: Key, signature: bytes, opened: bytes | None, theirs: bytes | None
) -> list[RecordCheck]:
    """Ed25519 signs the base itself (RFC 8032 section 5.1.6): without it nothing can be said."""
    if opened is None and theirs is None:
        raise RawRequestError(
            "an Ed25519 signature needs signature_base in the record, or --their-base"
        )
    checks = []
    for step, base in (("opened base", opened), ("signer's base", theirs)):
        if base is None:
            continue
        fault = "it does not verify over this base"
        for text in (base, base.removesuffix(b"\n")):
            try:
                key.verify(signature, text)
            except CanonicalError:
                continue
            fault = ""
        checks.append(RecordCheck(f"signature over the {step}", fault))
    return checks
