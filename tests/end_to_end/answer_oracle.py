"""Verifies answers with the PyPI package http-message-signatures, which shares no code with ours.

The keys are read from a published document with cryptography and the standard library alone.
"""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import http_message_signatures as other
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.end_to_end.merchant import AUTHORITY

if TYPE_CHECKING:
    from tests.end_to_end.client import Answer, Line
    from tests.end_to_end.platform import Draft

_CURVES: Final = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}
_ALGORITHMS: Final = {
    "P-256": other.algorithms.ECDSA_P256_SHA256,
    "P-384": other.algorithms.ECDSA_P384_SHA384,
    "Ed25519": other.algorithms.ED25519,
}


class Verified(NamedTuple):
    """What the other implementation found covered, in order, and the signature's parameters."""

    components: list[str]
    parameters: dict[str, Any]


class _Headers:
    """Every line in order, as the package asks for."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in lines]

    def items(self) -> list[tuple[str, str]]:
        return self._lines


def keys_in(document: bytes, name: str = "keys") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(document)[name]
    return found


def verified(
    answer: Answer,
    draft: Draft,
    keys: list[dict[str, Any]],
    *,
    tag: str | None = None,
    authority: str = AUTHORITY,
) -> Verified:
    """Return what is covered by the answer's signature; an exception where it does not verify."""
    given = answer.value("Signature-Input")
    (jwk,) = [each for each in keys if f'keyid="{each["kid"]}"' in given]
    request = SimpleNamespace(
        method=draft.method, url=f"https://{authority}{draft.target}", headers=_Headers(draft.lines)
    )
    message = SimpleNamespace(
        status_code=answer.status, headers=_Headers(answer.lines), request=request
    )
    resolver = other.MappingKeyResolver(public_keys={jwk["kid"]: _public(jwk)}, private_keys={})
    verifier = other.HTTPMessageVerifier(
        signature_algorithm=_ALGORITHMS[jwk["crv"]], key_resolver=resolver
    )
    (found,) = verifier.verify(message, expect_tag=tag, body=answer.body or None)
    components = [each for each in found.covered_components if each != '"@signature-params"']
    return Verified(components, dict(found.parameters))


def _public(jwk: dict[str, Any]) -> Any:
    if jwk["crv"] == "Ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(_octets(jwk["x"]))
    x, y = (int.from_bytes(_octets(jwk[name])) for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, _CURVES[jwk["crv"]]).public_key()


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
