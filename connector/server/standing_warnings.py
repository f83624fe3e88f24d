"""What of a configuration an operator should know of, at start and on the health page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.server.validating import unjudged
from connector.settings.inert import inert_settings
from connector.settings.registrations import without_registrations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector.settings.registrations import Configuration
    from connector.settings.schema import Settings


def warnings_of(configuration: Configuration) -> list[str]:
    """Return a line for each; they stand until the configuration says otherwise."""
    settings = configuration.settings
    found = [
        f"merchant {each.id}: insecure_observe forwards requests that do not verify"
        for each in settings.merchants
        if each.enforcement.signatures == "insecure_observe"
    ]
    if settings.discovery.insecure_allow_loopback_profiles:
        found.append("insecure_allow_loopback_profiles accepts profiles from this machine")
    found += [
        f"merchant {each.id}: {platform.profile} may sign with a scheme that binds less than a"
        " signature of today does"
        for each in settings.merchants
        for platform in each.platforms.registered
        if set(platform.schemes or getattr(settings.tiers, platform.tier).schemes) != {"rfc9421"}
    ]
    found += _named_by_nobody(settings)
    found += without_registrations(configuration)
    found += unjudged(settings)
    inert = inert_settings(settings)
    if inert:
        found.append(f"these settings have no effect yet: {', '.join(inert)}")
    return found


def _named_by_nobody(settings: Settings) -> list[str]:
    """What an older scheme signs names no merchant: it may be good for one of them only."""
    owners: dict[str, str] = {}
    found = []
    for merchant in settings.merchants:
        for platform in merchant.platforms.registered:
            schemes = platform.schemes or getattr(settings.tiers, platform.tier).schemes
            first = owners.setdefault(platform.profile, merchant.id) if _older(schemes) else None
            if first not in (None, merchant.id):
                found.append(
                    f"merchant {merchant.id}: {platform.profile} may sign with a scheme that names"
                    f" no merchant, at {first}, too: what it signs for one could be sent to both"
                )
    return found


def _older(schemes: Iterable[str]) -> bool:
    return any(scheme != "rfc9421" for scheme in schemes)
