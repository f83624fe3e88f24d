"""Services, capabilities and payment handlers, as far as their shape can be judged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from connector.diagnosis.doctor.document import is_date, ucp_of, version_of
from connector.diagnosis.doctor.facts import BUSINESS, PLATFORM
from connector.diagnosis.doctor.finding import Rule, shown
from connector.egress.urls import normalise
from connector.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.diagnosis.doctor.finding import Finding
    from connector.egress.urls import ProfileUrl

MEMBERS: Final = Rule("members", "UCP overview, Profile Structure")
SERVICES: Final = Rule("services", "UCP overview, Services")
CAPABILITIES: Final = Rule("capabilities", "UCP overview, Capabilities")
HANDLERS: Final = Rule("payment-handlers", "UCP overview, Payment Handlers")
AUTHORITY: Final = Rule("schema-authority", "UCP overview, Authority Binding")
ENDPOINTS: Final = Rule("endpoints", "UCP overview, Endpoint Resolution; ucp-rules section 9")
WEBHOOK: Final = Rule("webhook", "UCP order capability, platform schema")

_ORDER: Final = "dev.ucp.shopping.order"
# The first release had other shapes, which nothing here judges.
_SHAPED_SINCE: Final = "2026-01-23"
_BOUND_SINCE: Final = "2026-08-25"
_NAME: Final = re.compile(
    r"[a-z](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9_])?){1,16}"
)
_LONGEST_NAME: Final = 255
_TRANSPORTS: Final = ("rest", "mcp", "a2a", "embedded")
_CALLED: Final = frozenset({"rest", "mcp", "a2a"})
_REGISTRIES: Final = (
    ("services", SERVICES),
    ("capabilities", CAPABILITIES),
    ("payment_handlers", HANDLERS),
)


def service_findings(
    document: dict[str, Any], url: ProfileUrl, role: str, *, allow_loopback: bool
) -> Iterator[Finding]:
    """Judge the registries of a profile that names its version."""
    ucp = ucp_of(document)
    version = version_of(document)
    if version >= _SHAPED_SINCE:
        missing = [name for name in ("services", "payment_handlers") if name not in ucp]
        if missing:
            saw = f"ucp lacks {' and '.join(missing)}"
            yield MEMBERS.broken(saw, "Have both, if only as empty objects.")
        else:
            yield MEMBERS.ok("services and payment_handlers are there")
        for name, rule in _REGISTRIES:
            if name in ucp:
                yield from _registry(ucp[name], rule, role, version)
        yield from _bindings(ucp, version)
    if role == BUSINESS:
        yield from _endpoints(ucp, url, allow_loopback=allow_loopback)
    else:
        yield from _webhooks(ucp, allow_loopback=allow_loopback)


def has_endpoint(ucp: dict[str, Any]) -> bool:
    """Whether a service names one."""
    return next(_named_endpoints(ucp.get("services")), None) is not None


def has_webhook(ucp: dict[str, Any]) -> bool:
    """Whether orders are told to a webhook."""
    return any(
        name == _ORDER
        and isinstance(entry.get("config"), dict)
        and "webhook_url" in entry["config"]
        for name, entry in _entries(ucp.get("capabilities"))
    )


def _registry(registry: object, rule: Rule, role: str, version: str) -> Iterator[Finding]:
    if not isinstance(registry, dict):
        yield rule.broken(f"it is {shown(registry)}", "Make it an object of names and lists.")
        return
    found: list[Finding] = []
    for name, entries in registry.items():
        if len(name) > _LONGEST_NAME or _NAME.fullmatch(name) is None:
            found.append(rule.broken("no reverse-domain name", "Rename it.", shown(name)))
        elif not isinstance(entries, list):
            found.append(rule.broken(f"it is {shown(entries)}", "Make it a list.", shown(name)))
        else:
            for entry in entries:
                fault = _entry_fault(entry, rule, role, version)
                if fault is not None:
                    found.append(rule.broken(*fault, shown(name)))
    if rule is CAPABILITIES:
        found += _orphans(registry)
    yield from rule.listed(found, f"{len(registry)}, well formed" if registry else "none")


def _entry_fault(entry: object, rule: Rule, role: str, version: str) -> tuple[str, str] | None:
    if not isinstance(entry, dict):
        return f"an entry is {shown(entry)}", "Make it an object."
    if not is_date(entry.get("version")):
        return "an entry has no version of the form YYYY-MM-DD", "State its version."
    if rule is SERVICES and entry.get("transport") not in _TRANSPORTS:
        return "an entry has no known transport", f"Name one of {', '.join(_TRANSPORTS)}."
    for member in _required(entry, rule, role, version):
        if not isinstance(entry.get(member), str):
            return f"an entry lacks {member}", f"Add {member}."
    return None


def _required(entry: dict[str, Any], rule: Rule, role: str, version: str) -> tuple[str, ...]:
    if rule is SERVICES:
        if role == PLATFORM:
            return ("spec",) if entry["transport"] == "a2a" else ("spec", "schema")
        return ("endpoint",) if entry["transport"] in _CALLED else ()
    if rule is HANDLERS:
        return ("id", "spec", "schema") if role == PLATFORM else ("id",)
    if role == PLATFORM:
        return ("spec", "schema")
    return ("schema",) if version >= _BOUND_SINCE else ()


def _orphans(registry: dict[str, Any]) -> Iterator[Finding]:
    for name, entry in _entries(registry):
        parents = entry.get("extends", [])
        listed = parents if isinstance(parents, list) else [parents]
        known = [each for each in listed if isinstance(each, str) and each in registry]
        if listed and not known:
            yield CAPABILITIES.warning(
                "it extends nothing that is declared here",
                "Declare its parent, too: without it, it is never active.",
                shown(name),
            )


def _entries(registry: object) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(registry, dict):
        for name, entries in registry.items():
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict):
                    yield name, entry


def _bindings(ucp: dict[str, Any], version: str) -> Iterator[Finding]:
    """A schema's host, reversed, begins the name that the schema is of."""
    found: list[Finding] = []
    schemas = 0
    for member, _ in _REGISTRIES:
        for name, entry in _entries(ucp.get(member)):
            schema = entry.get("schema")
            if not isinstance(schema, str):
                continue
            schemas += 1
            fault = _unbound(name, schema)
            if fault is not None:
                advice = "Serve it from the domain that the name reverses, or rename it."
                judge = AUTHORITY.broken if version >= _BOUND_SINCE else AUTHORITY.warning
                found.append(judge(fault, advice, shown(name)))
    if schemas:
        yield from AUTHORITY.listed(found, f"{schemas} schemas, each at home under its name")


