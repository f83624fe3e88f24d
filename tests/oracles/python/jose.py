"""JSON Web Signatures by joserfc over payloads that are made here: the body, the RFC 8785 form
of a checkout, the Talos envelope.

The forms are those of the project's description of the older schemes; RFC 8785 is by rfc8785.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

import rfc8785
from http_sf import parse, ser
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from tests.oracles.python.http_signatures import public_key
from tests.oracles.python.verdicts import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHMS: Final = {"P-256": ["ES256"], "P-384": ["ES384"]}
_META: Final = re.compile(
    r'iat=([0-9]+), ?jti="([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"'
)


def verify_body(task: Mapping[str, Any], jwk: Mapping[str, Any]) -> None:
    """A detached JWS over the body, as the January 2026 versions have it (RFC 7797)."""
    request = task["request"]
    _verify(_sole(request, "request-signature"), base64.b64decode(request["body_base64"]), jwk)


def verify_authorization(task: Mapping[str, Any], jwk: Mapping[str, Any]) -> None:
    """``ap2.merchant_authorization`` over the canonical checkout without ``ap2``."""
    checkout = _json(base64.b64decode(task["response"]["body_base64"]))
    if not isinstance(checkout, dict):
        raise RefusedError("the checkout is no object")
    ap2 = checkout.pop("ap2", None)
    value = ap2.get("merchant_authorization") if isinstance(ap2, dict) else None
    if not isinstance(value, str):
        raise RefusedError("there is no authorization")
    _verify(value, _canonical(checkout), jwk, unencoded=False)


def verify_envelope(task: Mapping[str, Any], jwk: Mapping[str, Any]) -> None:
    """A detached JWS over the canonical form of what the request says."""
    value = _sole(task["request"], "request-signature")
    header = _verify(value, _canonical(_envelope(task)), jwk, unencoded=False)
    if header.get("typ") != "JOSE":
        raise RefusedError("typ is not JOSE")


def _verify(
    value: str, payload: bytes, jwk: Mapping[str, Any], *, unencoded: bool = True
) -> dict[str, Any]:
    if jwk.get("crv") not in _ALGORITHMS:
        raise RefusedError("the key is not on P-256 or P-384")
    public_key(jwk)
    if value.count(".") != 2 or ".." not in value:
        raise RefusedError("not of the form header..signature")
    members = {name: jwk[name] for name in ("kty", "crv", "x", "y")}
    registry = jws.JWSRegistry(algorithms=_ALGORITHMS[jwk["crv"]], strict_check_header=False)
    # Its default bounds are below what the vectors use.
    registry.max_header_length = registry.max_payload_length = 1 << 20
    try:
        found = jws.deserialize_compact(
            value, ECKey.import_key(members), registry=registry, payload=payload
        )
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise RefusedError(f"{type(error).__name__}: {error}") from error
    header = dict(found.headers())
    if not unencoded and header.get("b64", True) is not True:
        raise RefusedError("the payload is base64url text here")
    return header


def _envelope(task: Mapping[str, Any]) -> dict[str, Any]:
    request = task["request"]
    path, _, query = request["target"].partition("?")
    endpoint: str = task["endpoint"]
    if not path.startswith(f"{endpoint}/"):
        raise RefusedError("not below the endpoint")
    headers = {"ucp-agent": ser(parse(_sole(request, "ucp-agent").encode(), tltype="dictionary"))}
    for name in ("content-type", "idempotency-key", "talos-signature-meta"):
        if _values(request, name):
            headers[name] = _sole(request, name)
    meta = _META.fullmatch(headers.get("talos-signature-meta", ""))
    if meta is None:
        raise RefusedError("Talos-Signature-Meta is malformed")
    body = base64.b64decode(request["body_base64"])
    value = _json(body) if body else None
    return {
        "method": request["method"].upper(),
        "path": path[len(endpoint) :],
        "query": urlencode(sorted(parse_qsl(query, keep_blank_values=True))),
        "headers": headers,
        "body": None if path.endswith("/cancel") and value == {} else value,
        "meta": {"iat": int(meta[1]), "jti": meta[2]},
    }


def _values(request: Mapping[str, Any], name: str) -> list[str]:
    return [value for each, value in request["headers"] if each.lower() == name]


def _sole(request: Mapping[str, Any], name: str) -> str:
    values = _values(request, name)
    if len(values) != 1:
        raise RefusedError(f"{len(values)} lines of {name}")
    return values[0]


def _json(octets: bytes) -> Any:
    try:
        return json.loads(octets.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError, binascii.Error) as error:
        raise RefusedError(f"not JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 8785 section 3.1: I-JSON, whose objects have no name twice.
    if len(dict(pairs)) != len(pairs):
        raise RefusedError("an object has a name twice")
    return dict(pairs)


def _canonical(value: Any) -> bytes:
    try:
        octets: bytes = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise RefusedError(f"not canonical: {error}") from error
    return octets
