"""ECDSA signatures: from r||s to DER, and checked with any hash, or over a hash alone.

``Key.verify`` knows the right hash only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from canonical.base64 import decode_url
from canonical.errors import SignatureInvalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

    from canonical import Key

P256_ORDER: Final = bytes.fromhex(
    "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"
)
P384_ORDER: Final = bytes.fromhex(
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
    "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973"
)
"""The orders of the curves' groups, each as many octets long as r and s are."""
_CURVES: Final[dict[str, tuple[ec.EllipticCurve, bytes]]] = {
    "ES256": (ec.SECP256R1(), P256_ORDER),
    "ES384": (ec.SECP384R1(), P384_ORDER),
}


def ecdsa_verifies(
    key: Key, signature: bytes, data: bytes, algorithm: HashAlgorithm | Prehashed
) -> bool:
    """Whether r||s was made by this key; ``data`` is the hash itself under ``Prehashed``."""
    curve, order = _CURVES.get(key.algorithm, (None, b""))
    if curve is None:
        return False
    jwk = key.public_jwk()
    x, y = (int.from_bytes(decode_url(jwk[name])) for name in ("x", "y"))
    public = ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    try:
        public.verify(to_der(signature, order), data, ec.ECDSA(algorithm))
    except (InvalidSignature, SignatureInvalid):
        return False
    return True


def to_der(signature: bytes, order: bytes) -> bytes:
    """Return r||s as ECDSA-Sig-Value (RFC 3279 section 2.2.3), which is what libraries read.

    SignatureInvalid where either is not between 0 and the group's order. The cryptography package's
    own encoder takes numbers; by way of those this costs a hundredth of the check.
    """
    size = len(order)
    if len(signature) != 2 * size:
        raise SignatureInvalid(f"a signature by this key has {2 * size} octets")
    r, s = signature[:size], signature[size:]
    zero = bytes(size)
    # Of one size, octets are in the order of the numbers that they stand for.
    if not (zero < r < order and zero < s < order):
        raise SignatureInvalid("r or s of the signature is out of range")
    integers = _der_integer(r) + _der_integer(s)
    return bytes((0x30, len(integers))) + integers


def _der_integer(octets: bytes) -> bytes:
    # X.690 section 8.3: as short as can be, and a zero before what would look negative.
    if not octets[0]:
        octets = octets.lstrip(b"\0")
    if octets[0] >= 0x80:
        octets = b"\0" + octets
    return bytes((0x02, len(octets))) + octets
