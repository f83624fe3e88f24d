"""Profiles and keys for the tests of this room."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from canonical import load_key_set
from connector.egress.fetch import FetchedDocument

NO_KEYS = load_key_set([])
"""For a discovery without a fleet, which does not ask which keys verified."""


def _b64(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()


def jwk(kid: str | None = "key-1", **members: Any) -> dict[str, Any]:
    """A fresh public P-256 key."""
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    named = {} if kid is None else {"kid": kid}
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": _b64(numbers.x),
        "y": _b64(numbers.y),
        **named,
        **members,
    }


def profile_json(*keys: dict[str, Any], version: str = "2026-08-25") -> bytes:
    return json.dumps({"ucp": {"version": version}, "keys": list(keys)}).encode()


def fetched(body: bytes, cache_control: str = "", age: str = "") -> FetchedDocument:
    return FetchedDocument(body, cache_control, age)
