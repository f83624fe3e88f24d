"""Which Host the merchant is told."""

from __future__ import annotations

import pytest

from canonical import Request
from connector.steps import Caller, Operation, Received
from connector.upstream.forwarding import Forwarding
from tests.connector.caller_key import KEY

_CALLER = Caller(
    "https://p.example/u", "k", "t", "rfc9421", "sig1", "registered", "2026-08-25", b"", b"", KEY
)
_OPERATION = Operation("get_checkout", "read", None)


def _hosts(forwarded: str | None, replaced: bytes | None, *, verified: bool) -> list[bytes]:
    request = Request(
        method="GET",
        target="/checkout-sessions/chk_1",
        headers=[(b"Host", b"10.0.0.7:8080"), (b"Accept", b"*/*")],
        authority=forwarded,
    )
    received = Received(request, "shop", "192.0.2.1", 1767225600.0, 0.0)
    forwarding = Forwarding("https", replaced)
    if verified:
        head = forwarding.verified(received, _CALLER, _OPERATION, "id")
    else:
        head = forwarding.unverified(received)
    return [line[6:] for line in head.split(b"\r\n") if line.startswith(b"Host: ")]


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize(
    ("forwarded", "replaced", "told"),
    [
        (None, None, b"10.0.0.7:8080"),
        ("shop.example.com", None, b"shop.example.com"),
        ("shop.example.com", b"api.internal", b"api.internal"),
        (None, b"api.internal", b"api.internal"),
    ],
)
def test_the_merchant_is_told_the_authority_that_was_verified(
    forwarded: str | None, replaced: bytes | None, told: bytes, *, verified: bool
) -> None:
    # Behind X-Forwarded-Host nobody has looked at Host.
    assert _hosts(forwarded, replaced, verified=verified) == [told]
