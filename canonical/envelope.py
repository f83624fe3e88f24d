"""The Talos envelope: an older way to sign a UCP request, as one JSON value.

``Request-Signature`` carries a detached JWS whose payload is the RFC 8785 form of

    {"method", "path", "query", "headers", "body", "meta": {"iat", "jti"}}

so what is signed is not what is sent but what both sides make of it. Where the two may differ:

* ``path`` is relative to the REST endpoint, ``query`` its form-encoded pairs in order of name and
  value, so neither the spelling nor the order of parameters is bound. Empty values stay.
* ``headers`` are ``content-type``, ``idempotency-key`` and ``talos-signature-meta`` as they came,
  and ``ucp-agent`` as a structured dictionary is written (RFC 9651); each where it is there.
* ``body`` is the JSON value, not its octets; null without a body, and for ``{}`` on cancel, which
  clients send there for want of anything to say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from canonical.errors import CanonicalError, SignatureInvalid
from canonical.fields import parse_dictionary
from canonical.jcs import canonicalize, parse_json
from canonical.jws import sign_detached, verify_detached
from canonical.message import to_text
from canonical.serialization import serialize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canonical.keys import Key
    from canonical.message import Request

_META: Final = b"talos-signature-meta"
_SIGNED_AS_SENT: Final = (b"content-type", b"idempotency-key", _META)
# RFC 9562 section 4, in lower or upper case.
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_CANCEL: Final = "/cancel"
_TYPE: Final = "JOSE"


class Meta(NamedTuple):
    """What ``Talos-Signature-Meta`` says: when it was signed, in UNIX seconds, and its own id."""

    iat: int
    jti: str


def read_meta(request: Request) -> Meta:
    """Read ``Talos-Signature-Meta``: ``iat=<integer>, jti="<UUID>"`` and nothing else.

    Raises CanonicalError.
    """
    members = parse_dictionary(_sole(request, _META), unique=True)
    if members.keys() != {"iat", "jti"}:
        raise CanonicalError("Talos-Signature-Meta has other members than iat and jti")
    (iat, iat_parameters), (jti, jti_parameters) = members["iat"], members["jti"]
    if type(iat) is not int or type(jti) is not str or iat_parameters or jti_parameters:
        raise CanonicalError("Talos-Signature-Meta is not of the form iat=<integer>, jti=<string>")
    if _UUID.fullmatch(jti) is None:
        raise CanonicalError("the jti of Talos-Signature-Meta is not a UUID")
    return Meta(iat, jti)


def envelope(request: Request, *, endpoint: str = "") -> bytes:
    """Return the payload that is signed; ``endpoint`` is the path of the REST endpoint.

    Raises CanonicalError where a part of it is missing or malformed.
    """
    path, _, query = request.target.partition("?")
    if not path.startswith(f"{endpoint}/"):
        raise CanonicalError("the path is not below the REST endpoint")
    path = path[len(endpoint) :]
    iat, jti = read_meta(request)
    return canonicalize(
        {
            "method": request.method.upper(),
            "path": path,
            "query": _sorted_query(query),
            "headers": _headers(request),
            "body": _body(request.body, cancels=path.endswith(_CANCEL)),
            "meta": {"iat": iat, "jti": jti},
        }
    )


def sign_envelope(request: Request, key: Key, *, endpoint: str = "") -> str:
    """Return the value of ``Request-Signature`` for a request that has all its other headers.

    Raises CanonicalError for what :func:`envelope` refuses and for a public key.
    """
    return sign_detached(
        envelope(request, endpoint=endpoint), key, b64=True, headers={"typ": _TYPE}
    )


def verify_envelope(request: Request, key: Key, *, endpoint: str = "") -> Meta:
    """Return what ``Talos-Signature-Meta`` says if the request was signed with this key.

    Raises SignatureInvalid, whatever is wrong.
    """
    try:
        jws = _sole(request, b"request-signature")
        payload = envelope(request, endpoint=endpoint)
    except CanonicalError as error:
        raise SignatureInvalid(str(error)) from error
    verify_payload(jws, payload, key)
    return read_meta(request)


def verify_payload(jws: str | bytes, payload: bytes, key: Key) -> None:
    """Verify a ``Request-Signature`` over what :func:`envelope` returned.

    For those who need the payload, too, which takes long to make. Raises SignatureInvalid,
    whatever is wrong.
    """
    protected = verify_detached(jws, payload, key)
    # RFC 7797 section 3: the payload is in the signing input as base64url, or it is another one.
    if not is_envelope(protected) or protected.get("b64", True) is not True:
        raise SignatureInvalid("the JWS is not one of a Talos envelope")


def is_envelope(protected: Mapping[str, Any]) -> bool:
    """Whether a JWS says in its protected header that it is one of a Talos envelope."""
    return protected.get("typ") == _TYPE


def _sole(request: Request, name: bytes) -> bytes:
    values = request.headers.lines(name)
    if len(values) != 1:
        raise CanonicalError(f"there is not one {name.decode()}")
    return values[0]


def _headers(request: Request) -> dict[str, str]:
    found = {}
    for name in _SIGNED_AS_SENT:
        if request.headers.lines(name):
            found[name.decode()] = to_text(_sole(request, name))
    agent = parse_dictionary(_sole(request, b"ucp-agent"), unique=True)
    found["ucp-agent"] = serialize(agent)
    return found


def _sorted_query(query: str) -> str:
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=bool(query), errors="strict"
        )
        return urlencode(sorted(pairs))
    except ValueError:  # octets that are not UTF-8 are a kind of it
        raise CanonicalError("the query is not made of pairs of UTF-8 text") from None


def _body(body: bytes, *, cancels: bool) -> Any:
    if not body:
        return None
    value = parse_json(body)
    return None if cancels and value == {} else value
