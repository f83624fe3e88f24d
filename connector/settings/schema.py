"""The whole configuration: one model whose sections stand in their own modules."""

from typing import Annotated, Any, Literal

from pydantic import model_validator

from connector.settings.base import Section
from connector.settings.fields import Network, NotEmpty
from connector.settings.gateway import (
    Admin,
    Audit,
    Discovery,
    Limits,
    Listen,
    Rates,
    Signing,
    Store,
)
from connector.settings.merchants import Merchant
from connector.settings.terms import Tiers


class Settings(Section):
    """Everything that can be configured. Made by :mod:`connector.settings.loading` only."""

    listen: Listen = Listen()
    admin: Admin = Admin()
    trusted_proxies: tuple[Network, ...] = ()
    """Peers that are believed about the client's address (X-Forwarded-For)."""
    authority_from: Literal["host", "x-forwarded-host"] = "host"
    """Which header names the merchant; `x-forwarded-host` is read from `trusted_proxies` only."""
    store: Store = Store()
    audit: Audit = Audit()
    signing: Signing = Signing()
    discovery: Discovery = Discovery()
    limits: Limits = Limits()
    rates: Rates = Rates()
    tiers: Tiers = Tiers()
    merchants: Annotated[tuple[Merchant, ...], NotEmpty]

    @model_validator(mode="before")
    @classmethod
    def _sections_with_paths(cls, document: Any) -> Any:
        """Read these even where they are absent: their defaults start from the folder, too."""
        if not isinstance(document, dict):
            return document
        return {"store": {}, "audit": {}, "signing": {}, **document}
