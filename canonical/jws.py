"""Detached JSON Web Signatures in compact form (RFC 7515 appendix F, RFC 7797).

``header..signature``: the payload travels elsewhere, here as the body of a message. With
``"b64": false`` its octets are signed as they are, otherwise their base64url text is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from canonical.base64 import decode_url, encode_url
from canonical.errors import CanonicalError, SignatureInvalid
from canonical.jcs import canonicalize, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canonical.keys import Key

MAX_JWS: Final = 8192
"""Characters of a detached JWS."""

# RFC 7515 section 7.1, with the middle part left empty.
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.\.([A-Za-z0-9_-]+)")

# RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section 2.2: by the key's own algorithm.
# The first name is the one that we write.
_NAMES: Final = {"ES256": ("ES256",), "ES384": ("ES384",), "Ed25519": ("EdDSA", "Ed25519")}
_OURS: Final = frozenset({"alg", "b64", "crit"})


def sign_detached(
    payload: bytes, key: Key, *, b64: bool = False, headers: Mapping[str, Any] | None = None
) -> str:
    """Return the detached JWS of ``payload`` under a private key.

    ``b64=False`` signs the octets themselves and says so (RFC 7797), ``b64=True`` is plain
    RFC 7515. ``headers`` are added to the protected header, which names ``alg`` and, where the
    key has one, ``kid``. Raises CanonicalError for a public key, for headers that are not JSON,
    and for ``alg``, ``b64`` or ``crit`` among them.
    """
    given = dict(headers or {})
    if not _OURS.isdisjoint(given):
        raise CanonicalError("alg, b64 and crit of a JWS are not the caller's to choose")
    protected: dict[str, Any] = {"alg": _NAMES[key.algorithm][0]}
    if key.kid is not None:
        protected["kid"] = key.kid
    if not b64:
        protected |= {"b64": False, "crit": ["b64"]}
    header = encode_url(canonicalize(protected | given))
    jws = f"{header}..{encode_url(key.sign(_signing_input(header, payload, encoded=b64)))}"
    if len(jws) > MAX_JWS:
        raise CanonicalError(f"a detached JWS has at most {MAX_JWS} characters")
    return jws


def verify_detached(jws: str | bytes, payload: bytes, key: Key) -> dict[str, Any]:
    """Return the protected header if ``jws`` was made over ``payload`` with this key.

    The header's ``alg`` must be the key's; ``crit`` may hold only ``b64``. Keys that the header
    offers or points to (``jwk``, ``jku``, ``x5c``) are never used. Raises SignatureInvalid,
    whatever is wrong.
    """
    try:
        header, protected, signature = _split(jws)
    except CanonicalError as error:
        raise SignatureInvalid(f"not a detached JWS: {error}") from error
    if protected.get("alg") not in _NAMES[key.algorithm]:
        raise SignatureInvalid(f"the alg of the JWS does not fit a key for {key.algorithm}")
    encoded = protected.get("b64", True)
    key.verify(signature, _signing_input(header, payload, encoded=encoded))
    return protected


def signing_input(jws: str | bytes, payload: bytes) -> bytes:
    """Return the octets that were signed; CanonicalError as :func:`protected_header`."""
    header, protected, _ = _split(jws)
    return _signing_input(header, payload, encoded=protected.get("b64", True))


def protected_header(jws: str | bytes) -> dict[str, Any]:
    """Return the protected header of a detached JWS, unverified: what names the key (``kid``).

    Raises CanonicalError where the JWS is malformed, longer than ``MAX_JWS``, has a repeated name
    in its header or demands an extension other than ``b64``.
    """
    return _split(jws)[1]


def _split(jws: str | bytes) -> tuple[str, dict[str, Any], bytes]:
    if len(jws) > MAX_JWS:
        raise CanonicalError(f"it has more than {MAX_JWS} characters")
    text = jws if isinstance(jws, str) else jws.decode("latin-1")
    match = _COMPACT.fullmatch(text)
    if match is None:
        raise CanonicalError("it is not of the form header..signature")
    header, signature = match.groups()
    protected = parse_json(decode_url(header))
    if not isinstance(protected, dict):
        raise CanonicalError("its header is not a JSON object")
    _check_extensions(protected)
    if not isinstance(protected.get("kid", ""), str):
        raise CanonicalError("its kid is not a string")
    return header, protected, decode_url(signature)


def _check_extensions(protected: dict[str, Any]) -> None:
    """Hold ``b64`` and ``crit`` to RFC 7797 section 6 and RFC 7515 section 4.1.11."""
    b64 = protected.get("b64", True)
    if not isinstance(b64, bool):
        raise CanonicalError("its b64 is neither true nor false")
    if "crit" in protected:
        if protected["crit"] != ["b64"]:
            raise CanonicalError("its crit is not exactly b64")
        if "b64" not in protected:
            raise CanonicalError("its crit names b64, which it lacks")
    elif not b64:
        raise CanonicalError("it has b64 without naming it in crit")


def _signing_input(header: str, payload: bytes, *, encoded: bool) -> bytes:
    # RFC 7515 section 5.1, RFC 7797 section 3.
    return f"{header}.".encode("ascii") + (
        encode_url(payload).encode("ascii") if encoded else payload
    )
