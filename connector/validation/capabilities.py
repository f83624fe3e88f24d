"""Which capabilities a merchant's own profile declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def declared_capabilities(profile: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of ``ucp.capabilities``: of an object, or of a list of objects.

    The January versions list them. A document that is no profile declares none.
    """
    ucp = profile.get("ucp")
    declared = ucp.get("capabilities") if isinstance(ucp, dict) else None
    if isinstance(declared, dict):
        return frozenset(declared)
    if not isinstance(declared, list):
        return frozenset()
    names = (each.get("name") for each in declared if isinstance(each, dict))
    return frozenset(name for name in names if isinstance(name, str))
