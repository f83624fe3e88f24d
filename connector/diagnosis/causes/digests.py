"""Why Content-Digest does not match the body (RFC 9530)."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from base64 import b64encode
from hashlib import md5, sha1, sha256, sha512
from typing import TYPE_CHECKING, Any, Final

from canonical import CanonicalError, canonicalize
from canonical.base64 import decode, decode_url
from connector.diagnosis.causes.cause import LIKELY, PROVEN, Finding, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.diagnosis.causes.evidence import Evidence

CAUSES: Final = table(
    (
        "body-reserialised",
        "The digest is that of the same JSON written otherwise: the body was serialised anew.",
        "Serialise once, and hash, sign and send those very octets.",
        "RFC 9530 section 2",
    ),
    (
        "body-line-end",
        "The digest is that of the body with another line end, or white space around it.",
        "Hash the octets that are sent; look for an editor, shell or template at work.",
        "RFC 9530 section 2",
    ),
    (
        "body-charset",
        "The digest is that of the body's text in another encoding.",
        "Encode the body as UTF-8 without byte order mark before hashing it.",
        "RFC 9530 section 2",
    ),
    (
        "digest-of-nothing",
        "The digest is that of an empty body: it was taken before the body was there.",
        "Take the digest of the finished body.",
        "RFC 9530 section 2",
    ),
    (
        "digest-of-unencoded-content",
        "The body arrived compressed, and the digest is that of the plain content, or the reverse.",
        "Send the body uncompressed; Content-Digest is over the content as it is sent.",
        "RFC 9530 section 2",
    ),
    (
        "digest-of-text",
        "The digest is that of the body's base64 or hexadecimal text.",
        "Hash the octets of the body.",
        "RFC 9530 section 2",
    ),
    (
        "digest-hex",
        "The digest is written in hexadecimal, or is base64 of the hexadecimal text.",
        "Write base64 of the 32 raw octets between colons.",
        "RFC 9530 section 2",
    ),
    (
        "digest-base64url",
        "The digest is written in base64url, or without padding.",
        "Write plain base64 with + and / and =.",
        "RFC 9651 section 3.3.5",
    ),
    (
        "digest-without-colons",
        "The digest does not stand between colons, as in the older Digest header.",
        "Write sha-256=:base64:",
        "RFC 9530 section 2",
    ),
    (
        "digest-algorithm-name",
        "The algorithm's name is not sha-256 in lower case with its hyphen.",
        "Write sha-256=:base64:",
        "RFC 9530 section 5",
    ),
    (
        "digest-algorithm-other",
        "The digest is of another algorithm; UCP asks for sha-256.",
        "Send sha-256, alone or beside the other one.",
        "UCP signatures, Headers",
    ),
    (
        "digest-legacy-header",
        "The digest is in the obsolete Digest header.",
        "Send it as Content-Digest: sha-256=:base64:",
        "RFC 9530 section 1.3",
    ),
    (
        "digest-of-representation",
        "The digest is in Repr-Digest, which does not vouch for the content that is sent.",
        "Send the digest as Content-Digest.",
        "RFC 9530 section 3",
    ),
    (
        "digest-missing",
        "There is a body, and no Content-Digest.",
        "Send Content-Digest, and cover it.",
        "UCP signatures, Headers",
    ),
    (
        "digest-beside-wrong",
        "sha-256 matches, and another digest beside it does not.",
        "Send the sha-256 digest alone.",
        "RFC 9530 section 2",
    ),
    (
        "body-changed",
        "The body is not the one that was hashed, and is no other writing of it that is known.",
        "Compare the octets that were hashed with those that were sent.",
        "RFC 9530 section 2",
    ),
)

_NAMED: Final = re.compile(r"(sha-?256)\s*=\s*(:?)([A-Za-z0-9+/_=-]+)(:?)", re.IGNORECASE)
_OTHER: Final = re.compile(r"(sha-?512|sha-?384|sha-?1|sha|md5|crc32c?|adler)\s*=", re.IGNORECASE)
_MAX_BODY: Final = 1 << 20
_MAX_INFLATED: Final = 1 << 22


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Say why the digest does not vouch for the body."""
    if not evidence.has("digest_mismatch"):
        return
    value = evidence.value("content-digest")
    if not value:
        yield from _absent(evidence)
        return
    match = _NAMED.search(value)
    if match is None:
        cause = "digest-algorithm-other" if _OTHER.search(value) else "digest-without-colons"
        yield Finding(cause, LIKELY)
        return
    name, opens, text, closes = match.groups()
    if name != "sha-256":
        yield Finding("digest-algorithm-name", _sure(_octets(text)[1], evidence), name)
    if not (opens and closes):
        yield Finding("digest-without-colons", _sure(_octets(text)[1], evidence))
    cause, wanted = _octets(text)
    if cause:
        yield Finding(cause, _sure(wanted, evidence))
    if wanted == sha256(evidence.request.body).digest():
        if name == "sha-256" and not cause and opens and closes:
            yield Finding("digest-beside-wrong", PROVEN)
        return
    yield from _written_otherwise(evidence.request.body, wanted)


def _sure(wanted: bytes, evidence: Evidence) -> str:
    return PROVEN if wanted == sha256(evidence.request.body).digest() else LIKELY


