"""A request signed as UCP asks: RFC 9421, and the schemes of its first versions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from canonical import (
    Request,
    content_digest,
    parse_signatures,
    sign,
    sign_detached,
    sign_envelope,
    signature_base,
)
from canonical.envelope import envelope
from canonical.jws import signing_input

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from canonical import Key

BOT_AUTH: Final = "web-bot-auth"
RFC9421: Final = "rfc9421"
DETACHED_JWS: Final = "detached-jws"
TALOS: Final = "talos"
SCHEMES: Final = (RFC9421, DETACHED_JWS, TALOS)

_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Visible ASCII alone: what a request line can carry as it is.
_URL: Final = re.compile(
    r"(?=[!-~]+$)(?P<scheme>https?)://(?P<authority>[^/?#@]+)(?P<rest>(?:[/?#].*)?)", re.IGNORECASE
)
_JSON_RPC: Final = re.compile(rb'"jsonrpc"\s*:\s*"2\.0"')
# The first segments of the operations' paths: what stands before them is the endpoint.
_OPERATIONS: Final = re.compile(r"(.*?)/(?:checkout-sessions|carts|orders|catalog)(?:[/?].*)?")
_METHOD: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 section 5.6.2: token


class Draft(NamedTuple):
    """A request before it is signed: its URL in parts, the headers given, and the body."""

    method: str
    scheme: str
    authority: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def url(self) -> str:
        """The URL; its target is the one that is signed, octet for octet."""
        return f"{self.scheme}://{self.authority}{self.target}"


class SignedRequest(NamedTuple):
    """A request with all its headers, and what was signed."""

    draft: Draft
    headers: Sequence[tuple[str, str]]
    base: bytes
    """The signature base; of the older schemes, the input of the JWS."""
    scheme: str
    keyid: str
    label: str
    """Empty where the scheme has none."""


def wants_key(method: str, body: bytes) -> bool:
    """Tell whether UCP asks for an Idempotency-Key header with such a request.

    Not where the body is JSON-RPC: there the key has a place of its own, ``params.arguments.meta``.
    """
    return method in _WRITES and not is_json_rpc(body)


def is_json_rpc(body: bytes) -> bool:
    """Tell whether the body is a JSON-RPC call, as MCP sends it."""
    return _JSON_RPC.search(body) is not None


def draft(
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    profile: str | None,
    idempotency_key: str | None,
) -> Draft:
    """Take a URL apart without changing it and add the headers that every scheme sends.

    A header that was given is never replaced. ValueError where something cannot be sent as it is.
    """
    if _METHOD.fullmatch(method) is None:
        raise ValueError(f"{method!r} is not a method")
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("the URL must be http:// or https://, of visible ASCII characters")
    rest = match["rest"]
    if "#" in rest:
        raise ValueError("the URL has a fragment, which is never sent")
    target = rest if rest.startswith("/") else f"/{rest}"
    default = [("Host", match["authority"])]
    if profile is not None:
        default.append(("UCP-Agent", f'profile="{profile}"'))
    if idempotency_key is not None:
        default.append(("Idempotency-Key", idempotency_key))
    if body:
        default.append(("Content-Type", "application/json"))
    complete = _with_defaults(headers, default)
    for name, value in complete:
        if not value.isprintable():
            raise ValueError(f"the value of {name} has a character that no header can have")
    return Draft(method, match["scheme"].lower(), match["authority"], target, complete, body)


def sign_request(
    request: Draft,
    key: Key,
    *,
    label: str,
    components: Sequence[str],
    parameters: Mapping[str, Any],
) -> SignedRequest:
    """Sign by RFC 9421; ``components`` empty covers all that must be covered.

    ``parameters`` name the keyid. Raises CanonicalError.
    """
    headers = list(request.headers)
    if request.body:
        headers = _with_defaults(headers, [("Content-Digest", content_digest(request.body))])
    bot_auth = parameters.get("tag") == BOT_AUTH
    covered = components or _required(request, headers, label if bot_auth else None)
    message = as_message(request, headers)
    signature_input, signature = sign(message, key, covered, label=label, **parameters)
    headers += [("Signature-Input", signature_input), ("Signature", signature)]
    signed = as_message(request, headers)
    mine = next(each for each in parse_signatures(signed) if each.label == label)
    base = signature_base(signed, mine)
    return SignedRequest(request, headers, base, RFC9421, parameters["keyid"], label)


def sign_body(request: Draft, key: Key, *, encoded: bool) -> SignedRequest:
    """Sign the body with a detached JWS (2026-01), and nothing else of the request.

    The octets themselves are signed (RFC 7797), or with ``encoded`` their base64url text. The key
    has a kid.
    """
    jws = sign_detached(request.body, key, b64=encoded)
    return _with_jws(request, key, jws, request.body, DETACHED_JWS)


def sign_as_talos(request: Draft, key: Key, *, endpoint: str, iat: int, jti: str) -> SignedRequest:
    """Sign the Talos envelope of the request; the key has a kid. Raises CanonicalError.

    ``endpoint`` is the path of the REST endpoint, ``iat`` UNIX time and ``jti`` a UUID.
    """
    meta = ("Talos-Signature-Meta", f'iat={iat}, jti="{jti}"')
    request = request._replace(headers=_with_defaults(request.headers, [meta]))
    message = as_message(request, request.headers)
    jws = sign_envelope(message, key, endpoint=endpoint)
    return _with_jws(request, key, jws, envelope(message, endpoint=endpoint), TALOS)


def endpoint_of(target: str) -> str:
    """Return what stands before an operation's path: the REST endpoint, or nothing."""
    match = _OPERATIONS.fullmatch(target)
    return match[1] if match else ""


def _with_jws(request: Draft, key: Key, jws: str, payload: bytes, scheme: str) -> SignedRequest:
    headers = [*request.headers, ("Request-Signature", jws)]
    return SignedRequest(request, headers, signing_input(jws, payload), scheme, key.kid or "", "")


def as_message(request: Draft, headers: Sequence[tuple[str, str]]) -> Request:
    """Return the request with these headers as ``canonical`` takes it."""
    return Request(
        method=request.method,
        target=request.target,
        scheme=request.scheme,
        headers=list(headers),
        body=request.body,
    )


def _with_defaults(
    given: Sequence[tuple[str, str]], default: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    names = {name.lower() for name, _ in given}
    return [*given, *(line for line in default if line[0].lower() not in names)]


def _required(request: Draft, headers: Sequence[tuple[str, str]], label: str | None) -> list[str]:
    """Name what must be covered; ``label`` is given for web-bot-auth only."""
    present = {name.lower() for name, _ in headers}
    covered = ["@method", "@authority", "@path"]
    if "?" in request.target:
        covered.append("@query")
    covered += [name for name in ("ucp-agent", "idempotency-key") if name in present]
    if request.body:
        covered += ["content-digest", "content-type"]
    if "signature-agent" in present:
        member = "signature-agent" if label is None else f'"signature-agent";key="{label}"'
        covered.append(member)
    return covered