def _unbound(name: str, schema: str) -> str | None:
    try:
        url = normalise(schema)
    except Refusal as refusal:
        return f"schema {shown(schema)}: {refusal.explanation.replace('profile', 'schema')}"
    if url.address is not None or "." not in url.host:
        return f"schema {shown(schema)} is at no registered name"
    prefix = ".".join(reversed(url.host.split(".")))
    if name == prefix or name.startswith(f"{prefix}."):
        return None
    return f"schema {shown(schema)} is not at home there: {prefix} does not begin the name"


def _endpoints(ucp: dict[str, Any], url: ProfileUrl, *, allow_loopback: bool) -> Iterator[Finding]:
    found: list[Finding] = []
    named = list(_named_endpoints(ucp.get("services")))
    for endpoint in named:
        finding = _endpoint(endpoint, url, allow_loopback=allow_loopback)
        if finding is not None:
            found.append(finding)
    if named:
        yield from ENDPOINTS.listed(found, f"{len(named)}, all at {url.authority}")
    else:
        yield ENDPOINTS.warning("none", "Name the endpoints that platforms shall call.")


def _named_endpoints(services: object) -> Iterator[object]:
    """Find them wherever they stand: the first release had them a level deeper."""
    waiting = [services]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            if "endpoint" in node:
                yield node["endpoint"]
            waiting += node.values()


def _endpoint(endpoint: object, url: ProfileUrl, *, allow_loopback: bool) -> Finding | None:
    subject = shown(endpoint)
    try:
        known = normalise(
            endpoint if isinstance(endpoint, str) else "", allow_loopback=allow_loopback
        )
    except Refusal as refusal:
        saw = refusal.explanation.replace("profile URL", "endpoint")
        return ENDPOINTS.broken(saw, "Name an absolute https URL at a public host.", subject)
    if known.authority != url.authority:
        return ENDPOINTS.warning(
            f"not at {url.authority}",
            "Make sure that the gateway stands there, too: else platforms go around it.",
            subject,
        )
    if known.url.endswith("/"):
        return ENDPOINTS.warning(
            "it ends in a slash", "Drop the slash: paths are appended to it.", subject
        )
    return None


def _webhooks(ucp: dict[str, Any], *, allow_loopback: bool) -> Iterator[Finding]:
    orders = [entry for name, entry in _entries(ucp.get("capabilities")) if name == _ORDER]
    if not orders:
        return
    found: list[Finding] = []
    for entry in orders:
        config = entry.get("config")
        target = config.get("webhook_url") if isinstance(config, dict) else None
        if not isinstance(target, str):
            advice = "Add config.webhook_url: what happens to an order is sent there."
            found.append(WEBHOOK.broken(f"{_ORDER} without a webhook_url", advice))
            continue
        try:
            normalise(target, allow_loopback=allow_loopback)
        except Refusal as refusal:
            saw = refusal.explanation.replace("profile URL", "webhook_url")
            advice = "Name an absolute https URL at a public host."
            found.append(WEBHOOK.broken(saw, advice, shown(target)))
    yield from WEBHOOK.listed(found, "webhook_url is an https URL")
