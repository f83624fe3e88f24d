"""ECDSA with any hash, or over a hash alone; ``Key.verify`` knows the right one only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from canonical.base64 import decode_url

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

    from canonical import Key

_CURVES: Final[dict[str, tuple[ec.EllipticCurve, int]]] = {
    "ES256": (ec.SECP256R1(), 32),
    "ES384": (ec.SECP384R1(), 48),
}


def ecdsa_verifies(
    key: Key, signature: bytes, data: bytes, algorithm: HashAlgorithm | Prehashed
) -> bool:
    """Whether r||s was made by this key; ``data`` is the hash itself under ``Prehashed``."""
    curve, size = _CURVES.get(key.algorithm, (None, 0))
    if curve is None or len(signature) != 2 * size:
        return False
    jwk = key.public_jwk()
    x, y = (int.from_bytes(decode_url(jwk[name])) for name in ("x", "y"))
    public = ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
    try:
        public.verify(encode_dss_signature(r, s), data, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True
