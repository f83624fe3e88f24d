"""Who may ask for what at a merchant, and by which setting: the table that operators read.

Whether a cell is allowed is asked of the very functions that the gateway asks; only the name of
the setting that decided is found here. Calls by which MCP manages itself (``initialize``, ``ping``,
``tools/list``, ...) are open to everybody who is served, and stand in no row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from connector.authentication.older import DETACHED_JWS, TALOS, OlderSignature, permitted
from connector.authentication.permission import permit
from connector.errors import Refusal
from connector.server.terms import policy_of
from connector.settings.checks import registration_names
from connector.steps import Operation
from connector.transports.operations import CHECKOUT_ONLY, OPERATIONS, OperationRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.authentication.policy import Policy
    from connector.settings.merchants import Merchant
    from connector.settings.registrations import Configuration
    from connector.settings.schema import Settings
    from connector.settings.terms import RegisteredPlatform

_BODILESS: Final = frozenset({"GET", "DELETE"})
"""Methods whose requests have no body: a JWS over the body binds nothing of them."""


class Cell(NamedTuple):
    """One row of the table: an operation, who asks, and the answer."""

    operation: str
    kind: str
    """``read`` or ``write``."""
    caller: str
    """A tier, for all of it that have its terms, or the profile of one that has others."""
    scheme: str
    """How the request is signed."""
    code: str
    """What it is refused with; empty where it is permitted."""
    rule: str
    """The setting that decides."""


class _Caller(NamedTuple):
    """Those who have the same terms."""

    name: str
    tier: str
    policy: Policy
    served: bool
    place: str
    """Where their own settings stand, up to the name of one; empty for a tier as it is."""
    own_operations: bool
    checkout_only: bool
    """They speak a version, as pinned, that has the checkout operations only."""


def permissions(configuration: Configuration, merchant: Merchant) -> Iterator[Cell]:
    """Yield the whole table of a merchant: by caller, scheme and operation."""
    settings = configuration.settings
    at = f"merchants[{settings.merchants.index(merchant)}].platforms"
    rules = [
        *OPERATIONS,
        *(
            OperationRule(each.name, each.method, each.path, each.kind)
            for each in merchant.operations
        ),
    ]
    for caller in _callers(configuration, merchant, at):
        for scheme in sorted(caller.policy.schemes, key=_newest_first):
            for rule in rules:
                code, decided = _decide(settings, merchant, at, caller, scheme, rule)
                yield Cell(rule.name, rule.kind, caller.name, scheme, code, decided)


def _newest_first(scheme: str) -> int:
    return ("rfc9421", TALOS, DETACHED_JWS).index(scheme)


def _callers(configuration: Configuration, merchant: Merchant, at: str) -> Iterator[_Caller]:
    settings, platforms = configuration.settings, merchant.platforms
    for tier in ("discovered", "registered"):
        served = tier == "registered" or platforms.discovery == "open"
        policy = policy_of(settings, merchant, tier)
        yield _Caller(tier, tier, policy, served, "", own_operations=False, checkout_only=False)
    files = configuration.files[merchant.id]
    for platform, name in zip(
        platforms.registered, registration_names(merchant, files), strict=True
    ):
        listed = name.startswith("registered[")
        caller = _Caller(
            platform.profile,
            platform.tier,
            policy_of(settings, merchant, platform.tier, platform),
            served=True,
            place=f"{at}.{name}." if listed else f"{name}: ",
            own_operations=platform.operations is not None,
            checkout_only=platform.version in CHECKOUT_ONLY,
        )
        if not _is_as_its_tier(settings, merchant, platform, caller):
            yield caller


def _is_as_its_tier(
    settings: Settings, merchant: Merchant, platform: RegisteredPlatform, caller: _Caller
) -> bool:
    """Whether the row of its tier says all of a platform; the tier of strangers never does."""
    return (
        platform.tier == "registered"
        and caller.policy == policy_of(settings, merchant, platform.tier)
        and not (caller.checkout_only or caller.own_operations)
    )


def _decide(
    settings: Settings,
    merchant: Merchant,
    at: str,
    caller: _Caller,
    scheme: str,
    rule: OperationRule,
) -> tuple[str, str]:
    """Return the code and the setting, in the order in which the gateway comes to them."""
    policy, place = caller.policy, caller.place or f"tiers.{caller.tier}."
    if not caller.served:
        return "profile_not_trusted", f"{at}.discovery"
    if scheme == DETACHED_JWS:
        if policy.created_required:
            return "signature_invalid", f"{place}freshness.required"
        if rule.method in _BODILESS and not (policy.unbound_get and rule.method == "GET"):
            return "signature_invalid", f"{place}allow_unbound_get"
    if caller.checkout_only and not rule.name.endswith("_checkout"):
        return "unknown_operation", f"{place}version"
    if scheme != "rfc9421":
        policy = permitted(policy, OlderSignature(scheme, "", b""))
    try:
        permit(policy, Operation(rule.name, rule.kind, None))
    except Refusal as refusal:
        if rule.name in policy.denied:
            return refusal.code.name, f"{place}allow_unbound_complete"
        return refusal.code.name, _refusing(settings, at, caller, rule.name)
    return "", _permitting(merchant, at, caller)


def _refusing(settings: Settings, at: str, caller: _Caller, operation: str) -> str:
    if caller.own_operations:
        return f"{caller.place}operations"
    listed = getattr(settings.tiers, caller.tier).operations
    if listed != "all" and operation not in listed:
        return f"tiers.{caller.tier}.operations"
    return f"{at}.discovered_operations"


def _permitting(merchant: Merchant, at: str, caller: _Caller) -> str:
    if caller.own_operations:
        return f"{caller.place}operations"
    if caller.tier == "discovered" and merchant.platforms.discovered_operations != "all":
        return f"{at}.discovered_operations"
    return f"tiers.{caller.tier}.operations"
