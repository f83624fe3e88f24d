"""What a merchant's profile declares."""

from __future__ import annotations

from typing import Any

import pytest

from connector.validation.capabilities import declared_capabilities


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ({"ucp": {"capabilities": {"dev.ucp.shopping.cart": [{}], "a.b": []}}}, 2),
        ({"ucp": {"capabilities": [{"name": "a.b"}, {"name": 1}, {}, "c.d", {"name": "e.f"}]}}, 2),
        ({"ucp": {"capabilities": "a.b"}}, 0),
        ({"ucp": {}}, 0),
        ({"ucp": []}, 0),
        ({}, 0),
    ],
)
def test_capabilities_are_read_as_every_version_writes_them(
    profile: dict[str, Any], expected: int
) -> None:
    assert len(declared_capabilities(profile)) == expected
