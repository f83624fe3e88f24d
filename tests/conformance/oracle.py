"""An implementation of RFC 9421 that shares no code with ours: PyPI's http-message-signatures.

It is asked about one signature alone: does it verify with this key? Policy (times, coverage, whose
key it is) is switched off, and so is its refusal of parameters that it does not know.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

from canonical.base64 import decode_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.diagnosis.vectors import WireRequest

_ALGORITHMS: Final = {
    "P-256": algorithms.ECDSA_P256_SHA256,
    "P-384": algorithms.ECDSA_P384_SHA384,
    "Ed25519": algorithms.ED25519,
}
_CURVES: Final = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}


class _Everything(set[str]):
    """A set that holds every name."""

    def __contains__(self, name: object) -> bool:
        return True


class _Verifier(HTTPMessageVerifier):
    signature_metadata_parameters = _Everything()
    allow_label_only_selection = True

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Times are policy."""


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, key: object) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> object:
        del key_id
        return self._key


class _Headers:
    """Every line in order, as the package asks for."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        self._lines = lines

    def items(self) -> list[tuple[str, str]]:
        return self._lines


class _Message(NamedTuple):
    method: str
    url: str
    headers: _Headers


def verifies(request: WireRequest, label: str, jwk: Mapping[str, Any]) -> bool:
    """Whether the signature with this label verifies with this key."""
    lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers]
    host = next((value for name, value in lines if name == "Host"), "")
    message = _Message(
        request.method, f"{request.scheme}://{host}{request.target}", _Headers(lines)
    )
    verifier = _Verifier(
        signature_algorithm=_ALGORITHMS[jwk["crv"]], key_resolver=_OneKey(_public_key(jwk))
    )
    try:
        with warnings.catch_warnings():
            # It warns that labels are not signed; the cases choose by label on purpose.
            warnings.simplefilter("ignore")
            return len(verifier.verify(message, max_age=None, expect_label=label)) == 1
    except HTTPMessageSignaturesException:
        return False


def _public_key(jwk: Mapping[str, Any]) -> object:
    x = decode_url(jwk["x"])
    if jwk["crv"] == "Ed25519":
        return Ed25519PublicKey.from_public_bytes(x)
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(x), int.from_bytes(decode_url(jwk["y"])), _CURVES[jwk["crv"]]
    )
    return numbers.public_key()
