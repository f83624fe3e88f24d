"""Records as the gateway writes them, put together by its own code."""

from __future__ import annotations

import secrets
import time
from itertools import cycle
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.requests import KEYID, PROFILE
from bench.steps import receive
from canonical import load_key, parse_signatures, signature_base
from connector.audit.redaction import EvidenceSealer, Redactor
from connector.audit.rendering import Scribe
from connector.steps import Admission, Caller, Claim, Operation
from connector.telemetry.journal import new_audit_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.requests import Platform
    from canonical import Key
    from connector.steps import Received

_DIFFERENT: Final = 256
_TEMPLATES: Final = {"GET": "/checkout-sessions/{id}", "POST": "/checkout-sessions"}
SCRIBE: Final = Scribe(Redactor("h1", b"r" * 32), EvidenceSealer(b"e" * 32), f"sha-256:{'0' * 64}")


class Written(NamedTuple):
    """The two records of one request."""

    audit_id: str
    received: bytes
    completed: bytes


def traffic(platform: Platform) -> Iterator[Written]:
    """Return the records of ever more requests, as many reads as writes.

    Few of them were signed, and come again and again; ids, times and what is sealed always differ.
    """
    key = load_key(platform.public_jwk())
    both = [_asked(platform, method, key) for method in _TEMPLATES]
    for request, caller, operation, template in cycle(
        each for pair in zip(*both, strict=True) for each in pair
    ):
        audit_id = new_audit_id(time.time())
        admission = Admission("admitted", [])
        if operation.kind == "write":
            token = secrets.token_hex(16).encode("ascii")
            claim = Claim((), operation.payload, token, b"", (1.0, 1.0), margin=5.0)
            admission = Admission("claimed", [], claim=claim)
        yield Written(
            audit_id,
            SCRIBE.received(request, caller, operation, admission, audit_id, template),
            SCRIBE.completed(
                audit_id,
                request.merchant,
                decision="accept",
                outcome="answered",
                status=200,
                octets=256,
                duration=1_000_000,
            ),
        )


def _asked(
    platform: Platform, method: str, key: Key
) -> list[tuple[Received, Caller, Operation, str]]:
    found = []
    for number, received in enumerate(receive(platform, method, _DIFFERENT)):
        (signature,) = parse_signatures(received.request)
        caller = Caller(
            identity=PROFILE,
            keyid=KEYID,
            thumbprint=key.thumbprint,
            scheme="rfc9421",
            label="sig1",
            tier="registered",
            version="2026-08-25",
            signature_base=signature_base(received.request, signature),
            signature=signature.value,
            key=key,
            created=int(received.at),
        )
        operation = Operation("get_checkout", "read", None)
        if method == "POST":
            operation = Operation("create_checkout", "write", f"key-{number:027d}", b"p" * 32)
        found.append((received, caller, operation, _TEMPLATES[method]))
    return found
