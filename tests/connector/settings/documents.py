"""Configurations for tests, as a caller or a file gives them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connector.settings.loading import ConfigurationError, settings_from

if TYPE_CHECKING:
    from connector.settings.schema import Settings

FOLDER = Path("/etc/connector")

KEY = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "platform-2026",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
OTHER_KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "kid": "platform-2027",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}

MERCHANT: dict[str, Any] = {
    "id": "flower-shop",
    "authorities": ["shop.example.com"],
    "upstream": {"url": "http://127.0.0.1:8182"},
}
PLATFORM: dict[str, Any] = {"profile": "https://platform.example/.well-known/ucp"}


def merchant(**changes: Any) -> dict[str, Any]:
    """A merchant with other settings."""
    return deepcopy(MERCHANT) | changes


def registering(*platforms: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A configuration whose merchant has registered these platforms."""
    return {"merchants": [merchant(platforms={"registered": list(platforms)}, **changes)]}


def settings(document: dict[str, Any] | None = None, **sections: Any) -> Settings:
    """The settings of a document, with one merchant where it names none."""
    return settings_from(
        {"merchants": [MERCHANT], **(document or {}), **sections},
        folder=FOLDER,
        source="config.yaml",
    )


def problems(document: dict[str, Any] | None = None, **sections: Any) -> list[str]:
    """The problems of a document that must have some."""
    with pytest.raises(ConfigurationError) as caught:
        settings(document, **sections)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)
