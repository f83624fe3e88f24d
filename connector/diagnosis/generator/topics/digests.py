"""Content-Digest: read as a dictionary, compared as octets."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256, sha512
from typing import Final

from canonical import content_digest
from connector.diagnosis.generator.recipes import (
    BODY,
    DIGEST,
    GET,
    GET_COVERS,
    POST,
    Case,
    Recipe,
    Topic,
    change,
    put,
)

_RULE: Final = "signatures.md#headers"
_RFC: Final = "RFC 9530 section 2"
_NAME: Final = DIGEST[0]
_SHA256: Final = DIGEST[1]
_SHA512: Final = f"sha-512=:{b64encode(sha512(BODY).digest()).decode('ascii')}:"
_WRONG_SHA512: Final = f"sha-512=:{b64encode(sha512(BODY + b'x').digest()).decode('ascii')}:"
_HEX: Final = f"sha-256=:{b64encode(sha256(BODY).hexdigest().encode()).decode('ascii')}:"
_LEGACY: Final = f"SHA-256={b64encode(sha256(BODY).digest()).decode('ascii')}"
_SEVERAL: Final = "RFC 9530 section 2, several digests"
_FIELD: Final = "RFC 9651 section 4.2.2, Content-Digest"
_BYTES: Final = "RFC 9651 section 4.2.7, Content-Digest"
_OCTETS: Final = "RFC 9530 section 2, octets of the content"
_WRONG_SHA256: Final = content_digest(BODY + b"x")
_MD5: Final = "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:"
_PRETTY: Final = b'{"line_items": [{"item": {"id": "item_123"}, "quantity": 2}]}'
_SPACED: Final = POST._replace(body=_PRETTY).replaced(_NAME, content_digest(_PRETTY))
_LINE: Final = BODY + b"\n"
_EMPTY: Final = GET.replaced(_NAME, content_digest(b"")).covering(*GET_COVERS, "content-digest")


def _with(*values: str) -> Recipe:
    return POST.replaced(_NAME, *values)


def _refused(id_: str, description: str, recipe: Recipe, reason: str = "digest_mismatch") -> Case:
    return Case(f"digest-{id_}", description, _RFC, recipe, "digest_mismatch", reason)


def _of(id_: str, description: str, rule: str, value: str, reason: str = "digest_mismatch") -> Case:
    return _refused(id_, description, _with(value), reason)._replace(rule=rule)


def _changed(id_: str, description: str, body: bytes) -> Case:
    case = _refused(id_, description, POST)
    return case._replace(rule=_OCTETS, edits=(change(body=body),))


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
        Case(
            "digest-sha-512-first",
            "sha-512 stands before sha-256, and both are right.",
            _SEVERAL,
            _with(f"{_SHA512}, {_SHA256}"),
        ),
        Case(
            "digest-weak-beside",
            "An algorithm that is too weak to be looked at, and wrong, beside a right sha-256.",
            _SEVERAL,
            _with(f"{_MD5}, {_SHA256}"),
        ),
        _of("unknown-only", "An algorithm that nobody knows, alone.", _SEVERAL, "sha-3-999=:AAAA:"),
        _of("weak-only", "An algorithm that is too weak, alone.", _SEVERAL, _MD5),
        _of(
            "wrong-beside-right",
            "sha-512 is right and sha-256 is not.",
            _SEVERAL,
            f"{_WRONG_SHA256}, {_SHA512}",
        ),
        _of(
            "name-without-hyphen",
            "sha256: an algorithm that nobody knows.",
            _SEVERAL,
            _SHA256.replace("sha-256", "sha256"),
        ),
        Case(
            "digest-tight-comma",
            "No space behind the comma.",
            _FIELD,
            _with(f"{_SHA512},{_SHA256}"),
        ),
        _of("upper-case", "The algorithm in capitals.", _FIELD, _SHA256.replace("sha", "SHA")),
        _of("comma-at-end", "A comma at the end.", _FIELD, f"{_SHA256},"),
        _of("twice", "The same digest twice.", _FIELD, f"{_SHA256}, {_SHA256}"),
        _of(
            "wrong-then-right",
            "Two of sha-256, of which the last is right.",
            _FIELD,
            f"{_WRONG_SHA256}, {_SHA256}",
        ),
        _of("spaces-at-equals", "Spaces around =.", _FIELD, _SHA256.replace("=:", " = :", 1)),
        _of(
            "semicolon",
            "A semicolon between two.",
            _FIELD,
            f"{_SHA512};{_SHA256}",
            "digest_sha256_missing",
        ),
        _of("empty", "An empty header.", _FIELD, ""),
        _of(
            "unpadded",
            "base64 without its padding.",
            _BYTES,
            _SHA256.replace("=:", ":").replace("sha-256:", "sha-256=:"),
        ),
        _of("bare", "base64 without colons.", _BYTES, _SHA256.replace(":", "")),
        Case(
            "digest-alphabet",
            "A digest with a slash: the same JSON in other octets has another digest.",
            _BYTES,
            _SPACED,
        ),
        _refused(
            "base64url",
            "A digest in base64url.",
            _SPACED.replaced(_NAME, content_digest(_PRETTY).replace("/", "_")),
        )._replace(rule=_BYTES),
        _of(
            "in-list", "The digest in an inner list.", _BYTES, _SHA256.replace("=:", "=(:", 1) + ")"
        ),
        Case(
            "digest-line-feed",
            "A body that ends with a line feed.",
            _OCTETS,
            POST._replace(body=_LINE).replaced(_NAME, content_digest(_LINE)),
        ),
        Case("digest-of-nothing", "The digest of no octets, without a body.", _OCTETS, _EMPTY),
        Case(
            "digest-of-nothing-wrong",
            "The digest of something, without a body.",
            _OCTETS,
            _EMPTY.replaced(_NAME, DIGEST[1]),
            "digest_mismatch",
            "digest_mismatch",
        ),
        _changed("line-feed-added", "A line feed was added after signing.", _LINE),
        _changed("white-space-added", "The same JSON in other octets.", _PRETTY),
        _changed("space-before", "A space was put before the body.", b" " + BODY),
        _changed("body-removed", "The body was removed after signing.", b""),
    ),
)
