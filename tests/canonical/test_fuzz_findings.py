"""Inputs that fuzzing found (docs/fuzzing.md), each with what must become of it."""

from __future__ import annotations

import pytest

from canonical import CanonicalError, Request
from canonical.envelope import envelope

META = ("Talos-Signature-Meta", 'iat=1, jti="550e8400-e29b-41d4-a716-446655440000"')
AGENT = ("UCP-Agent", 'profile="https://platform.example/.well-known/ucp"')


@pytest.mark.parametrize(
    "query",
    [
        # It escaped as UnicodeEncodeError.
        b"x=\xe8",
        # They were signed as U+FFFD, and so as if they were %EF%BF%BD.
        b"x=%FF",
        b"%C3=x",
    ],
)
def test_a_query_that_is_not_utf_8_has_no_envelope(query: bytes) -> None:
    request = Request(method="GET", target=b"/carts?" + query, headers=[AGENT, META])
    with pytest.raises(CanonicalError):
        envelope(request)