def _absent(evidence: Evidence) -> Iterator[Finding]:
    if evidence.lines("digest"):
        yield Finding("digest-legacy-header", LIKELY)
    elif evidence.lines("repr-digest"):
        yield Finding("digest-of-representation", LIKELY)
    else:
        yield Finding("digest-missing", PROVEN)


def _octets(text: str) -> tuple[str, bytes]:
    """Read a digest however it is written; the cause is empty where it is written right."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        return "digest-hex", bytes.fromhex(text)
    try:
        octets, cause = decode(text), ""
    except CanonicalError:
        try:
            octets = decode_url(text.rstrip("=").replace("+", "-").replace("/", "_"))
        except CanonicalError:
            return "", b""
        cause = "digest-base64url"
    if re.fullmatch(rb"[0-9a-fA-F]{64}", octets):
        return "digest-hex", bytes.fromhex(octets.decode("ascii"))
    return cause, octets


def _written_otherwise(body: bytes, wanted: bytes) -> Iterator[Finding]:
    """Look for the octets that have this digest among the ways to write the same body."""
    if len(body) <= _MAX_BODY:
        for cause, how, octets in _variants(body):
            if sha256(octets).digest() == wanted:
                yield Finding(cause, PROVEN, how)
                return
        if wanted in (sha512(body).digest(), sha1(body).digest(), md5(body).digest()):  # noqa: S324 - recognised, never relied upon
            yield Finding("digest-algorithm-other", PROVEN, "another algorithm's digest as sha-256")
            return
    yield Finding("body-changed", LIKELY)


def _variants(body: bytes) -> Iterator[tuple[str, str, bytes]]:
    yield "digest-of-nothing", "", b""
    for how, end in (("LF", b"\n"), ("CR LF", b"\r\n")):
        yield "body-line-end", f"with {how} at the end", body + end
    yield "body-line-end", "without white space around it", body.strip()
    yield "body-line-end", "with LF for CR LF", body.replace(b"\r\n", b"\n")
    yield "body-line-end", "with CR LF for LF", body.replace(b"\n", b"\r\n")
    yield "body-line-end", "without line ends", body.replace(b"\r", b"").replace(b"\n", b"")
    yield "digest-of-text", "of base64", b64encode(body)
    yield "digest-of-text", "of hexadecimal", body.hex().encode("ascii")
    yield from _other_charsets(body)
    yield from _compressed(body)
    yield from _other_json(body)


def _other_charsets(body: bytes) -> Iterator[tuple[str, str, bytes]]:
    mark = b"\xef\xbb\xbf"
    yield "body-charset", "with a byte order mark", mark + body
    yield "body-charset", "without its byte order mark", body.removeprefix(mark)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        yield "body-charset", "as UTF-8", body.decode("latin-1").encode("utf-8")
        return
    for charset in ("latin-1", "cp1252", "utf-16", "utf-16-le"):
        yield "body-charset", f"in {charset}", text.encode(charset, "replace")
    yield "body-charset", "encoded as UTF-8 twice", body.decode("latin-1").encode("utf-8")


def _compressed(body: bytes) -> Iterator[tuple[str, str, bytes]]:
    for how, window in (("gzip", 31), ("deflate", 15), ("raw deflate", -15)):
        inflater = zlib.decompressobj(window)
        try:
            plain = inflater.decompress(body, _MAX_INFLATED)
        except zlib.error:
            continue
        if inflater.eof:
            yield "digest-of-unencoded-content", f"{how} undone", plain
    for level in (9, 6):
        yield "digest-of-unencoded-content", "with gzip", gzip.compress(body, level, mtime=0)


def _other_json(body: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Write the JSON value as the serialisers of common languages do."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return
    # Escapes of "/" and of what is not ASCII, where a parser has undone them: PHP, and others.
    for how, options in _styles():
        try:
            text = json.dumps(value, **options)
        except (ValueError, RecursionError):
            continue
        for end, name in (("", ""), ("\n", ", a line end behind it")):
            yield "body-reserialised", how + name, (text + end).encode("utf-8", "surrogatepass")
        yield (
            "body-reserialised",
            f"{how}, slashes escaped",
            text.replace("/", "\\/").encode("utf-8", "surrogatepass"),
        )
        for special, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
            text = text.replace(special, escape)
        yield "body-reserialised", f"{how}, HTML escaped", text.encode("utf-8", "surrogatepass")
    try:
        yield "body-reserialised", "canonical JSON (RFC 8785)", canonicalize(body)
    except CanonicalError:
        return


def _styles() -> Iterator[tuple[str, dict[str, Any]]]:
    layouts: tuple[tuple[str, dict[str, Any]], ...] = (
        ("compact", {"separators": (",", ":")}),
        ("a space after colons and commas", {}),
        ("a space after colons alone", {"separators": (",", ": ")}),
        ("indented by 2", {"indent": 2}),
        ("indented by 4", {"indent": 4}),
        ("indented by a tab", {"indent": "\t"}),
    )
    for how, layout in layouts:
        for order, by_name in (("", False), (", names sorted", True)):
            for escapes, ascii_only in (("", False), (", escaped to ASCII", True)):
                yield (
                    how + order + escapes,
                    {**layout, "sort_keys": by_name, "ensure_ascii": ascii_only},
                )
