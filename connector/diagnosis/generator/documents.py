"""What stands behind the profile URLs of the cases. Each differs from ``PLATFORM`` in one thing."""

from __future__ import annotations

from typing import Any, Final

from connector.diagnosis.generator.keys import public_jwk, thumbprint

PLATFORM: Final = "https://platform.example/.well-known/ucp"
_VERSION: Final = "2026-08-25"
_ES256: Final = public_jwk("platform-2026")
_NEXT: Final = public_jwk("platform-next", kid="platform-2026")
# RFC 8032 section 5.1.3: y = 1 is the neutral element, a point of order 1.
_NEUTRAL: Final = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def url(host: str) -> str:
    """Return the profile URL of one of the hosts below ``platform.example``."""
    return f"https://{host}.platform.example/.well-known/ucp"


def _spare(text: str) -> str:
    """Set a bit behind the last octet of a base64url text that a decoder has no use for."""
    return text[:-1] + chr(ord(text[-1]) + 1)


def _nested(levels: int) -> dict[str, Any]:
    """Return a good profile as deep as this, objects and lists counted."""
    inner: dict[str, Any] = {}
    for _ in range(levels - 2):
        inner = {"in": inner}
    return {"json": {"ucp": {"version": _VERSION}, "keys": [_ES256], "more": inner}}


def _profile(*jwks: object, version: str = _VERSION, keys: str = "keys") -> dict[str, Any]:
    return {"json": {"ucp": {"version": version}, keys: list(jwks)}}


def _client(host: str, jwks: str) -> dict[str, Any]:
    """Return a client's metadata: what it is called, and where its keys are."""
    return {"json": {"client_id": url(host), "jwks_uri": jwks}}


