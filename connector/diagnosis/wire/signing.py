"""Signs a moved request again, exactly as the case was signed: faults included.

A signature that verifies over what the case shows is made again over what is sent. One that does
not was made over something else, or spoilt: then it is the signature of the accepted case from
which this one differs, put through the same change.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from canonical import (
    CanonicalError,
    Key,
    Request,
    load_key,
    parse_signatures,
    signature_base,
    verify_envelope,
)
from canonical.base64 import encode_url
from canonical.envelope import envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from connector.diagnosis.vectors import WireRequest

_SIGNATURE: Final = b"Signature"
_JWS: Final = b"Request-Signature"
_META: Final = b"talos-signature-meta"
_TO_URL: Final = str.maketrans("+/", "-_")

_OWN: Final = frozenset("+/")
_ATTEMPTS: Final = 16
"""ECDSA signatures differ each time, and nearly all of them have one of the two."""

Replacements = dict[str, str]
"""Text of an old signature to that of the new one."""


class Resigner:
    """Signs with the test keys of one vector file."""

    def __init__(self, keys: Mapping[str, Mapping[str, Any]]) -> None:
        self._keys: list[Key] = [load_key(dict(jwk)) for jwk in keys.values()]

    def replacements(self, original: WireRequest, moved: WireRequest) -> Replacements:
        """Return what has to be replaced, of all that verifies over the original."""
        old, new = message_of(original), message_of(moved)
        found = dict(self._of_signatures(old, new))
        if _META in old.headers.index:
            found |= self._of_envelope(old, new)
        return found

    def _of_signatures(self, old: Request, new: Request) -> Iterator[tuple[str, str]]:
        try:
            members = {each.label: each for each in parse_signatures(new)}
            signatures = parse_signatures(old)
        except CanonicalError:
            return
        for signature in signatures:
            try:
                base = signature_base(old, signature)
                wanted = signature_base(new, members[signature.label])
            except (CanonicalError, KeyError):
                continue
            for _ in range(_ATTEMPTS):
                made = self._made_again(signature.value, base, wanted)
                if made is not None:
                    yield _text(signature.value), _text(made)
                # Without these characters base64url would look like base64.
                if made is None or not _OWN.isdisjoint(_text(made)):
                    break

    def _made_again(self, value: bytes, base: bytes, wanted: bytes) -> bytes | None:
        for key in self._keys:
            if _verifies(key, value, base):
                return key.sign(wanted)
            raw = _raw_of_der(value, key)
            if raw is not None and _verifies(key, raw, base):
                return _der(key.sign(wanted))
        return None

    def _of_envelope(self, old: Request, new: Request) -> Replacements:
        (jws,) = old.headers.lines(_JWS.lower()) or (b"",)
        header = jws.partition(b".")[0].decode("latin-1")
        for key in self._keys:
            try:
                verify_envelope(old, key)
                signed = f"{header}.{encode_url(envelope(new))}".encode()
            except CanonicalError:
                continue
            return {jws.decode("latin-1"): f"{header}..{encode_url(key.sign(signed))}"}
        return {}


def replaced(text: str, replacements: Replacements) -> str:
    """Return a header's value with the signatures in it replaced, spoilt as the old ones were."""
    for old, new in replacements.items():
        for spell in _SPELLINGS:
            if spell(old) in text:
                text = text.replace(spell(old), spell(new))
                break
    return text


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


def _text(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _verifies(key: Key, value: bytes, base: bytes) -> bool:
    try:
        key.verify(value, base)
    except CanonicalError:
        return False
    return True


def _raw_of_der(value: bytes, key: Key) -> bytes | None:
    size = 48 if key.algorithm == "ES384" else 32
    try:
        r, s = decode_dss_signature(value)
        return r.to_bytes(size) + s.to_bytes(size)
    except (ValueError, OverflowError):
        return None


def _der(raw: bytes) -> bytes:
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
