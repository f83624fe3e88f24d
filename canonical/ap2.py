"""AP2's ``merchant_authorization``: a business vouches for a checkout (ucp-rules section 9).

The authorization is a detached JWS over the RFC 8785 form of the checkout without its ``ap2``
member, always with an elliptic key, and stands in ``ap2.merchant_authorization`` of the checkout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from canonical.errors import CanonicalError, SignatureInvalid
from canonical.jcs import canonicalize, parse_json
from canonical.jws import sign_detached, verify_detached

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canonical.keys import Key

_EXTENSION: Final = "ap2"
_MEMBER: Final = "merchant_authorization"
_ALGORITHMS: Final = frozenset({"ES256", "ES384"})


def sign_merchant_authorization(checkout: bytes | Mapping[str, Any], key: Key) -> str:
    """Return the value of ``ap2.merchant_authorization`` for a checkout.

    ``checkout`` is JSON text or its value; an ``ap2`` member that it has already is left out.
    Raises CanonicalError for what is no object, for a key that is not elliptic or not private.
    """
    _check_key(key)
    return sign_detached(_payload(_object(checkout)), key, b64=True)


def verify_merchant_authorization(checkout: bytes | Mapping[str, Any], key: Key) -> dict[str, Any]:
    """Return the protected header if the checkout carries an authorization made with this key.

    Raises SignatureInvalid, whatever is wrong.
    """
    try:
        _check_key(key)
        document = _object(checkout)
        payload = _payload(document)
    except CanonicalError as error:
        raise SignatureInvalid(str(error)) from error
    protected = verify_detached(merchant_authorization(document), payload, key)
    if protected.get("b64", True) is not True:
        raise SignatureInvalid("the authorization is not over base64url")
    return protected


def merchant_authorization(checkout: bytes | Mapping[str, Any]) -> str:
    """Return the authorization that a checkout carries, unverified; SignatureInvalid without."""
    try:
        extension = _object(checkout).get(_EXTENSION)
    except CanonicalError as error:
        raise SignatureInvalid(str(error)) from error
    jws = extension.get(_MEMBER) if isinstance(extension, dict) else None
    if not isinstance(jws, str):
        raise SignatureInvalid("the checkout carries no merchant_authorization")
    return jws


def _object(checkout: bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    value = parse_json(checkout) if isinstance(checkout, bytes) else checkout
    if not isinstance(value, dict):
        raise CanonicalError("a checkout is a JSON object")
    return value


def _payload(checkout: Mapping[str, Any]) -> bytes:
    return canonicalize({name: value for name, value in checkout.items() if name != _EXTENSION})


def _check_key(key: Key) -> None:
    if key.algorithm not in _ALGORITHMS:
        raise CanonicalError("a merchant authorization is made with an elliptic key")
