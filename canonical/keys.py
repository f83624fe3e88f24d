"""Keys as JWKs and JWK sets: what algorithm a key implies, and raw signatures in and out.

ES256 and ES384 (RFC 7518), Ed25519 (RFC 8037). ECDSA signatures are r||s, never DER. A key is
checked once, when it is loaded: its form, that its point lies on the curve and generates a large
group, that ``alg`` fits the curve, and for a private key that both halves belong together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from canonical.base64 import decode_url, encode_url
from canonical.ecdsa import P256_ORDER, P384_ORDER, to_der
from canonical.edwards import is_usable_point
from canonical.errors import CanonicalError, SignatureInvalid

if TYPE_CHECKING:
    from typing import Any

# The members that identify a key, in the order in which they are hashed (RFC 7638 section 3.2,
# RFC 8037 section 2). Symmetric keys are left out on purpose: nothing here accepts one, and the
# hash of a shared secret is no name to hand around (RFC 7638 section 7).
_IDENTIFYING: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
}

_ED25519_SIZE: Final = 32


class _Curve(NamedTuple):
    """What RFC 7518 section 3.4 and RFC 9421 section 3.3 tie to one curve."""

    algorithm: str
    signature_algorithm: str
    size: int
    prime: bytes
    order: bytes
    curve: ec.EllipticCurve
    scheme: ec.ECDSA


_CURVES: Final = {
    "P-256": _Curve(
        "ES256",
        "ecdsa-p256-sha256",
        32,
        bytes.fromhex("FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"),
        P256_ORDER,
        ec.SECP256R1(),
        ec.ECDSA(hashes.SHA256()),
    ),
    "P-384": _Curve(
        "ES384",
        "ecdsa-p384-sha384",
        48,
        bytes.fromhex(
            "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
            "FFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFF"
        ),
        P384_ORDER,
        ec.SECP384R1(),
        ec.ECDSA(hashes.SHA384()),
    ),
}


class Key(ABC):
    """One usable key: it verifies, and signs where the JWK held the private half.

    ``kid`` as in the JWK, or None. ``algorithm`` is ES256, ES384 or Ed25519;
    ``signature_algorithm`` is its name in RFC 9421. ``thumbprint`` is RFC 7638, SHA-256, base64url.
    """

    __slots__ = (
        "_public_members",
        "algorithm",
        "is_private",
        "kid",
        "signature_algorithm",
        "thumbprint",
    )

    def __init__(
        self, jwk: Mapping[str, Any], algorithm: str, signature_algorithm: str, *, is_private: bool
    ) -> None:
        self.kid: str | None = jwk.get("kid")
        self.algorithm = algorithm
        self.signature_algorithm = signature_algorithm
        self.is_private = is_private
        self.thumbprint = thumbprint(jwk)
        self._public_members = {name: jwk[name] for name in _IDENTIFYING[jwk["kty"]]}

    @abstractmethod
    def verify(self, signature: bytes, data: bytes) -> None:
        """Return if ``signature`` (raw octets) was made over ``data``; raise SignatureInvalid."""

    @abstractmethod
    def sign(self, data: bytes) -> bytes:
        """Return the raw signature over ``data``; CanonicalError for a public key."""

    def public_jwk(self) -> dict[str, str]:
        """Return the public JWK: the identifying members, ``kid`` if any, ``use`` and ``alg``."""
        named = {} if self.kid is None else {"kid": self.kid}
        # RFC 8037's name is the one that readers of JWKs know; RFC 9864's is too young.
        algorithm = "EdDSA" if self.algorithm == "Ed25519" else self.algorithm
        return {**self._public_members, **named, "use": "sig", "alg": algorithm}

    def __repr__(self) -> str:
        half = "private" if self.is_private else "public"
        return f"<{half} Key {self.algorithm} kid={self.kid!r} thumbprint={self.thumbprint}>"


class _EllipticKey(Key):
    """ECDSA with the curve's own hash; signatures are r||s (RFC 9421 sections 3.3.4, 3.3.5)."""

    __slots__ = ("_curve", "_private", "_public")

    def __init__(self, jwk: Mapping[str, Any], curve: _Curve) -> None:
        # RFC 7518 section 6.2.1: every coordinate has the full size of the field.
        point = [_octets(jwk, name, curve.size) for name in ("x", "y")]
        if max(point) >= curve.prime:
            # OpenSSL reduces it: one key would have two thumbprints.
            raise CanonicalError("the key's point is not on its curve")
        x, y = map(int.from_bytes, point)
        numbers = ec.EllipticCurvePublicNumbers(x, y, curve.curve)
        try:
            self._public = numbers.public_key()
        except ValueError:
            raise CanonicalError("the key's point is not on its curve") from None
        self._curve = curve
        self._private = None
        if "d" in jwk:
            self._private = self._private_half(_octets(jwk, "d", curve.size), numbers)
        super().__init__(
            jwk, curve.algorithm, curve.signature_algorithm, is_private=self._private is not None
        )

    def _private_half(
        self, secret: bytes, numbers: ec.EllipticCurvePublicNumbers
    ) -> ec.EllipticCurvePrivateKey:
        try:
            private = ec.derive_private_key(int.from_bytes(secret), self._curve.curve)
        except ValueError:
            raise CanonicalError('the key\'s "d" is out of range') from None
        if private.public_key().public_numbers() != numbers:
            raise CanonicalError('the key\'s "d" does not belong to its point')
        return private

    def verify(self, signature: bytes, data: bytes) -> None:
        der = to_der(signature, self._curve.order)
        try:
            self._public.verify(der, data, self._curve.scheme)
        except InvalidSignature:
            raise SignatureInvalid("the signature does not verify with this key") from None

    def sign(self, data: bytes) -> bytes:
        if self._private is None:
            raise CanonicalError("a public key cannot sign")
        r, s = decode_dss_signature(self._private.sign(data, self._curve.scheme))
        return r.to_bytes(self._curve.size) + s.to_bytes(self._curve.size)


