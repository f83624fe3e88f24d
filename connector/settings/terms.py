"""The terms on which platforms are served: tiers, and registrations that differ from them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, PlainSerializer, PlainValidator

from canonical import CanonicalError, load_key
from connector.settings.base import Section
from connector.settings.fields import (
    Duration,
    Flag,
    Kind,
    NotEmpty,
    RateSetting,
    Unique,
    Url,
    Version,
)
from connector.settings.gateway import CallerRates
from connector.settings.units import parse_duration

OPERATION_NAMES = frozenset(
    {
        "create_checkout",
        "get_checkout",
        "update_checkout",
        "complete_checkout",
        "cancel_checkout",
        "create_cart",
        "get_cart",
        "update_cart",
        "cancel_cart",
        "get_order",
        "search_catalog",
        "lookup_catalog",
        "get_product",
    }
)
"""The protocol's own operations (ucp-rules section 7)."""


def _operations(value: object) -> tuple[str, ...] | Literal["all"]:
    if value == "all":
        return "all"
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) for name in value):
        raise ValueError('is neither "all" nor a list of operations')
    return tuple(value)


def _written(operations: tuple[str, ...] | Literal["all"]) -> list[str] | str:
    return operations if operations == "all" else list(operations)


def _public_key(jwk: dict[str, Any]) -> dict[str, Any]:
    if "d" in jwk:
        raise ValueError("is a private key; only the platform may have that, give the public one")
    try:
        key = load_key(jwk)
    except CanonicalError as error:
        raise ValueError(str(error)) from None
    if not key.kid:
        raise ValueError("has no kid, so no signature can name it")
    return jwk


Scheme = Literal["rfc9421", "detached-jws", "talos"]
Schemes = Annotated[tuple[Scheme, ...], NotEmpty, Unique]
Coverage = Literal["strict", "compat", "target-uri"]
Operations = Annotated[
    tuple[str, ...] | Literal["all"],
    PlainValidator(_operations),
    # Pydantic's own, for a plain validator of a union, doubts the list that it makes of a tuple.
    PlainSerializer(_written, when_used="json"),
    Kind("`all` or a list of names"),
]
PublicKey = Annotated[dict[str, Any], AfterValidator(_public_key), Kind("public JWK")]


class Freshness(Section):
    """How recent a signature must be."""

    required: Flag = False
    """Asks every signature for `created`."""
    max_age: Duration = parse_duration("5m")
    """The most time since `created`, where `required` is true."""
    nonce: Flag = False
    """Refuses a `nonce` that the same key has used before. Reads then need the store, too."""


class TotalRates(CallerRates):
    """Rates of platforms that nobody registered; in total they default to ten times a caller's."""

    total: RateSetting | None = None
    """All discovered platforms together, for each merchant: reads and writes alike."""
    per_origin: RateSetting | None = None
    """All profiles of one origin together: reads and writes alike."""


class RegisteredTier(Section):
    """The terms of platforms that a merchant has registered, unless the registration differs."""

    schemes: Schemes = ("rfc9421",)
    """How a request may be signed: `rfc9421`, and for older platforms `detached-jws`, `talos`. A
    `detached-jws` binds the body alone: what was signed is good for one write, under one target
    and Idempotency-Key. A `talos` envelope binds these, too, and its body has at most 16 KiB."""
    coverage: Coverage = "strict"
    """What a signature must cover: `strict` is the closed set; `target-uri` lets `@target-uri`
    stand for authority, path and query. `compat` is for single registrations with pinned keys."""
    freshness: Freshness = Freshness()
    operations: Operations = "all"
    """The operations that may be asked for: `all`, or a list of names."""
    rates: CallerRates = CallerRates()


class DiscoveredTier(RegisteredTier):
    """The terms of platforms that nobody registered: known by their profile alone."""

    rates: TotalRates = TotalRates()


class Tiers(Section):
    """The terms of each kind of platform."""

    discovered: DiscoveredTier = DiscoveredTier()
    registered: RegisteredTier = RegisteredTier()


class RegisteredPlatform(Section):
    """A platform that the merchant knows. What is not set here is as in its tier."""

    profile: Url
    """The URL of its profile, as it stands in `UCP-Agent`: the platform's identity."""
    keys: Annotated[tuple[PublicKey, ...], NotEmpty] | None = None
    """Its public keys, pinned: the profile is then never fetched. Needs `version`."""
    version: Version | None = None
    """The protocol version that it speaks, where its keys are pinned."""
    tier: Literal["registered", "discovered"] = "registered"
    """The tier whose terms it has."""
    schemes: Schemes | None = None
    """How its requests may be signed; `talos` needs pinned keys."""
    coverage: Coverage | None = None
    """What its signatures must cover; `compat` leaves `ucp-agent` out and needs pinned keys."""
    freshness: Freshness | None = None
    """How recent its signatures must be."""
    operations: Operations | None = None
    """The operations that it may ask for."""
    rates: CallerRates | None = None
    """How often it may come."""
    allow_unbound_get: Flag = False
    """Takes a detached JWS on GET requests, of which it covers nothing. A write without a body is
    refused all the same."""
    allow_unbound_complete: Flag = False
    """Takes a detached JWS on complete_checkout, whose target it does not cover."""


class Platforms(Section):
    """Which platforms a merchant serves."""

    discovery: Literal["open", "registered"] = "open"
    """`open`: every platform whose profile can be fetched; `registered`: only those listed."""
    registered: tuple[RegisteredPlatform, ...] = ()
    """The platforms that the merchant knows."""
