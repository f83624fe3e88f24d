"""A business and what it sends: its profiles, a signed response, a webhook."""

from __future__ import annotations

from typing import Any, Final

from canonical import content_digest
from connector.diagnosis.generator.keys import public_jwk
from connector.diagnosis.generator.recipes import NOW, POST, TYPE, Line, Recipe, Signing

SHOP: Final = "shop.example.com"
_VERSION: Final = "2026-08-25"
_ES256: Final = public_jwk("business-2026")
_KEYS: Final = (_ES256, public_jwk("business-es384"), public_jwk("business-ed25519"))


def profile_of(host: str) -> str:
    """Return the URL of the profile that the business at a host publishes."""
    return f"https://{host}/.well-known/ucp"


def shop(name: str) -> str:
    """Return the host of one of the shops below ``shop.example.com``."""
    return f"{name}.{SHOP}"


BUSINESS: Final = profile_of(SHOP)


def _profile(*jwks: dict[str, Any], version: str = _VERSION, **lists: Any) -> dict[str, Any]:
    found = lists or {"keys": list(jwks), "signing_keys": list(jwks)}
    return {"json": {"ucp": {"version": version}, **found}}


GOOD_SHOP: Final = _profile(_ES256)
"""The profile that a bad one differs from in one thing."""

DOCUMENTS: Final[dict[str, dict[str, Any]]] = {
    # Both lists, so that a platform of either version finds the keys (signatures.md#key-discovery).
    BUSINESS: _profile(*_KEYS),
    profile_of(shop("april")): _profile(version="2026-04-08", signing_keys=[_ES256]),
    profile_of(shop("january")): _profile(version="2026-01-11", signing_keys=[_ES256]),
    profile_of(shop("down")): {"status": 503},
    profile_of(shop("keyless")): _profile(keys=[], signing_keys=[]),
    profile_of(shop("malformed")): {"json": {"keys": [_ES256], "signing_keys": [_ES256]}},
}

RESPONSE_BODY: Final = b'{"id":"chk_123","status":"ready_for_complete","currency":"EUR"}'
RESPONSE_COVERS: Final = ("@status", "content-digest", "content-type")
_PARAMETERS: Final = f';created={NOW};keyid="business-2026"'

RESPONSE: Final = Recipe(
    "",
    "",
    (TYPE, ("Cache-Control", "no-transform"), ("Content-Digest", content_digest(RESPONSE_BODY))),
    RESPONSE_BODY,
    (Signing(RESPONSE_COVERS, "business-2026", _PARAMETERS),),
    status=201,
    answers=POST,
)

WEBHOOK_BODY: Final = b'{"id":"order_123","checkout_id":"chk_123","currency":"EUR"}'
WEBHOOK_COVERS: Final = (
    "@method",
    "@authority",
    "@path",
    "content-digest",
    "content-type",
    "ucp-agent",
    "webhook-id",
    "webhook-timestamp",
)
_WEBHOOK_HEADERS: Final[tuple[Line, ...]] = (
    ("Host", "platform.example"),
    ("UCP-Agent", f'profile="{BUSINESS}"'),
    TYPE,
    ("Content-Digest", content_digest(WEBHOOK_BODY)),
    ("Webhook-Id", "evt_0001"),
    ("Webhook-Timestamp", str(NOW)),
)

WEBHOOK: Final = Recipe(
    "POST",
    "/webhooks/ucp/orders",
    _WEBHOOK_HEADERS,
    WEBHOOK_BODY,
    (Signing(WEBHOOK_COVERS, "business-2026", _PARAMETERS),),
)


def signed_with(recipe: Recipe, key: str, extra: str = "") -> Recipe:
    """Return the recipe signed with one of the keys, which the keyid names."""
    return recipe.signed(key=key, parameters=f';created={NOW};keyid="{key}"{extra}')
