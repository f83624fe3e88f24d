"""Content-Digest: read as a dictionary, compared as octets."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256, sha512
from typing import Final

from connector.diagnosis.generator.recipes import BODY, DIGEST, POST, Case, Recipe, Topic, put

_RULE: Final = "signatures.md#headers"
_RFC: Final = "RFC 9530 section 2"
_NAME: Final = DIGEST[0]
_SHA256: Final = DIGEST[1]
_SHA512: Final = f"sha-512=:{b64encode(sha512(BODY).digest()).decode('ascii')}:"
_WRONG_SHA512: Final = f"sha-512=:{b64encode(sha512(BODY + b'x').digest()).decode('ascii')}:"
_HEX: Final = f"sha-256=:{b64encode(sha256(BODY).hexdigest().encode()).decode('ascii')}:"
_LEGACY: Final = f"SHA-256={b64encode(sha256(BODY).digest()).decode('ascii')}"


def _with(*values: str) -> Recipe:
    return POST.replaced(_NAME, *values)


def _refused(id_: str, description: str, recipe: Recipe, reason: str = "digest_mismatch") -> Case:
    return Case(f"digest-{id_}", description, _RFC, recipe, "digest_mismatch", reason)


TOPIC: Final = Topic(
    "Content-Digest: which digests bind a body. All of these are signed as they stand",
    (
        Case("digest-sha-256", "sha-256 of the octets of the body.", _RULE, POST),
        Case(
            "digest-two",
            "sha-256 and sha-512, and both are right.",
            _RFC,
            _with(f"{_SHA256}, {_SHA512}"),
        ),
        Case(
            "digest-unknown-beside",
            "An algorithm that nobody knows, beside a sha-256 that is right.",
            _RFC,
            _with(f"sha-3-999=:AAAA:, {_SHA256}"),
        ),
        Case(
            "digest-with-parameter",
            "A parameter on the member changes nothing.",
            "RFC 9651 section 3.2",
            _with(f"{_SHA256};q=1"),
        ),
        _refused("wrong", "sha-256 of something else.", _with("sha-256=:" + "A" * 43 + "=:")),
        _refused(
            "one-of-two-wrong",
            "sha-256 is right and sha-512 is not.",
            _with(f"{_SHA256}, {_WRONG_SHA512}"),
        ),
        _refused(
            "sha-512-only",
            "sha-512 is right, and sha-256 is missing.",
            _with(_SHA512),
            "digest_sha256_missing",
        ),
        _refused("hex", "The digest is hexadecimal text in base64.", _with(_HEX)),
        _refused("legacy-form", "The form of the older Digest header.", _with(_LEGACY)),
        _refused("truncated", "The digest is cut short.", _with("sha-256=:AAAAAAAAAAA=:")),
        _refused("string", "The digest is a string, not a byte sequence.", _with('sha-256="x"')),
        Case(
            "digest-missing",
            "A body without Content-Digest: it cannot be covered.",
            _RULE,
            POST.replaced(_NAME).without("content-digest"),
            "signature_invalid",
            "coverage_insufficient",
        ),
        Case(
            "digest-removed",
            "Content-Digest was removed after signing.",
            _RULE,
            POST,
            "digest_mismatch",
            "digest_missing",
            (put(_NAME),),
        ),
    ),
)
