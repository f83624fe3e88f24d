"""A key for callers that tests make up."""

from __future__ import annotations

from typing import Final

from canonical import load_key

KEY: Final = load_key(
    {
        "kty": "EC",
        "crv": "P-256",
        "kid": "platform-2026",
        # RFC 7517, appendix A.1
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }
)
