"""What changed between two configurations that the audit log should know of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import load_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from connector.settings.schema import Settings
    from connector.settings.terms import RegisteredPlatform

REGISTRY: Final = "registry_changed"
REVOKED: Final = "revoked_changed"

_TERMS: Final = ("discovery", "discovered_operations", "signature_agent")
"""What a merchant says of platforms that nobody registered, and of where keys are looked for."""
_MOST_TOLD: Final = 256
"""Changes of one reload that are written down one by one; of the others their number is."""
_MOST_KEYS: Final = 48
"""Thumbprints of one kind in one record, which has at most 8 KiB."""
_MOST_TEXT: Final = 1024


class Change(NamedTuple):
    """One ``administration`` record: its action and details."""

    action: str
    details: dict[str, object]


def changes(before: Settings, after: Settings) -> list[Change]:
    """Compare keys that are revoked and platforms that are registered, merchant by merchant."""
    found = list(_all(before, after))
    if len(found) <= _MOST_TOLD:
        return found
    more: dict[str, object] = {"change": "more", "count": len(found) - _MOST_TOLD}
    return [*found[:_MOST_TOLD], Change(REGISTRY, more)]


def key_changes(before: AbstractSet[str], after: AbstractSet[str]) -> dict[str, object]:
    """Return the details of thumbprints that came and went: ``added``, ``removed``."""
    told: dict[str, object] = {}
    for name, keys in (("added", after - before), ("removed", before - after)):
        if keys:
            told[name] = sorted(keys)[:_MOST_KEYS]
        if len(keys) > _MOST_KEYS:
            told[f"{name}_count"] = len(keys)
    return told


def shown_profile(url: str) -> str:
    """Return a profile's URL as far as a detail has room for it."""
    return url[:_MOST_TEXT]


def _all(before: Settings, after: Settings) -> Iterator[Change]:
    revoked = set(before.discovery.revoked), set(after.discovery.revoked)
    # First, and all of them: these are the ones that somebody will ask for.
    for name, keys in (("added", revoked[1] - revoked[0]), ("removed", revoked[0] - revoked[1])):
        listed = sorted(keys)
        for start in range(0, len(listed), _MOST_KEYS):
            yield Change(REVOKED, {name: listed[start : start + _MOST_KEYS]})
    earlier = {each.id: each for each in before.merchants}
    for merchant in after.merchants:
        known = earlier[merchant.id].platforms
        differs = [
            name for name in _TERMS if getattr(known, name) != getattr(merchant.platforms, name)
        ]
        if differs:
            yield Change(
                REGISTRY, {"merchant": merchant.id, "change": "terms", "settings": differs}
            )
        yield from _registrations(
            merchant.id,
            {each.profile: each for each in known.registered},
            {each.profile: each for each in merchant.platforms.registered},
        )


def _registrations(
    merchant: str, before: dict[str, RegisteredPlatform], after: dict[str, RegisteredPlatform]
) -> Iterator[Change]:
    for profile in sorted(before.keys() | after.keys()):
        old, new = before.get(profile), after.get(profile)
        if old == new:
            continue
        change = "removed" if new is None else "registered" if old is None else "changed"
        details: dict[str, object] = {
            "merchant": merchant,
            "profile": shown_profile(profile),
            "change": change,
            **key_changes(_pinned(old), _pinned(new)),
        }
        if old is not None and new is not None:
            details["settings"] = [
                name for name in type(new).model_fields if getattr(old, name) != getattr(new, name)
            ]
        yield Change(REGISTRY, details)


def _pinned(platform: RegisteredPlatform | None) -> set[str]:
    keys = () if platform is None else platform.keys or ()
    return {load_key(jwk).thumbprint for jwk in keys}
