"""``ucp-connector check-config``: whether a configuration is good, and what it comes to."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from connector.cli.platform_report import (
    permission_document,
    permission_lines,
    revocation,
    revocation_lines,
)
from connector.server.build import build_transport
from connector.server.signing_keys import key_path, usable_keys
from connector.server.terms import merchant_terms
from connector.server.validating import check_models, unjudged
from connector.settings.base import Section
from connector.settings.inert import inert_settings
from connector.settings.loading import ConfigurationError
from connector.settings.registrations import RegistrationFiles, without_registrations
from connector.settings.shape import show_path
from connector.settings.units import format_duration
from connector.signing.key_document import KeyFileError
from connector.signing.key_file import stamp
from connector.store.targets import parse_target

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from connector.settings.merchants import Merchant
    from connector.settings.registrations import Configuration
    from connector.settings.schema import Settings
    from connector.settings.terms import RegisteredTier


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "-c", "--config", required=True, metavar="FILE", help="the configuration (YAML)"
    )
    parser.add_argument(
        "--permissions",
        action="store_true",
        help="also print who may ask for what, and by which setting",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Load the file as the gateway would; 1 where it would not start with it."""
    try:
        configuration = RegistrationFiles().load(arguments.config, os.environ)
    except ConfigurationError as error:
        return _bad(arguments.config, error.problems, as_json=arguments.json)
    settings = configuration.settings
    try:
        check_models(settings)
        for merchant in settings.merchants:
            build_transport(merchant)
            merchant_terms(settings, merchant)
    except ValueError as error:
        return _bad(arguments.config, (f"{arguments.config}: {error}",), as_json=arguments.json)
    problems = tuple(f"{arguments.config}: {each}" for each in _key_files(settings))
    if problems:
        return _bad(arguments.config, problems, as_json=arguments.json)
    if arguments.json:
        document = {"file": arguments.config, "ok": True, "problems": [], **_summary(configuration)}
        if arguments.permissions:
            document["permissions"] = permission_document(configuration)
        sys.stdout.write(f"{json.dumps(document, indent=2)}\n")
    else:
        lines = [*_lines(arguments.config, configuration)]
        if arguments.permissions:
            lines += permission_lines(configuration)
        sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _key_files(settings: Settings) -> Iterator[str]:
    """Say what is wrong with each key file that is there; the others `serve` makes."""
    seen: set[Path] = set()
    for index, merchant in enumerate(settings.merchants):
        path = key_path(settings, merchant)
        if not merchant.responses.sign or path in seen or stamp(path) is None:
            continue
        seen.add(path)
        own = merchant.signing.keys is not None
        place = show_path(("merchants", index, "signing", "keys") if own else ("signing", "keys"))
        try:
            usable_keys(path, time.time())
        except KeyFileError as error:
            yield f"{place}: {error}"


def _bad(file: str, problems: tuple[str, ...], *, as_json: bool) -> int:
    if as_json:
        document = {"file": file, "ok": False, "problems": problems}
        sys.stdout.write(f"{json.dumps(document, indent=2)}\n")
    else:
        sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return 1


def warnings(configuration: Configuration) -> list[str]:
    """Name the settings that are unsafe, that check less than one may think, or do nothing yet."""
    settings = configuration.settings
    unsafe = [f"{path} is unsafe" for path in _insecure(settings, ())]
    inert = [f"{path} has no effect yet" for path in inert_settings(settings)]
    empty = without_registrations(configuration)
    return [*unsafe, *empty, *unjudged(settings), *inert]


def _insecure(section: Section, path: tuple[str | int, ...]) -> Iterator[str]:
    """Find what begins with ``insecure_``: a switch that is on, or a value that was chosen."""
    for name in type(section).model_fields:
        value, here = getattr(section, name), (*path, name)
        if isinstance(value, Section):
            yield from _insecure(value, here)
        elif isinstance(value, tuple):
            for index, element in enumerate(value):
                if isinstance(element, Section):
                    yield from _insecure(element, (*here, index))
        elif name.startswith("insecure_") and value:
            yield show_path(here)
        elif isinstance(value, str) and value.startswith("insecure_"):
            yield f"{show_path(here)}: {value}"


