"""Rules that more than one setting has a part in: each yields a place and what is wrong there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from canonical import load_key
from connector.egress.urls import normalise
from connector.errors import Refusal
from connector.settings.terms import OPERATION_NAMES, RegisteredPlatform

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from connector.settings.merchants import Merchant
    from connector.settings.schema import Settings

_MOST_WAIT: Final = 60.0

MODELLED: Final = frozenset({"2026-08-25"})
"""The versions whose request schemas can be had: those of connector.validation, by a test."""

Problem = tuple[tuple[str | int, ...], str]
Files = Mapping[str, "Sequence[Path]"]
"""By merchant id, the files of its last registrations, which do not stand in its list."""

# The first segments of the protocol's own REST paths (ucp-rules section 7).
_REST_SEGMENTS: Final = frozenset({"checkout-sessions", "carts", "orders", "catalog"})
_RESERVED: Final = ("/.well-known/ucp", "/.well-known/http-message-signatures-directory")


def check(settings: Settings, files: Files | None = None) -> list[Problem]:
    """Return everything that is wrong between settings that are each right.

    ``files`` are named where a registration that came from one is meant.
    """
    problems = [*_listeners(settings), *_folders(settings), *_limits(settings), *_store(settings)]
    problems += [*_tiers(settings), *_identities(settings.merchants)]
    for index, merchant in enumerate(settings.merchants):
        for path, text in (
            *_endpoints(merchant),
            *_extensions(merchant),
            *_profile(merchant),
            *_validation(merchant),
            *_platforms(merchant, settings, (files or {}).get(merchant.id, ())),
        ):
            problems.append((("merchants", index, *path), text))
    return problems


def _listeners(settings: Settings) -> Iterator[Problem]:
    listen, admin = settings.listen, settings.admin
    tls = listen.tls
    if (tls.certificate is None) != (tls.key is None):
        given, lacking = ("key", "certificate") if tls.key else ("certificate", "key")
        yield ("listen", "tls", lacking), f"is missing: {given} cannot be used without it"
    if tls.client_ca is not None and tls.certificate is None:
        yield ("listen", "tls", "client_ca"), "cannot be used without certificate and key"
    if listen.port and (listen.host, listen.port) == (admin.host, admin.port):
        yield ("admin", "port"), "is the port of listen, too"


def _folders(settings: Settings) -> Iterator[Problem]:
    if settings.audit.keys.is_relative_to(settings.audit.directory):
        yield (
            ("audit", "keys"),
            "is inside audit.directory: whoever copies the log would have its keys",
        )


def _store(settings: Settings) -> Iterator[Problem]:
    if settings.store.wait_in_progress > _MOST_WAIT:
        yield ("store", "wait_in_progress"), "is more than 60s: platforms give up before that"


def _limits(settings: Settings) -> Iterator[Problem]:
    if settings.limits.header_line > settings.limits.header_bytes:
        yield ("limits", "header_line"), "is more than limits.header_bytes allows for all lines"


def _tiers(settings: Settings) -> Iterator[Problem]:
    extensions = {each.name for merchant in settings.merchants for each in merchant.operations}
    for name, tier in (
        ("discovered", settings.tiers.discovered),
        ("registered", settings.tiers.registered),
    ):
        if tier.coverage == "compat":
            yield (
                ("tiers", name, "coverage"),
                "compat is only for registered platforms with pinned keys; set it there",
            )
        yield from _operations(("tiers", name, "operations"), tier.operations, extensions)
    if settings.tiers.discovered.schemes != ("rfc9421",):
        yield (
            ("tiers", "discovered", "schemes"),
            "older schemes are only for registered platforms",
        )


def _operations(
    place: tuple[str | int, ...], operations: Iterable[str] | None, extensions: set[str]
) -> Iterator[Problem]:
    if operations is None or operations == "all":
        return
    for name in operations:
        if name not in OPERATION_NAMES and name not in extensions:
            yield place, f"no operation is called {name[:64]!r}"


def _identities(merchants: tuple[Merchant, ...]) -> Iterator[Problem]:
    ids: dict[str, int] = {}
    authorities: dict[str, int] = {}
    for index, merchant in enumerate(merchants):
        if merchant.id in ids:
            yield (
                ("merchants", index, "id"),
                f"{merchant.id} is already the id of merchants[{ids[merchant.id]}]",
            )
        ids.setdefault(merchant.id, index)
        for position, authority in enumerate(merchant.authorities):
            if authority in authorities:
                other = authorities[authority]
                yield (
                    ("merchants", index, "authorities", position),
                    f"{authority} stands twice in this merchant"
                    if other == index
                    else f"{authority} already names merchants[{other}] ({merchants[other].id})",
                )
            authorities.setdefault(authority, index)


def _endpoints(merchant: Merchant) -> Iterator[Problem]:
    rest, mcp = merchant.endpoints.rest, merchant.endpoints.mcp
    if rest is None and mcp is None:
        yield ("endpoints",), "both transports are off, so nothing could be asked for"
    if rest is None or mcp is None:
        return
    if rest == mcp:
        yield ("endpoints", "mcp"), "is the same path as endpoints.rest"
    elif mcp and rest.startswith(f"{mcp}/"):
        yield ("endpoints", "rest"), "is below endpoints.mcp"
    elif mcp.startswith(f"{rest}/"):
        own = {each.path.split("/")[1] for each in merchant.operations}
        if mcp[len(rest) :].split("/")[1] in _REST_SEGMENTS | own:
            yield ("endpoints", "mcp"), "could be an operation of endpoints.rest"


def _extensions(merchant: Merchant) -> Iterator[Problem]:
    names: set[str] = set()
    for index, extension in enumerate(merchant.operations):
        if extension.name in names:
            yield ("operations", index, "name"), f"{extension.name} stands twice"
        names.add(extension.name)
        if extension.method == "GET" and extension.kind == "write":
            yield ("operations", index, "kind"), "a GET has no body and changes nothing: use read"


def _profile(merchant: Merchant) -> Iterator[Problem]:
    profile = merchant.profile
    if (profile.source == "file") != (profile.file is not None):
        yield (
            ("profile", "file"),
            "is missing: source is file" if profile.file is None else "needs source: file",
        )
    for path in _RESERVED:
        if path in profile.leaves:
            yield ("profile", "leaves"), f"{path} is published by the gateway itself"


def _validation(merchant: Merchant) -> Iterator[Problem]:
    lacking = unmodelled(merchant)
    if merchant.validation.requests == "enforce" and lacking:
        text = f"enforce has no schema of version {', '.join(lacking)}"
        yield ("validation", "requests"), f"{text}: use report, or take it out of versions"


def unmodelled(merchant: Merchant) -> list[str]:
    """Return the merchant's versions whose requests cannot be held against a schema."""
    return sorted(set(merchant.versions) - MODELLED)


