"""What stands in a key file: a private JWK set whose entries carry their times. Pure.

    {"keys": [{"kty": "EC", "crv": "P-256", "kid": "...", "alg": "ES256", "x": "...", "y": "...",
               "d": "...", "published": 1767225600, "active": 1767225960}]}

``active`` is by default the time of ``published``, and that is by default long ago: a JWK from
elsewhere, which has only a kid, signs at once. ``retired`` and ``revoked`` may follow. Commands
change the times through the functions here; each returns a new document.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from canonical import CanonicalError, thumbprint
from canonical.base64 import encode_url
from connector.es256 import load_key
from connector.signing.key_ring import LEAD, SigningKey, signing_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

Document = dict[str, Any]
"""A key file's content. It holds secrets: never show it."""

_CURVES: Final[dict[str, ec.EllipticCurve]] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}
_NAMES: Final = {"secp256r1": ("P-256", 32), "secp384r1": ("P-384", 48)}
"""What JWKs call a curve, and the octets of a coordinate."""
ALGORITHMS: Final = (*_CURVES, "EdDSA")
"""What a new key may be for. The protocol asks every platform for ES256 and for no other."""

_TIMES: Final = ("published", "active", "retired", "revoked")
_OF_A_JWK: Final = frozenset({"kty", "crv", "x", "y", "d", "kid", "alg", "use", "key_ops", "ext"})
_MAX_KID: Final = 128
_MAX_TIME: Final = 1 << 40


class KeyFileError(Exception):
    """A key file that cannot be used; the text is one line without anything secret."""


def read_document(data: bytes) -> Document:
    """Return the document in a key file's octets; KeyFileError where it is none."""
    try:
        document = json.loads(data, object_pairs_hook=_once)
    except KeyFileError:
        raise
    except (ValueError, RecursionError):
        # The parser's own words could repeat some of the text.
        raise KeyFileError("is not JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise KeyFileError('is no JWK set: {"keys": [...]}')
    if len(document) > 1:
        raise KeyFileError('has members beside "keys"')
    keys_of(document)
    return document


def write_document(document: Document) -> bytes:
    """Return the octets of a key file."""
    return json.dumps(document, indent=2).encode("ascii") + b"\n"


def keys_of(document: Document) -> tuple[SigningKey, ...]:
    """Return the keys of a document in its order; KeyFileError names the first bad one."""
    keys: list[SigningKey] = []
    for index, entry in enumerate(document["keys"]):
        try:
            key = _signing_key(entry)
            _check_alone(key, keys)
        except (KeyFileError, CanonicalError) as error:
            raise KeyFileError(f"keys[{index}]: {error}") from None
        keys.append(key)
    return tuple(keys)


def new_document(now: float, algorithm: str) -> Document:
    """Return a document with one new key, which signs at once: there is no other to sign with."""
    return {"keys": [new_private_jwk(algorithm) | {"published": int(now), "active": int(now)}]}


def rotated(document: Document, now: float, algorithm: str) -> tuple[Document, str]:
    """Return the document with a new key in place of all that sign, and the new one's kid.

    The new one signs after LEAD, and until then the others do.
    """
    published = int(now)
    begins = published + LEAD
    fresh = new_private_jwk(algorithm) | {"published": published, "active": begins}
    entries = [
        entry if _is_over(entry) else entry | {"retired": begins} for entry in document["keys"]
    ]
    return {"keys": [*entries, fresh]}, str(fresh["kid"])


def retired(document: Document, kid: str, now: float) -> tuple[Document, int]:
    """Return the document in which a key signs only until another one does, and that moment.

    KeyFileError where it signs no longer, or where no other would sign in its place.
    """
    entry = _entry(document, kid)
    if _is_over(entry):
        raise KeyFileError(f"the key {kid} is retired or revoked already")
    successors = [
        other for other in document["keys"] if other["kid"] != kid and not _is_over(other)
    ]
    if not successors:
        raise KeyFileError(f"no other key would sign in place of {kid}; rotate makes one")
    ends = max(int(now), min(_active(other) for other in successors))
    return _with(document, kid, {"retired": ends}), ends


def revoked(document: Document, kid: str, now: float) -> tuple[Document, str | None]:
    """Return the document in which a key neither signs nor is published from now on.

    Where nobody else signs now, the key that would be next signs at once, or a new one does: its
    kid is returned, else None. Where it was to take over from the one that signs now, that one goes
    on until the next does, or a new one, whose kid is returned. KeyFileError where the key is
    revoked already.
    """
    entry = _entry(document, kid)
    if "revoked" in entry:
        raise KeyFileError(f"the key {kid} is revoked already")
    moment = int(now)
    document = _with(document, kid, {"revoked": moment})
    signs = signing_key(keys_of(document), moment)
    waiting = [other for other in document["keys"] if not _is_over(other)]
    if signs is not None:
        return _followed(document, signs, waiting, moment, _algorithm(entry))
    if waiting:
        successor = str(min(waiting, key=_active)["kid"])
        times = {"published": min(moment, _entry(document, successor).get("published", 0))}
        return _with(document, successor, {**times, "active": moment}), successor
    fresh = new_document(now, _algorithm(entry))["keys"][0]
    return {"keys": [*document["keys"], fresh]}, str(fresh["kid"])


def new_private_jwk(algorithm: str) -> dict[str, Any]:
    """Make a private JWK for one of ALGORITHMS; its kid is its RFC 7638 thumbprint.

    Such a kid is unique without anybody keeping count, it cannot be that of a key which the
    merchant publishes himself unless it is that very key, and the Web Bot Auth directory asks for
    it (draft-meunier-webbotauth-httpsig-protocol, section "Key Distribution and Discovery"). None
    begins with a hyphen: a command would take it for an option.
    """
    jwk = private_jwk(_new_key(algorithm))
    while (kid := thumbprint(jwk)).startswith("-"):
        jwk = private_jwk(_new_key(algorithm))
    return {**jwk, "kid": kid, "alg": algorithm, "use": "sig"}


def private_jwk(key: PrivateKeyTypes) -> dict[str, str]:
    """Return the members that make a key's private JWK; ValueError for a key of another kind."""
    if isinstance(key, Ed25519PrivateKey):
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": encode_url(key.public_key().public_bytes_raw()),
            "d": encode_url(key.private_bytes_raw()),
        }
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in _NAMES:
        raise ValueError("the key is neither P-256 nor P-384 nor Ed25519")
    name, size = _NAMES[key.curve.name]
    numbers = key.private_numbers()
    return {
        "kty": "EC",
        "crv": name,
        "x": encode_url(numbers.public_numbers.x.to_bytes(size)),
        "y": encode_url(numbers.public_numbers.y.to_bytes(size)),
        "d": encode_url(numbers.private_value.to_bytes(size)),
    }


