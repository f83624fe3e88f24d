"""From settings to the terms on which one merchant's platforms are served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from connector.authentication.policy import Policy
from connector.authentication.verification import Registered
from connector.platforms.registry import Registry, register, revoked_thumbprints
from connector.platforms.signature_agent import signature_agent_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.authentication.sources import ReadMember
    from connector.settings.merchants import Merchant
    from connector.settings.schema import Settings
    from connector.settings.terms import RegisteredPlatform, RegisteredTier


class Terms(NamedTuple):
    """Whom a merchant serves, and how: what an ``Authenticator`` follows while it runs."""

    discovered: Policy
    """Of every platform that is not registered."""
    registered: Mapping[str, Registered]
    """By normalised profile URL."""
    discovery_open: bool
    revoked: frozenset[str]
    signature_agent: ReadMember | None
    """Reads a member of Signature-Agent; None where none is used."""


def merchant_terms(settings: Settings, merchant: Merchant) -> Terms:
    """Make a merchant's terms; ValueError for what no two settings alone can say is wrong."""
    return Terms(
        discovered=policy_of(settings, merchant, "discovered"),
        registered=_registered(settings, merchant),
        discovery_open=merchant.platforms.discovery == "open",
        revoked=revoked_thumbprints(settings.discovery.revoked),
        signature_agent=None
        if merchant.platforms.signature_agent == "off"
        else signature_agent_reader(
            allow_loopback=settings.discovery.insecure_allow_loopback_profiles
        ),
    )


def policy_of(
    settings: Settings,
    merchant: Merchant,
    name: str,
    platform: RegisteredPlatform | None = None,
) -> Policy:
    """Make the terms of a tier at a merchant, with what one registration has of its own."""
    tier: RegisteredTier = getattr(settings.tiers, name)

    def term(setting: str) -> Any:
        own = getattr(platform, setting, None)
        return getattr(tier, setting) if own is None else own

    freshness, operations = term("freshness"), _names(term("operations"))
    if name == "discovered" and (platform is None or platform.operations is None):
        operations = _both(operations, _names(merchant.platforms.discovered_operations))
    return Policy(
        tier=name,
        schemes=frozenset(term("schemes")),
        coverage=term("coverage"),
        created_required=freshness.required,
        max_age=freshness.max_age if freshness.required else None,
        operations=operations,
        unbound_get=platform is not None and platform.allow_unbound_get,
        unbound_complete=platform is not None and platform.allow_unbound_complete,
    )


def _names(operations: tuple[str, ...] | str) -> frozenset[str] | None:
    return None if operations == "all" else frozenset(operations)


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """Return what two lists permit together; None permits all."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _registered(settings: Settings, merchant: Merchant) -> Mapping[str, Registered]:
    listed = merchant.platforms.registered
    registry = Registry(
        register(
            platform.profile,
            keys=platform.keys or (),
            version=platform.version,
            coverage=platform.coverage or getattr(settings.tiers, platform.tier).coverage,
            allow_loopback=settings.discovery.insecure_allow_loopback_profiles,
        )
        for platform in listed
    )
    registered = {}
    for platform, registration in zip(listed, registry.by_url.values(), strict=True):
        pinned = registration.pinned
        registered[registration.url] = Registered(
            policy_of(settings, merchant, platform.tier, platform),
            pinned.version if pinned else None,
            pinned.keys if pinned else None,
        )
    return registered
