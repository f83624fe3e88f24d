"""RFC 9421 as PyPI's http-message-signatures has it, and RFC 9530 by the same package.

It is asked about one signature alone. Times are switched off, and so are its refusal of
parameters that RFC 9421 does not register and its wish for a tag beside a label.
"""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from http_message_signatures.digests import ContentDigest

from tests.oracles.python.verdicts import InexpressibleError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHMS: Final = {
    "P-256": algorithms.ECDSA_P256_SHA256,
    "P-384": algorithms.ECDSA_P384_SHA384,
    "Ed25519": algorithms.ED25519,
}
_CURVES: Final = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}
_TYPES: Final = {"P-256": "EC", "P-384": "EC", "Ed25519": "OKP"}
# RFC 9110 section 7.2, without percent-encoded names: what can stand in a URL as it is.
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]*)?")
_NO_URL: Final = "Invalid URL"
"""How the package's complaint about a message begins that it can't be handed."""


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


def verify_message(task: Mapping[str, Any], jwk: Mapping[str, Any]) -> None:
    """Verify one signature of a request or a response, and its digest where it has one."""
    message = _message(task)
    body = base64.b64decode(task.get("response", task["request"])["body_base64"])
    key = public_key(jwk)
    verifier = _Verifier(signature_algorithm=_ALGORITHMS[jwk["crv"]], key_resolver=_OneKey(key))
    try:
        with warnings.catch_warnings():
            # It warns that labels are not signed; the cases choose by label on purpose.
            warnings.simplefilter("ignore")
            verifier.verify(message, max_age=None, expect_label=task["label"])
        digests = [v for name, v in message.headers.items() if name.lower() == "content-digest"]
        if digests:
            ContentDigest.verify(", ".join(digests), body)
    except HTTPMessageSignaturesException as error:
        if str(error).startswith(_NO_URL):
            raise InexpressibleError(str(error)) from error
        raise RefusedError(str(error)) from error
    except ValueError as error:
        raise RefusedError(f"{type(error).__name__}: {error}") from error


def _message(task: Mapping[str, Any]) -> Any:
    request = _request(task["request"], bare="response" in task)
    if "response" not in task:
        return request
    response = task["response"]
    return SimpleNamespace(
        status_code=response["status"], headers=_lines(response), request=request
    )


def _request(request: Mapping[str, Any], *, bare: bool) -> Any:
    target = request["target"]
    hosts = [value for name, value in request["headers"] if name.lower() == "host"]
    one_host = len(hosts) == 1 and _HOST.fullmatch(hosts[0])
    if not bare and not (one_host and target.startswith("/")):
        raise InexpressibleError("its requests have an absolute URL, made of one host and a path")
    return SimpleNamespace(
        method=request["method"],
        url=f"{request['scheme']}://{hosts[0] if hosts else ''}{target}",
        headers=_lines(request),
    )


def _lines(message: Mapping[str, Any]) -> _Headers:
    return _Headers([(name, value) for name, value in message["headers"]])


def public_key(jwk: Mapping[str, Any]) -> ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey:
    """Read a JWK; RefusedError for one that is no key of a kind that is known."""
    try:
        if jwk["kty"] != _TYPES[jwk["crv"]]:
            raise RefusedError("no key: kty and crv do not fit")
        if jwk["crv"] == "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(_octets(jwk["x"]))
        x, y = (int.from_bytes(_octets(jwk[name])) for name in ("x", "y"))
        return ec.EllipticCurvePublicNumbers(x, y, _CURVES[jwk["crv"]]).public_key()
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise RefusedError(f"no key: {type(error).__name__} {error}") from error


def _octets(text: str) -> bytes:
    if text.endswith("="):
        raise RefusedError("no key: base64url has no padding (RFC 7515 section 2)")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
