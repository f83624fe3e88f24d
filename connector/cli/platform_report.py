"""What ``check-config`` says of platforms: who may ask for what, and when a key is out of use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.cli.table import table
from connector.platforms.revocation import longest_after_unpublishing
from connector.server.following import INTERVAL
from connector.server.permissions import permissions
from connector.settings.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.server.permissions import Cell
    from connector.settings.merchants import Merchant
    from connector.settings.registrations import Configuration


def permission_document(configuration: Configuration) -> dict[str, Any]:
    """Return the tables of all merchants for a machine: rows by merchant id."""
    return {
        merchant: [
            {**cell._asdict(), "permitted": not cell.code, "code": cell.code or None}
            for cell in cells
        ]
        for merchant, cells in _all(configuration)
    }


def permission_lines(configuration: Configuration) -> Iterator[str]:
    """Say the same for a reader."""
    observed = {
        merchant.id
        for merchant in configuration.settings.merchants
        if merchant.enforcement.signatures != "enforce"
    }
    for merchant, cells in _all(configuration):
        told = ", only told: insecure_observe refuses nobody" if merchant in observed else ""
        yield f"permissions at {merchant}{told}"
        rows = [("operation", "caller", "signed by", "answer", "rule")]
        rows += [
            (each.operation, each.caller, each.scheme, each.code or "permitted", each.rule)
            for each in cells
        ]
        yield from (f"  {line}" for line in table(rows))


def _all(configuration: Configuration) -> Iterator[tuple[str, list[Cell]]]:
    for merchant in configuration.settings.merchants:
        yield merchant.id, list(permissions(configuration, merchant))


def revocation(merchant: Merchant) -> dict[str, float]:
    """Return for how many seconds a key can verify after it was taken back, at the very worst.

    ``listed`` in ``discovery.revoked``, from the change of the file on; or by the platform, in the
    profile of a ``discovered`` or a ``registered`` one, where the merchant serves such. Where keys
    are pinned their platform cannot take them back.
    """
    bounds = {"listed": INTERVAL}
    if merchant.platforms.discovery == "open":
        bounds["discovered"] = longest_after_unpublishing(registered=False)
    if any(platform.keys is None for platform in merchant.platforms.registered):
        bounds["registered"] = longest_after_unpublishing(registered=True)
    return bounds


def revocation_lines(bounds: dict[str, float], *, pinned: int, shared: bool) -> Iterator[str]:
    """Say the same for a reader; ``pinned`` are the platforms with pinned keys.

    ``shared`` says that replicas share profiles, whose age is then told by several clocks.
    """
    clocks = ", and what the clocks of replicas differ" if shared else ""
    listed = format_duration(bounds["listed"])
    yield f"  revocation   by discovery.revoked: {listed} after the file changed, or at SIGHUP"
    for tier in ("discovered", "registered"):
        if tier in bounds:
            most = format_duration(bounds[tier])
            yield f"               by a {tier} platform, in its profile: at most {most}{clocks}"
    if pinned:
        yield f"               by one of {pinned} with pinned keys: only in this configuration"
