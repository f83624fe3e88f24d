"""A platform for the tests of authentication: it signs, and its profile is in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from canonical import Request, content_digest, load_key, load_key_set, sign
from connector.authentication.policy import Policy
from connector.authentication.verification import Authenticator
from connector.platforms.agent import agent_reader
from connector.steps import Received

if TYPE_CHECKING:
    from canonical import KeySet
    from connector.authentication.verification import Registered
    from connector.egress.urls import ProfileUrl

NOW = 1_767_225_600
URL = "https://platform.example/.well-known/ucp"
KEY = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "platform-2026",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}
ED25519 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
BODY = b'{"line_items": []}'
GET = ("@method", "@authority", "@path", "ucp-agent")
POST = (*GET, "idempotency-key", "content-digest", "content-type")


class FixedProfile(NamedTuple):
    version: str
    keys: KeySet
    jwks: ProfileUrl | None = None


class Profiles:
    """One profile at hand; what discovery was asked is kept."""

    def __init__(self, keys: KeySet, *, at_hand: bool = True, later: KeySet | None = None) -> None:
        self.profile = FixedProfile("2026-08-25", keys)
        self.later = later
        self.at_hand = at_hand
        self.asked: list[str] = []

    def lookup(self, url: str, now: float, *, registered: bool) -> FixedProfile | None:
        del url, now, registered
        return self.profile if self.at_hand else None

    async def resolve(
        self, url: ProfileUrl, *, peer: str, registered: bool, now: float
    ) -> FixedProfile:
        del peer, registered, now
        self.asked.append(f"resolve {url.url}")
        return self.profile

    async def refresh(
        self,
        url: ProfileUrl,
        *,
        peer: str,
        registered: bool,
        now: float,
        kids: frozenset[str] = frozenset(),
    ) -> FixedProfile:
        del peer, registered, now
        self.asked.append(f"refresh {url.url} for {', '.join(sorted(kids))}")
        return self.profile._replace(keys=self.later) if self.later else self.profile

    def verified(self, url: str, keys: KeySet, *, registered: bool) -> None:
        del keys
        self.asked.append(f"verified {'registered ' if registered else ''}{url}")


def public_keys(*jwks: dict[str, Any]) -> KeySet:
    return load_key_set([load_key(jwk).public_jwk() for jwk in jwks])


def authenticator(
    profiles: Profiles | None = None,
    *,
    policy: Policy | None = None,
    registered: dict[str, Registered] | None = None,
    discovery_open: bool = True,
    revoked: frozenset[str] = frozenset(),
) -> Authenticator:
    return Authenticator(
        profiles=profiles or Profiles(public_keys(KEY, ED25519)),
        agent_url=agent_reader(),
        discovered=policy or Policy("discovered"),
        registered=registered or {},
        versions=frozenset({"2026-08-25"}),
        discovery_open=discovery_open,
        keyed_horizon=47 * 3600,
        revoked=revoked,
    )


def headers(method: str, body: bytes) -> list[tuple[str, str]]:
    lines = [("Host", "shop.example.com"), ("UCP-Agent", f'profile="{URL}"')]
    if method != "GET":
        lines.append(("Idempotency-Key", "550e8400-e29b-41d4-a716-446655440000"))
    if body:
        lines += [("Content-Type", "application/json"), ("Content-Digest", content_digest(body))]
    return lines


def signed(
    method: str = "GET",
    target: str = "/orders/1",
    *,
    body: bytes = b"",
    components: tuple[str, ...] | None = None,
    extra: tuple[tuple[str, str], ...] = (),
    without: tuple[str, ...] = (),
    jwk: dict[str, Any] = KEY,
    label: str = "sig1",
    **parameters: Any,
) -> Request:
    """Return a signed request; ``parameters`` replace the created and keyid that it has."""
    if components is None:
        components = POST if body else GET
    lines = [*headers(method, body), *extra]
    message = Request(method=method, target=target, headers=lines, body=body)
    chosen = {"created": NOW, "keyid": jwk["kid"], **parameters}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    given, value = sign(message, load_key(jwk), list(components), label=label, **chosen)
    lines += [("Signature-Input", given), ("Signature", value)]
    kept = [line for line in lines if line[0] not in without]
    return Request(method=method, target=target, headers=kept, body=body)


def altered(request: Request, **changes: Any) -> Request:
    """Return the request with some of its parts changed after it was signed."""
    parts: dict[str, Any] = {
        "method": request.method,
        "target": request.target,
        "headers": list(request.headers),
        "body": request.body,
    }
    return Request(**(parts | changes))


def received(request: Request) -> Received:
    return Received(request, "shop", "192.0.2.1", float(NOW), 0.0)