def _new_key(algorithm: str) -> PrivateKeyTypes:
    if algorithm == "EdDSA":
        return Ed25519PrivateKey.generate()
    return ec.generate_private_key(_CURVES[algorithm])


def _signing_key(entry: object) -> SigningKey:
    if not isinstance(entry, dict):
        raise KeyFileError("is not an object")
    unknown = sorted(entry.keys() - _OF_A_JWK - {*_TIMES})
    if unknown:
        # A misspelt "revoked" must not be a key that goes on signing.
        raise KeyFileError(f"has the unknown member {unknown[0][:40]!r}")
    kid = entry.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID:
        raise KeyFileError(f'its "kid" is no text of 1 to {_MAX_KID} characters')
    if not kid.isascii() or not kid.isprintable():
        raise KeyFileError('its "kid" is not printable ASCII')
    if entry.get("kty") == "oct":
        raise KeyFileError("is a symmetric key, which anybody who verifies could sign with")
    if entry.get("use", "sig") != "sig":
        raise KeyFileError('its "use" is not "sig"')
    if "d" not in entry:
        raise KeyFileError("is a public key, which cannot sign")
    times = [_time(entry, name) for name in _TIMES]
    published = times[0] or 0
    active = published if times[1] is None else times[1]
    if active < published:
        raise KeyFileError('its "active" is before "published": nobody could verify')
    return SigningKey(load_key(entry), published, active, times[2], times[3])


def _check_alone(key: SigningKey, others: Iterable[SigningKey]) -> None:
    for other in others:
        if other.kid == key.kid:
            raise KeyFileError("has the kid of another one")
        if other.key.thumbprint == key.key.thumbprint:
            # Revoking one of the two would leave the other.
            raise KeyFileError("is the same key as another one")


def _time(entry: dict[str, Any], name: str) -> int | None:
    if name not in entry:
        return None
    value = entry[name]
    if type(value) is not int or not 0 <= value < _MAX_TIME:
        raise KeyFileError(f'its "{name}" is not a time in UNIX seconds')
    return value


def _active(entry: dict[str, Any]) -> int:
    return int(entry.get("active", entry.get("published", 0)))


def _is_over(entry: dict[str, Any]) -> bool:
    """Whether the key's end is settled, even where it is still to come."""
    return "retired" in entry or "revoked" in entry


def _followed(
    document: Document,
    signs: SigningKey,
    waiting: Iterable[dict[str, Any]],
    moment: int,
    algorithm: str,
) -> tuple[Document, str | None]:
    """Return the document in which the key that signs now is followed by one without a gap.

    With the kid of the new key, where one had to be made.
    """
    if signs.retired is None:
        return document, None
    fresh = None
    begins = min(map(_active, waiting), default=None)
    if begins is None:
        begins = moment + LEAD
        fresh = new_private_jwk(algorithm) | {"published": moment, "active": begins}
    document = _with(document, signs.kid, {"retired": max(signs.retired, begins)})
    if fresh is None:
        return document, None
    return {"keys": [*document["keys"], fresh]}, str(fresh["kid"])


def _algorithm(entry: dict[str, Any]) -> str:
    """Return what a key that takes the place of this one is for."""
    algorithm = str(entry.get("alg", "ES256"))
    return algorithm if algorithm in ALGORITHMS else "ES256"


def _entry(document: Document, kid: str) -> dict[str, Any]:
    for entry in document["keys"]:
        if entry["kid"] == kid:
            found: dict[str, Any] = entry
            return found
    raise KeyFileError(f"has no key {kid[:_MAX_KID]}")


def _with(document: Document, kid: str, members: dict[str, int]) -> Document:
    return {
        "keys": [entry | members if entry["kid"] == kid else entry for entry in document["keys"]]
    }


def _once(members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in members:
        if name in found:
            raise KeyFileError("has a member twice in one object")
        found[name] = value
    return found