DOCUMENTS: Final[dict[str, dict[str, Any]]] = {
    PLATFORM: _profile(_ES256, public_jwk("platform-es384"), public_jwk("platform-ed25519")),
    # Versions and where keys stand
    url("april"): _profile(_ES256, version="2026-04-08", keys="signing_keys"),
    url("both-lists"): {
        "json": {"ucp": {"version": _VERSION}, "keys": [_ES256], "signing_keys": [_NEXT]}
    },
    url("signing-keys"): _profile(_ES256, keys="signing_keys"),
    url("signing-keys-text"): {
        "json": {"ucp": {"version": _VERSION}, "signing_keys": "platform-2026"}
    },
    url("signing-keys-object"): {"json": {"ucp": {"version": _VERSION}, "signing_keys": _ES256}},
    url("april-keys"): _profile(
        _ES256,
        public_jwk("platform-es384"),
        public_jwk("platform-ed25519"),
        version="2026-04-08",
    ),
    url("keys-win"): {"json": {"ucp": {"version": _VERSION}, "keys": [], "signing_keys": [_ES256]}},
    url("january"): _profile(_ES256, version="2026-01-11"),
    # What a set may hold
    url("web-bot-auth"): _profile(
        public_jwk("platform-ed25519", kid=thumbprint("platform-ed25519"))
    ),
    url("web-bot-auth-two-kids"): _profile(
        public_jwk("platform-ed25519", kid=thumbprint("platform-ed25519")),
        public_jwk("platform-ed25519"),
    ),
    url("web-bot-auth-es256"): _profile(
        public_jwk("platform-2026", kid=thumbprint("platform-2026"))
    ),
    url("web-bot-auth-es256-kids"): _profile(
        public_jwk("platform-2026", kid=thumbprint("platform-2026")), _ES256
    ),
    url("same-key-twice"): _profile(_ES256, _ES256),
    url("duplicate-kid"): _profile(_ES256, _NEXT),
    url("duplicate-elsewhere"): _profile(
        public_jwk("platform-next"), public_jwk("stranger", kid="platform-next"), _ES256
    ),
    url("beside-signing-only"): _profile({**_NEXT, "key_ops": ["sign"]}, _ES256),
    url("beside-unusable"): _profile({**_NEXT, "crv": "P-521"}, _ES256),
    url("beside-unknown"): _profile(
        {"kid": "future", "kty": "LATTICE", "crv": "ML-DSA-65", "pub": "AQAB"}, _ES256
    ),
    url("encryption-key"): _profile(public_jwk("platform-2026", use="enc")),
    url("key-ops-verify"): _profile(public_jwk("platform-2026", key_ops=["verify"])),
    url("key-ops-sign"): _profile(public_jwk("platform-2026", key_ops=["sign"])),
    url("no-kid"): _profile(public_jwk("platform-2026", kid=None)),
    url("lookalike-kid"): _profile(public_jwk("platform-2026", kid="a),sig2=(b;created=1")),
    f"{url('query')}?v=%7e1&w=1": _profile(_ES256),
    url("alg-absent"): _profile(public_jwk("platform-2026", alg=None)),
    url("use-absent"): _profile(public_jwk("platform-2026", use=None)),
    url("alg-ed25519"): _profile(public_jwk("platform-ed25519", alg="Ed25519")),
    url("more-members"): _profile(
        public_jwk("platform-2026", exp=1, x5u="https://platform.example/", crit=["exp"])
    ),
    url("beside-rubbish"): _profile(1, None, "key", [], {}, {"kid": 1}, _ES256),
    url("beside-encryption"): _profile({**_NEXT, "use": "enc"}, _ES256),
    url("use-upper-case"): _profile(public_jwk("platform-2026", use="SIG")),
    url("key-ops-empty"): _profile(public_jwk("platform-2026", key_ops=[])),
    url("key-ops-text"): _profile(public_jwk("platform-2026", key_ops="verify")),
    url("kid-number"): _profile(public_jwk("platform-2026", kid=2026)),
    # What Signature-Agent leads to
    url("client"): _client("client", url("client-keys")),
    url("client-keys"): _profile(public_jwk("platform-2026", kid=thumbprint("platform-2026"))),
    url("client-of-profile"): _client("client-of-profile", url("web-bot-auth-es256")),
    url("client-of-another"): _client("client", url("client-keys")),
    url("client-without-keys"): {"json": {"client_id": url("client-without-keys")}},
    url("client-inside"): _client("client-inside", "https://10.0.0.1/jwks.json"),
    url("client-unversioned"): _client("client-unversioned", url("set-unversioned")),
    url("set-unversioned"): {
        "json": {"keys": [public_jwk("platform-2026", kid=thumbprint("platform-2026"))]}
    },
    url("client-keyless"): _client("client-keyless", url("set-keyless")),
    url("set-keyless"): {"json": {"ucp": {"version": _VERSION}}},
    # Entries that cannot be used
    url("symmetric"): _profile({"kid": "platform-2026", "kty": "oct", "k": "AAECAwQFBgcICQoL"}),
    url("rsa"): _profile({"kid": "platform-2026", "kty": "RSA", "n": "xjlCRBqkOC2t", "e": "AQAB"}),
    url("unknown-curve"): _profile(public_jwk("platform-2026", crv="secp256k1", alg=None)),
    url("wrong-alg"): _profile(public_jwk("platform-2026", alg="ES384")),
    url("off-curve"): _profile(public_jwk("platform-2026", y=_ES256["x"])),
    url("short-coordinate"): _profile(public_jwk("platform-2026", x=_ES256["x"][:-4])),
    url("p-521"): _profile(public_jwk("platform-2026", crv="P-521")),
    url("kty-lower-case"): _profile(public_jwk("platform-2026", kty="ec")),
    url("alg-none"): _profile(public_jwk("platform-2026", alg="none")),
    url("alg-hs256"): _profile(public_jwk("platform-2026", alg="HS256")),
    url("alg-lower-case"): _profile(public_jwk("platform-2026", alg="es256")),
    url("y-absent"): _profile(public_jwk("platform-2026", y=None)),
    url("coordinate-padded"): _profile(public_jwk("platform-2026", x=f"{_ES256['x']}=")),
    url("coordinate-spare-bits"): _profile(public_jwk("platform-2026", x=_spare(_ES256["x"]))),
    url("coordinate-zero"): _profile(public_jwk("platform-2026", x=f"AA{_ES256['x']}")),
    url("coordinate-number"): _profile(public_jwk("platform-2026", y=7)),
    url("point-swapped"): _profile(public_jwk("platform-2026", x=_ES256["y"], y=_ES256["x"])),
    url("x25519"): _profile(public_jwk("platform-ed25519", crv="X25519")),
    url("alg-of-curve"): _profile(public_jwk("platform-ed25519", alg="ES256")),
    url("low-order"): _profile(public_jwk("platform-ed25519", x=_NEUTRAL)),
    # Documents that are none
    url("version-number"): {"json": {"ucp": {"version": 20260825}, "keys": [_ES256]}},
    url("version-empty"): _profile(_ES256, version=""),
    url("version-long"): _profile(_ES256, version=f"2026-08-25-{'x' * 22}"),
    url("no-ucp"): {"json": {"version": _VERSION, "keys": [_ES256]}},
    url("ucp-list"): {"json": {"ucp": [_VERSION], "keys": [_ES256]}},
    url("keys-null"): {"json": {"ucp": {"version": _VERSION}, "keys": None}},
    url("keys-text"): {"json": {"ucp": {"version": _VERSION}, "keys": "platform-2026"}},
    url("deep"): _nested(32),
    url("too-deep"): _nested(33),
    url("keys-nested"): {"json": {"ucp": {"version": _VERSION, "keys": [_ES256]}}},
    url("no-keys"): {"json": {"ucp": {"version": _VERSION}}},
    url("future"): _profile(_ES256, version="2031-01-01"),
    url("pre-release"): _profile(_ES256, version=f"{_VERSION}-rc1"),
    url("status-500"): {"status": 500},
    url("status-204"): {"status": 204},
    url("status-401"): {"status": 401},
    url("moved"): {"status": 301},
    url("no-version"): {"json": {"ucp": {}, "keys": [_ES256]}},
    url("keys-object"): {"json": {"ucp": {"version": _VERSION}, "keys": {"platform": _ES256}}},
    url("no-object"): {"json": [_ES256]},
    url("status-503"): {"status": 503},
    url("status-404"): {"status": 404},
    url("redirect"): {"status": 302},
    url("timeout"): {"error": "timeout"},
    url("refused"): {"error": "connection"},
    url("bad-certificate"): {"error": "tls"},
    url("no-address"): {"error": "unresolvable"},
    url("inside"): {"error": "special_use"},
}