class _EdwardsKey(Key):
    """Ed25519 (RFC 8032); signatures are the 64 octets of the algorithm itself."""

    __slots__ = ("_private", "_public")

    def __init__(self, jwk: Mapping[str, Any]) -> None:
        point = _octets(jwk, "x", _ED25519_SIZE)
        # OpenSSL neither checks the curve nor the order, and a key of small order verifies
        # signatures that nobody made.
        if not is_usable_point(point):
            raise CanonicalError("the key's point is not on its curve or of small order")
        self._public = Ed25519PublicKey.from_public_bytes(point)
        self._private = None
        if "d" in jwk:
            secret = _octets(jwk, "d", _ED25519_SIZE)
            self._private = Ed25519PrivateKey.from_private_bytes(secret)
            if self._private.public_key().public_bytes_raw() != point:
                raise CanonicalError('the key\'s "d" does not belong to its point')
        super().__init__(jwk, "Ed25519", "ed25519", is_private=self._private is not None)

    def verify(self, signature: bytes, data: bytes) -> None:
        try:
            self._public.verify(signature, data)
        except InvalidSignature:
            raise SignatureInvalid("the signature does not verify with this key") from None

    def sign(self, data: bytes) -> bytes:
        if self._private is None:
            raise CanonicalError("a public key cannot sign")
        return self._private.sign(data)


def load_key(jwk: Mapping[str, Any]) -> Key:
    """Return the key that a public or private JWK describes.

    Raises CanonicalError for a malformed or off-curve key, a point of small order, ``alg`` against
    the curve, kty ``oct`` and every other kind, a private half that does not fit the public one,
    a public key whose ``use`` is not ``sig``, and ``key_ops`` without the operation that the key
    is for (``verify`` for a public key, ``sign`` for a private one).
    """
    if not isinstance(jwk, Mapping):
        raise CanonicalError("a JWK is a JSON object")
    if not isinstance(jwk.get("kid", ""), str):
        raise CanonicalError('the key\'s "kid" is not a string')
    if not serves_signatures(jwk):
        raise CanonicalError('the key is not for signatures ("use" or "key_ops")')
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if kty == "EC" and isinstance(crv, str) and crv in _CURVES:
        curve = _CURVES[crv]
        _check_algorithm(jwk, (curve.algorithm,))
        return _EllipticKey(jwk, curve)
    if kty == "OKP" and crv == "Ed25519":
        _check_algorithm(jwk, ("EdDSA", "Ed25519"))  # RFC 8037 section 3.1, RFC 9864 section 2.2
        return _EdwardsKey(jwk)
    raise CanonicalError(f"a key of kind {_shown(kty)} and curve {_shown(crv)} is not supported")


def serves_signatures(jwk: Mapping[str, Any]) -> bool:
    """Tell whether ``use`` and ``key_ops`` leave the key to signatures (RFC 7517 section 4.2)."""
    is_private = "d" in jwk
    wanted = "sign" if is_private else "verify"
    operations = jwk.get("key_ops", (wanted,))
    if not isinstance(operations, (list, tuple)) or wanted not in operations:
        return False
    return is_private or jwk.get("use", "sig") == "sig"


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the RFC 7638 thumbprint of an EC, OKP or RSA JWK: SHA-256, base64url.

    Only the identifying members are looked at; CanonicalError where one is missing or malformed.
    """
    kty = jwk.get("kty") if isinstance(jwk, Mapping) else None
    names = _IDENTIFYING.get(kty) if isinstance(kty, str) else None
    if names is None:
        raise CanonicalError(f"no thumbprint for a key of kind {_shown(kty)}")
    members = []
    for name in names:
        value = jwk.get(name)
        if not isinstance(value, str) or not value.isascii():
            raise CanonicalError(f'the key\'s "{name}" is missing or malformed')
        if name not in {"crv", "kty"}:
            decode_url(value)
        elif not value.replace("-", "").isalnum():
            raise CanonicalError(f'the key\'s "{name}" is malformed')
        members.append(f'"{name}":"{value}"')
    return encode_url(sha256(f"{{{','.join(members)}}}".encode("ascii")).digest())


def _octets(jwk: Mapping[str, Any], name: str, size: int) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise CanonicalError(f'the key\'s "{name}" is missing or not a string')
    try:
        octets = decode_url(value)
    except CanonicalError as error:
        raise CanonicalError(f'the key\'s "{name}" is {error}') from None
    if len(octets) != size:
        raise CanonicalError(f'the key\'s "{name}" does not have {size} octets')
    return octets


def _check_algorithm(jwk: Mapping[str, Any], fitting: tuple[str, ...]) -> None:
    if jwk.get("alg", fitting[0]) not in fitting:
        raise CanonicalError('the key\'s "alg" does not fit its curve')


def _shown(value: object) -> str:
    return repr(value[:20]) if isinstance(value, str) else type(value).__name__
