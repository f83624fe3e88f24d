"""A request signed as UCP asks (signatures.md, REST Request Signing), and three ways to show it."""

from __future__ import annotations

import json
import re
import shlex
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from canonical import Request, content_digest, parse_signatures, sign, signature_base

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from canonical import Key

BOT_AUTH: Final = "web-bot-auth"
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Visible ASCII alone: what a request line can carry as it is.
_URL: Final = re.compile(
    r"(?=[!-~]+$)(?P<scheme>https?)://(?P<authority>[^/?#@]+)(?P<rest>(?:[/?#].*)?)", re.IGNORECASE
)
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
    def is_write(self) -> bool:
        """Whether UCP asks for an Idempotency-Key with this method."""
        return self.method in _WRITES


class SignedRequest(NamedTuple):
    """A request with its signature headers, and the signature base that was signed."""

    draft: Draft
    headers: Sequence[tuple[str, str]]
    base: bytes

    @property
    def url(self) -> str:
        """The URL; its target is the one that was signed, octet for octet."""
        return f"{self.draft.scheme}://{self.draft.authority}{self.draft.target}"


def draft(method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Draft:
    """Take a URL apart without changing it; ValueError where it cannot be sent as it is."""
    if _METHOD.fullmatch(method) is None:
        raise ValueError(f"{method!r} is not a method")
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("the URL must be http:// or https://, of visible ASCII characters")
    rest = match["rest"]
    if "#" in rest:
        raise ValueError("the URL has a fragment, which is never sent")
    target = rest if rest.startswith("/") else f"/{rest}"
    return Draft(method, match["scheme"].lower(), match["authority"], target, headers, body)


def sign_request(
    request: Draft,
    key: Key,
    *,
    profile: str | None,
    idempotency_key: str | None,
    label: str,
    components: Sequence[str],
    parameters: Mapping[str, Any],
) -> SignedRequest:
    """Add what UCP asks for and sign; ``components`` empty covers all that must be covered.

    A header that was given is never replaced. Raises CanonicalError.
    """
    headers = list(request.headers)

    def default(name: str, value: str) -> None:
        if all(given.lower() != name.lower() for given, _ in headers):
            headers.append((name, value))

    default("Host", request.authority)
    if profile is not None:
        default("UCP-Agent", f'profile="{profile}"')
    if idempotency_key is not None:
        default("Idempotency-Key", idempotency_key)
    if request.body:
        default("Content-Type", "application/json")
        default("Content-Digest", content_digest(request.body))
    bot_auth = parameters.get("tag") == BOT_AUTH
    covered = components or _required(request, headers, label if bot_auth else None)
    message = _message(request, headers)
    signature_input, signature = sign(message, key, covered, label=label, **parameters)
    headers += [("Signature-Input", signature_input), ("Signature", signature)]
    signed = _message(request, headers)
    mine = next(each for each in parse_signatures(signed) if each.label == label)
    return SignedRequest(request, headers, signature_base(signed, mine))


def _message(request: Draft, headers: Sequence[tuple[str, str]]) -> Request:
    return Request(
        method=request.method,
        target=request.target,
        scheme=request.scheme,
        headers=list(headers),
        body=request.body,
    )


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


def as_headers(signed: SignedRequest) -> str:
    """Show one header a line."""
    return "\n".join(f"{name}: {value}" for name, value in signed.headers)


def as_curl(signed: SignedRequest, data_argument: str | None) -> str:
    """Show a curl command line for a POSIX shell.

    ``data_argument`` is what curl reads the body from (``@FILE``); without it the body stands in
    the line, and must be text without NUL: ValueError.
    """
    # --path-as-is: curl would take dot segments out. --data-binary: and line ends out of bodies.
    words = ["curl", "--path-as-is", "--request", signed.draft.method]
    lines = [shlex.join(words)]
    for name, value in signed.headers:
        # curl drops a header without value, unless it ends in a semicolon.
        lines.append(shlex.join(["--header", f"{name}: {value}" if value else f"{name};"]))
    if signed.draft.body:
        lines.append(shlex.join(["--data-binary", data_argument or _text(signed.draft.body)]))
    # curl reads brackets and braces in a URL as patterns.
    lines.append(shlex.join(["--globoff", signed.url]))
    return " \\\n  ".join(lines)


def as_json(signed: SignedRequest) -> str:
    """Show a JSON object: what is sent, and the signature base."""
    body: dict[str, str] = {}
    if signed.draft.body:
        try:
            body["body"] = signed.draft.body.decode("utf-8")
        except UnicodeDecodeError:
            body["body_base64"] = b64encode(signed.draft.body).decode("ascii")
    return json.dumps(
        {
            "method": signed.draft.method,
            "url": signed.url,
            "headers": [list(line) for line in signed.headers],
            **body,
            "signature_base": signed.base.decode("ascii"),
        },
        indent=2,
    )


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    # An argument ends at a NUL, and curl reads a file where it begins with "@".
    if "\0" in text or text.startswith("@"):
        raise ValueError(
            "the body cannot stand in a command line; put it into a file: --data @FILE"
        )
    return text
