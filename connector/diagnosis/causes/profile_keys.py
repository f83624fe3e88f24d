"""Keys that are not where, or not what, a verifier looks for (RFC 7517; ucp-rules section 3.4)."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from canonical import CanonicalError, load_key
from canonical.base64 import encode_url
from connector.diagnosis.causes.cause import LIKELY, Finding, table
from connector.diagnosis.causes.evidence import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canonical import Key
    from connector.diagnosis.causes.evidence import Evidence

CAUSES: Final = table(
    (
        "keys-nested",
        "The keys stand below ucp in the profile, where they are not looked for.",
        "Publish them as keys, at the top level of the profile.",
        "UCP signatures, Key Discovery",
    ),
    (
        "keys-misplaced",
        "The key stands somewhere in the profile where it is not looked for.",
        "Publish it in the list keys, at the top level of the profile.",
        "UCP signatures, Key Discovery",
    ),
    (
        "signing-keys-ignored",
        "The key stands in signing_keys, which does not count beside keys.",
        "Publish the same keys in both lists, or in keys alone.",
        "UCP signatures, Key Discovery",
    ),
    (
        "keys-missing",
        "The profile has no keys at all, or an empty list of them.",
        "Publish the public keys as keys, at the top level of the profile.",
        "UCP signatures, Key Discovery",
    ),
    (
        "another-key",
        "The signature was made with another key of the profile than keyid names.",
        "Send the kid of the key that signs as keyid.",
        "RFC 9421 section 3.2",
    ),
    (
        "keyid-case",
        "keyid and the key's kid differ in case alone.",
        "Send keyid exactly as kid is published.",
        "RFC 7517 section 4.5",
    ),
    (
        "keyid-is-thumbprint",
        "keyid is the key's thumbprint, and its kid is another name.",
        "Publish the thumbprint as kid, or send the kid as keyid.",
        "RFC 7517 section 4.5",
    ),
    (
        "keyid-is-url",
        "keyid is a URL or path that ends in the kid.",
        "Send the kid alone as keyid; the profile is named by UCP-Agent.",
        "RFC 7517 section 4.5",
    ),
    (
        "kid-missing",
        "The published key has no kid, or one that is no string, so that no keyid can name it.",
        "Give every key of the profile a kid.",
        "RFC 7517 section 4.5",
    ),
    (
        "kid-twice",
        "Two different keys of the profile have this kid.",
        "Give every key a kid of its own; a new key takes a new kid.",
        "RFC 7517 section 4.5",
    ),
    (
        "keyid-unknown",
        "No key of the profile has this kid; the profile may be older than the key.",
        "Publish the key before signing with it, and wait until caches have run out.",
        "UCP signatures, Key Rotation",
    ),
    (
        "key-not-for-signatures",
        "The key is published for something other than verifying (use or key_ops).",
        'Publish it with use "sig", and without key_ops or with "verify" in it.',
        "RFC 7517 sections 4.2 and 4.3",
    ),
    (
        "private-key-published",
        "The profile shows the private key, which is therefore not accepted.",
        "Replace the key at once, and publish its public half only.",
        "RFC 7517 section 9.2",
    ),
    (
        "key-alg-wrong",
        "The key's alg does not fit its curve.",
        "Write ES256 for P-256 and ES384 for P-384, or leave alg out; RFC 9421 names do not fit.",
        "RFC 7518 section 3.1",
    ),
    (
        "key-coordinates-malformed",
        "The key's coordinates are padded, plain base64, hexadecimal or too short.",
        "Write x and y as unpadded base64url of 32 octets each (48 for P-384).",
        "RFC 7518 section 6.2.1",
    ),
    (
        "key-kind-unsupported",
        "The key is of a kind or curve that is not supported.",
        "Sign with an EC key on P-256.",
        "UCP signatures, Signature Algorithms",
    ),
    (
        "key-curve-mismatch",
        "The signature has the length of one curve, and the key is on another.",
        "Sign with the key that keyid names, or name the one that signs.",
        "RFC 9421 section 3.3",
    ),
)

_MAX_KEYS: Final = 32
_MAX_NODES: Final = 2000
_NAMED: Final = re.compile(r".*[#/:]")
_SIZES: Final = {"P-256": 32, "P-384": 48}
_LENGTHS: Final = {"ES256": 64, "ES384": 96, "Ed25519": 64}
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+")


class KeyReading(NamedTuple):
    """A key that may have signed, and why a verifier does not take it; no cause: it does."""

    cause: str
    key: Key
    detail: str


class _Place(NamedTuple):
    """An entry of the profile, and why it is not looked at; no cause: it is."""

    cause: str
    entry: dict[str, Any]
    where: str


def key_readings(evidence: Evidence, keyid: object) -> list[KeyReading]:
    """Return the keys that may have signed: the one that ``keyid`` names first."""
    readings = []
    for place in _places(evidence)[:_MAX_KEYS]:
        key = _mended(place.entry)
        if key is not None:
            cause = place.cause or _cause(place.entry, key, keyid)
            detail = f"{place.where}, kid {shown(str(place.entry.get('kid')))}"
            readings.append(KeyReading(cause, key, detail))
    named = [reading for reading in readings if not reading.cause]
    if len({reading.key.thumbprint for reading in named}) > 1:
        readings = [
            reading if reading.cause else reading._replace(cause="kid-twice")
            for reading in readings
        ]
    # A key that is published properly once is not listed for its other places.
    readings.sort(key=lambda reading: bool(reading.cause))
    by_thumbprint: dict[str, KeyReading] = {}
    for reading in readings:
        by_thumbprint.setdefault(reading.key.thumbprint, reading)
    return list(by_thumbprint.values())


def _places(evidence: Evidence) -> list[_Place]:
    profile = evidence.profile
    if not isinstance(profile, dict):
        return []
    below = profile.get("ucp")
    nested = below if isinstance(below, dict) else {}
    sources = [(profile, "")]
    if evidence.nested_keys:
        sources.append((nested, "ucp."))
    places: list[_Place] = []
    counted = next(
        (
            (source, name, prefix)
            for source, prefix in sources
            for name in ("keys", "signing_keys")
            if name in source
        ),
        None,
    )
    if counted is not None:
        source, name, prefix = counted
        places += [_Place("", entry, prefix + name) for entry in _jwks(source[name])]
        if source is profile and name == "keys":
            found = _jwks(profile.get("signing_keys"))
            places += [_Place("signing-keys-ignored", entry, "signing_keys") for entry in found]
    for name in ("keys", "signing_keys"):
        places += [_Place("keys-nested", entry, f"ucp.{name}") for entry in _jwks(nested.get(name))]
    known = [id(place.entry) for place in places]
    for entry in _anywhere(profile):
        if id(entry) not in known:
            places.append(_Place("keys-misplaced", entry, "elsewhere in the profile"))
    return places


def _jwks(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _anywhere(profile: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what looks like a JWK, wherever it stands."""
    left: list[Any] = [profile]
    for _ in range(_MAX_NODES):
        if not left:
            return
        node = left.pop()
        if isinstance(node, dict):
            if "kty" in node:
                yield node
            left += node.values()
        elif isinstance(node, list):
            left += node