def _platforms(merchant: Merchant, settings: Settings, files: Sequence[Path]) -> Iterator[Problem]:
    extensions = {each.name for each in merchant.operations}
    yield from _operations(
        ("platforms", "discovered_operations"),
        merchant.platforms.discovered_operations,
        extensions,
    )
    names = registration_names(merchant, files)
    profiles: dict[str, str] = {}
    thumbprints: dict[str, str] = {}
    for index, platform in enumerate(merchant.platforms.registered):
        above, name = ("platforms", "registered", index), names[index]
        yield from (
            ((*above, "profile"), text) for text in _identity(platform, settings, name, profiles)
        )
        tier = getattr(settings.tiers, platform.tier)
        if platform.keys is None and "talos" in (platform.schemes or tier.schemes):
            yield (*above, "schemes"), "talos is only for platforms with pinned keys"
        for path, text in (*_terms(platform, merchant), *_pinned(platform, name, thumbprints)):
            yield (*above, *path), text
        yield from _operations((*above, "operations"), platform.operations, extensions)


def registration_names(merchant: Merchant, files: Sequence[Path]) -> list[str]:
    """Name each registration of a merchant by its place in the list, or by its file."""
    listed = len(merchant.platforms.registered) - len(files)
    return [*(f"registered[{index}]" for index in range(listed)), *map(str, files)]


def _identity(
    platform: RegisteredPlatform, settings: Settings, name: str, profiles: dict[str, str]
) -> Iterator[str]:
    loopback = settings.discovery.insecure_allow_loopback_profiles
    if platform.profile.startswith("http://") and not loopback:
        yield "is not an https URL"
        return
    try:
        url = normalise(platform.profile, allow_loopback=loopback).url
    except Refusal as refusal:
        yield refusal.explanation
        return
    if profiles.setdefault(url, name) != name:
        yield f"is already registered as {profiles[url]}"


def _terms(platform: RegisteredPlatform, merchant: Merchant) -> Iterator[Problem]:
    if platform.keys is None:
        if platform.coverage == "compat":
            yield ("coverage",), "compat is only for platforms with pinned keys"
    elif platform.version is None:
        yield ("version",), "is missing: with pinned keys no profile is fetched that states it"
    if platform.version is not None and platform.version not in merchant.versions:
        yield ("version",), f"{platform.version} is none of the merchant's versions"


def _pinned(
    platform: RegisteredPlatform, name: str, thumbprints: dict[str, str]
) -> Iterator[Problem]:
    kids: dict[str | None, str] = {}
    for position, jwk in enumerate(platform.keys or ()):
        key = load_key(jwk)
        if kids.setdefault(key.kid, key.thumbprint) != key.thumbprint:
            yield ("keys", position), f"another key has the kid {key.kid!r}, too"
        owner = thumbprints.setdefault(key.thumbprint, name)
        if owner != name:
            # Under coverage: compat the key alone tells who signed (ucp-rules section 3.6).
            yield ("keys", position), f"the same key is pinned in {owner}"
