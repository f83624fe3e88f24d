"""Whose signatures are genuine while fuzzing: those that the seeds' test keys have made."""

from __future__ import annotations

from typing import Final

from canonical import load_key
from connector.diagnosis.generator.keys import private_jwk

EDWARDS: Final = load_key(private_jwk("platform-ed25519"))
KEYS: Final = (
    load_key(private_jwk("platform-2026")),
    load_key(private_jwk("platform-es384")),
    EDWARDS,
)

genuine: Final[set[bytes]] = set()
"""What the seeds' test keys have signed: anything else that verifies is a forgery."""
