"""Signs a moved request again, exactly as the case was signed: faults included.

For each signature of the case it is found out what it was made over: what the case shows, or what
some mistake makes of that. The same of the moved request is signed. A signature that was spoilt
afterwards is that of the accepted case from which this one differs, put through the same change.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from canonical import CanonicalError, Request, load_key, parse_signatures, signature_base
from connector.diagnosis.causes.encodings import size_of, value_readings
from connector.diagnosis.wire import bases, envelopes
from connector.diagnosis.wire.spoiling import carried, is_constant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from canonical import Key, Signature
    from connector.diagnosis.vectors import WireRequest
    from connector.diagnosis.wire.bases import Move

_JWS: Final = b"request-signature"
_META: Final = b"talos-signature-meta"
_TO_URL: Final = str.maketrans("+/", "-_")

_ED25519: Final = "Ed25519"
_OWN: Final = frozenset("+/")
_ATTEMPTS: Final = 4096
"""ECDSA signatures differ each time; one in 128 begins with a zero octet, which a case may need."""
# SEC 2 sections 2.4.2 and 2.5.1: the orders of the groups, by the octets of r and of s.
_ORDERS: Final = {32: ec.SECP256R1().group_order, 48: ec.SECP384R1().group_order}

Remade = dict[bytes, bytes]
"""Octets of an old signature to those of the new one."""


class UnknownSignatureError(Exception):
    """What a signature was made over, or how it was spoilt, cannot be told from the file."""


class Versions(NamedTuple):
    """A request as the file has it and as it is to be sent, with what moves texts between them."""

    old: WireRequest
    new: WireRequest
    move: Move
    endpoint: str
    """The path of the REST endpoint, without the slash at its end."""


class Resigner:
    """Signs with the test keys of one vector file."""

    def __init__(self, keys: Mapping[str, Mapping[str, Any]]) -> None:
        self._keys: list[Key] = [load_key(dict(jwk)) for jwk in keys.values()]

    def remade(self, versions: Versions, known: Mapping[bytes, bytes]) -> Remade:
        """Return the new octets of each signature of the old request, and those ``known``.

        ``known`` are those of the accepted case. A malformed header has none that could be read.
        Raises UnknownSignatureError.
        """
        old, new = message_of(versions.old), message_of(versions.new)
        found = dict(known)
        if _META in old.headers.index:
            found |= self._of_envelope(old, new, versions.endpoint, known)
        try:
            signatures = parse_signatures(old)
            members = {each.label: each for each in parse_signatures(new)}
        except CanonicalError:
            return found
        for signature in signatures:
            if signature.value not in known and not is_constant(signature.value):
                made = self._of_signature(
                    (old, signature), (new, members[signature.label]), versions.move, known
                )
                if made is None:
                    raise UnknownSignatureError(signature.label)
                found[signature.value] = made
        return found

    def _of_signature(
        self,
        old: tuple[Request, Signature],
        new: tuple[Request, Signature],
        move: Move,
        known: Mapping[bytes, bytes],
    ) -> bytes | None:
        value, keyid = old[1].value, old[1].parameters.get("keyid")
        named = [key for key in self._keys if key.kid == keyid]
        return (
            _carried(value, known)
            or _made_over(self._keys, _right_base(old, new), value)
            # There are many mistakes, and whoever makes one does not take another's key as well.
            or _made_over(named or self._keys, bases.pairs(old, new, move), value)
        )

    def _of_envelope(
        self, old: Request, new: Request, endpoint: str, known: Mapping[bytes, bytes]
    ) -> Remade:
        (text,) = old.headers.lines(_JWS) or (b"",)
        split = envelopes.split_jws(text.decode("latin-1"))
        if split is None or split[1] in known or is_constant(split[1]):
            return {}
        pairs = list(envelopes.inputs(split[0], old, new, endpoint))
        if not pairs:
            return {}
        made = _carried(split[1], known) or _made_over(self._keys, pairs, split[1])
        if made is None:
            raise UnknownSignatureError("Request-Signature")
        return {split[1]: made}


def replaced(text: str, remade: Mapping[bytes, bytes]) -> str:
    """Return a header's value with the signatures in it replaced, however they are spelled."""
    found = {
        spell(_text(old)): spell(_text(new))
        for spell in reversed(_SPELLINGS)
        for old, new in remade.items()
        if not is_constant(old)
    }
    if not found:
        return text
    # The longest first: one may begin like another.
    olds = sorted(found, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, olds)), lambda match: found[match[0]], text)


def message_of(request: WireRequest) -> Request:
    """Return the request as the signing side sees it."""
    return Request(
        method=request.method,
        target=request.target,
        scheme=request.scheme,
        headers=request.headers,
        body=request.body,
    )


# As it is, as base64url, without padding: what implementations make of one.
_SPELLINGS: Final[tuple[Callable[[str], str], ...]] = (
    lambda text: text,
    lambda text: text.translate(_TO_URL),
    lambda text: text.translate(_TO_URL).rstrip("="),
    lambda text: text.rstrip("="),
)


def _right_base(
    old: tuple[Request, Signature], new: tuple[Request, Signature]
) -> list[tuple[bytes, bytes]]:
    try:
        return [(signature_base(*old), signature_base(*new))]
    except CanonicalError:
        return []  # It has none.


def _made_over(
    keys: Iterable[Key], pairs: Iterable[tuple[bytes, bytes]], value: bytes
) -> bytes | None:
    """Sign the second of the first pair over whose first the value verifies, however encoded."""
    readings = [(key, raw) for key in keys for _, raw in value_readings(value, size_of(key))]
    for old, new in pairs:
        for key, raw in readings:
            if _verifies(key, raw, old):
                made = _signed_alike(key, raw, new)
                return made if raw == value else carried([(raw, made)], value)
    return None


def _carried(value: bytes, known: Mapping[bytes, bytes]) -> bytes | None:
    pairs = list(known.items())
    pairs += [(_other(good), _other(made)) for good, made in pairs if len(good) // 2 in _ORDERS]
    return carried(pairs, value)


def _signed_alike(key: Key, like: bytes, data: bytes) -> bytes:
    """Sign; what is particular about the octets of the other signature is so of these."""
    for _ in range(_ATTEMPTS):
        made = key.sign(data)
        if key.algorithm == _ED25519:
            return made
        made = made if _is_high(made) == _is_high(like) else _other(made)
        # Without these characters base64url would look like base64.
        distinct = _OWN.isdisjoint(_text(like)) or not _OWN.isdisjoint(_text(made))
        if distinct and _zeros(made) == _zeros(like):
            return made
    raise UnknownSignatureError(key.kid or "")


def _other(raw: bytes) -> bytes:
    """Return the other ECDSA signature that verifies where this one does: -s in place of s."""
    half = len(raw) // 2
    s = -int.from_bytes(raw[half:]) % _ORDERS[half]
    return raw[:half] + s.to_bytes(half)


def _is_high(raw: bytes) -> bool:
    half = len(raw) // 2
    return int.from_bytes(raw[half:]) > _ORDERS[half] // 2


def _zeros(raw: bytes) -> tuple[bool, bool]:
    """Whether r, and whether s, begins with a zero octet."""
    return not raw[0], not raw[len(raw) // 2]


def _text(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _verifies(key: Key, value: bytes, base: bytes) -> bool:
    try:
        key.verify(value, base)
    except CanonicalError:
        return False
    return True