def _summary(configuration: Configuration) -> dict[str, Any]:
    settings = configuration.settings
    return {
        "listen": _address(settings.listen.host, settings.listen.port),
        "admin": _address(settings.admin.host, settings.admin.port),
        "store": _store(settings),
        "audit": _audit(settings),
        "merchants": [_merchant(settings, merchant) for merchant in settings.merchants],
        "tiers": {
            "discovered": _tier(settings.tiers.discovered),
            "registered": _tier(settings.tiers.registered),
        },
        "warnings": warnings(configuration),
    }


def _audit(settings: Settings) -> str:
    """Say where the log is, and whether signature bases can be read again."""
    audit = settings.audit
    bases = "not kept (no evidence_key)" if audit.evidence_key is None else "sealed"
    return f"in {audit.directory}, keys in {audit.keys}, signature bases {bases}"


def _store(settings: Settings) -> str:
    """Say where claims and rates are kept; users and passwords are not in it."""
    target = parse_target(settings.store.url.get_secret_value())
    if target.kind == "embedded":
        return f"embedded in {settings.store.directory}"
    places = ", ".join(each.path or _address(each.host, each.port) for each in target.endpoints)
    of = f" of {target.service}" if target.service else ""
    tls = " over TLS" if any(each.tls for each in target.endpoints) else ""
    return f"{target.kind}{of} at {places}{tls}"


def _merchant(settings: Settings, merchant: Merchant) -> dict[str, Any]:
    path = key_path(settings, merchant)
    return {
        "id": merchant.id,
        "scheme": merchant.scheme,
        "authorities": list(merchant.authorities),
        "versions": list(merchant.versions),
        "endpoints": {"rest": merchant.endpoints.rest, "mcp": merchant.endpoints.mcp},
        "upstream": str(merchant.upstream.url),
        "platforms": {
            "discovery": merchant.platforms.discovery,
            "registered": [platform.profile for platform in merchant.platforms.registered],
            "pinned": sum(platform.keys is not None for platform in merchant.platforms.registered),
        },
        "revocation": revocation(merchant),
        "signatures": merchant.enforcement.signatures,
        "signing": {"keys": str(path), "made_at_start": stamp(path) is None}
        if merchant.responses.sign
        else None,
    }


def _tier(tier: RegisteredTier) -> dict[str, Any]:
    freshness = tier.freshness
    return {
        "schemes": list(tier.schemes),
        "coverage": tier.coverage,
        "max_age": format_duration(freshness.max_age) if freshness.required else None,
        "operations": "all" if tier.operations == "all" else list(tier.operations),
    }


def _lines(file: str, configuration: Configuration) -> Iterator[str]:
    """Say the same for a reader."""
    summary = _summary(configuration)
    yield f"{file}: ok"
    yield f"listens on {summary['listen']}, admin on {summary['admin']}"
    yield f"store: {summary['store']}"
    yield f"audit log: {summary['audit']}"
    for merchant in summary["merchants"]:
        platforms = merchant["platforms"]
        yield f"merchant {merchant['id']}"
        yield f"  authorities  {', '.join(merchant['authorities'])} ({merchant['scheme']})"
        for transport, prefix in merchant["endpoints"].items():
            yield f"  {transport:<11}  {'off' if prefix is None else prefix or '/'}"
        yield f"  versions     {', '.join(merchant['versions'])}"
        yield f"  upstream     {merchant['upstream']}"
        yield (
            f"  platforms    discovery {platforms['discovery']},"
            f" {len(platforms['registered'])} registered"
        )
        yield from revocation_lines(
            merchant["revocation"],
            pinned=platforms["pinned"],
            shared=configuration.settings.discovery.fleet_key is not None,
        )
        yield f"  signatures   {merchant['signatures']}"
        signing = merchant["signing"]
        if signing is None:
            yield "  answers      not signed"
        else:
            made = " (serve makes it)" if signing["made_at_start"] else ""
            yield f"  answers      signed, keys in {signing['keys']}{made}"
    for name, tier in summary["tiers"].items():
        age = f", at most {tier['max_age']} old" if tier["max_age"] else ""
        operations = tier["operations"]
        allowed = operations if operations == "all" else ", ".join(operations)
        yield (
            f"tier {name}: {', '.join(tier['schemes'])}, coverage {tier['coverage']}{age},"
            f" operations {allowed}"
        )
    for warning in summary["warnings"]:
        yield f"warning: {warning}"


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