def _cause(entry: dict[str, Any], key: Key, keyid: object) -> str:
    """Say why the entry is not taken for this keyid; empty where it is."""
    if "d" in entry:
        return "private-key-published"
    kid = entry.get("kid")
    if not isinstance(kid, str):
        return "keyid-is-thumbprint" if key.thumbprint == keyid else "kid-missing"
    if kid == keyid:
        return _unusable(entry)
    if isinstance(keyid, str):
        if kid.lower() == keyid.lower():
            return "keyid-case"
        if key.thumbprint == keyid:
            return "keyid-is-thumbprint"
        if _NAMED.sub("", keyid) == kid:
            return "keyid-is-url"
    return "another-key"


def _unusable(entry: dict[str, Any]) -> str:
    if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ("verify",)):
        return "key-not-for-signatures"
    try:
        load_key(entry)
    except CanonicalError:
        try:
            load_key({name: value for name, value in entry.items() if name != "alg"})
        except CanonicalError:
            return "key-coordinates-malformed"
        return "key-alg-wrong"
    return ""


def _mended(entry: dict[str, Any]) -> Key | None:
    """Load the public key as it was probably meant."""
    kept: dict[str, Any] = {name: entry[name] for name in ("kty", "crv", "x", "y") if name in entry}
    try:
        return load_key(kept)
    except CanonicalError:
        pass
    size = _SIZES.get(str(entry.get("crv")))
    if size is None:
        return None
    for name in ("x", "y"):
        octets = _loosely(kept.get(name), size)
        if octets is None:
            return None
        kept[name] = encode_url(octets)
    try:
        return load_key(kept)
    except CanonicalError:
        return None


def _loosely(text: object, size: int) -> bytes | None:
    if not isinstance(text, str) or len(text) > 4 * size or not text.isascii():
        return None
    if _HEX.fullmatch(text) and len(text) == 2 * size:
        return bytes.fromhex(text)
    plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        octets = b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return None
    return octets.rjust(size, b"\0") if len(octets) <= size else octets[-size:]


def likely(evidence: Evidence) -> Iterator[Finding]:
    """Tell from profile and keyid why no key verifies the signature."""
    signature = evidence.signature
    if signature is None or evidence.profile is None:
        return
    keyid = signature.parameters.get("keyid")
    readings = key_readings(evidence, keyid)
    named = [reading for reading in readings if not reading.cause]
    if named and evidence.has("signature_mismatch", "signature_encoding"):
        wanted = _LENGTHS[named[0].key.algorithm]
        if len(signature.value) != wanted and len(signature.value) in (64, 96):
            detail = f"{len(signature.value)} octets, and {named[0].key.algorithm} has {wanted}"
            yield Finding("key-curve-mismatch", LIKELY, detail)
    if evidence.has("key_not_found", "duplicate_key", "algorithm_unsupported"):
        yield from _not_taken(evidence, keyid, readings)


def _not_taken(evidence: Evidence, keyid: object, readings: list[KeyReading]) -> Iterator[Finding]:
    if not _places(evidence):
        yield Finding("keys-missing", LIKELY)
        return
    told = False
    for reading in readings:
        if reading.cause and reading.cause != "another-key":
            told = True
            yield Finding(reading.cause, LIKELY, reading.detail)
    for place in _places(evidence):
        if place.entry.get("kid") == keyid and _mended(place.entry) is None:
            told = True
            kty, crv = (str(place.entry.get(name)) for name in ("kty", "crv"))
            kind = f"kty {shown(kty)}, crv {shown(crv)}"
            known = crv in ("P-256", "P-384", "Ed25519")
            yield Finding(
                "key-coordinates-malformed" if known else "key-kind-unsupported", LIKELY, kind
            )
    if not told:
        kids = ", ".join(shown(str(place.entry.get("kid"))) for place in _places(evidence)[:8])
        yield Finding("keyid-unknown", LIKELY, f"the profile has {kids}")
