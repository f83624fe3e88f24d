"""What each bad document would be if its one thing were right: cases are repaired with it."""

from __future__ import annotations

from typing import Any, Final

from connector.diagnosis.generator import business
from connector.diagnosis.generator.documents import DOCUMENTS, url
from connector.diagnosis.generator.keys import public_jwk

_VERSION: Final = "2026-08-25"


def _profile(*names: str, keys: str = "keys") -> dict[str, Any]:
    jwks = [public_jwk(name) for name in names]
    return {"json": {"ucp": {"version": _VERSION}, keys: jwks}}


def _client(host: str) -> dict[str, Any]:
    return {"json": {"client_id": url(host), "jwks_uri": url("client-keys")}}


_PLATFORM: Final = _profile("platform-2026")
_TWINS: Final[dict[str, dict[str, Any]]] = {
    url("low-order"): _profile("platform-ed25519"),
    url("x25519"): _profile("platform-ed25519"),
    url("alg-of-curve"): _profile("platform-ed25519"),
    url("too-deep"): DOCUMENTS[url("deep")],
    url("signing-keys-text"): DOCUMENTS[url("signing-keys")],
    url("signing-keys-object"): DOCUMENTS[url("signing-keys")],
    **{
        url(host): _client(host)
        for host in ("client-of-another", "client-without-keys", "client-inside")
    },
    url("set-unversioned"): DOCUMENTS[url("client-keys")],
    url("set-keyless"): DOCUMENTS[url("client-keys")],
}


def twin_of(address: str) -> dict[str, Any]:
    """Return the good document that differs from the one behind the URL in one thing."""
    default = business.GOOD_SHOP if address in business.DOCUMENTS else _PLATFORM
    return _TWINS.get(address, default)
