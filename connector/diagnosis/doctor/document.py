"""What stands in a profile besides keys and services: JSON, version, older versions, secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from connector.diagnosis.doctor.facts import BUSINESS, Failed
from connector.diagnosis.doctor.finding import Rule, shown, told
from connector.egress.fetch import FetchedDocument
from connector.egress.urls import normalise
from connector.errors import Refusal
from connector.platforms.documents import MAX_DEPTH, parse_object, read_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.diagnosis.doctor.facts import Answered, Visit
    from connector.diagnosis.doctor.finding import Finding
    from connector.egress.fetch import Exchange
    from connector.egress.urls import ProfileUrl

JSON: Final = Rule("json", "ucp-rules section 6; RFC 8259")
READ: Final = Rule("gateway-reads", "ucp-rules section 6")
VERSION: Final = Rule("version", "UCP overview, Version Format")
OLDER: Final = Rule("supported-versions", "UCP overview, Protocol Version")
SECRETS: Final = Rule("no-secrets", "UCP profile schema, jwk_public_key; RFC 7517 section 9.2")

VERSIONS: Final = ("2026-01-11", "2026-01-23", "2026-04-08", "2026-08-25")
"""The releases that the gateway speaks."""
MAX_LEAVES: Final = 8
"""Older versions whose documents are fetched."""

# Characters of a place in a document that are kept: names may be as long as the document.
_PATH: Final = 60
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# RFC 7518 sections 6.2.2, 6.3.2 and 6.4: the members of a JWK that are secret.
_SECRET: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


def read_document(url: ProfileUrl, answer: Exchange) -> tuple[dict[str, Any] | None, list[Finding]]:
    """Read a profile as the gateway does; the document is None where it is none."""
    try:
        document = parse_object(answer.body)
    except Refusal as refusal:
        advice = "Serve one JSON object in UTF-8 without a byte order mark or repeated names."
        return None, [JSON.broken(told(refusal.explanation), advice), _read(refusal)]
    refused: Refusal | None = None
    try:
        # The times only decide its life, which is judged by the headers.
        read_profile(url, FetchedDocument(answer.body, "", ""), fetched_at=0.0, received_at=0.0)
    except Refusal as refusal:
        refused = refusal
    kept = f"strict JSON, at most {MAX_DEPTH} levels deep"
    return document, [JSON.ok(kept), _read(refused), *_version(document), _secrets(document)]


def ucp_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the member ``ucp``; empty where it is no object."""
    ucp = document.get("ucp")
    return ucp if isinstance(ucp, dict) else {}


def version_of(document: dict[str, Any]) -> str:
    """Return ``ucp.version``; empty where it is no date."""
    version = ucp_of(document).get("version")
    return str(version) if is_date(version) else ""


def is_date(value: object) -> bool:
    """Whether a version has the form of one."""
    return isinstance(value, str) and _DATE.fullmatch(value) is not None


def secret_members(jwk: dict[str, Any]) -> list[str]:
    """Name the members of a JWK that nobody may see."""
    return [name for name in _SECRET if name in jwk]


def older_version_findings(document: dict[str, Any], visit: Visit, role: str) -> Iterator[Finding]:
    """Judge ``ucp.supported_versions`` and the documents that it names."""
    ucp = ucp_of(document)
    if "supported_versions" not in ucp:
        return
    supported = ucp["supported_versions"]
    if role != BUSINESS:
        yield OLDER.warning(
            "a platform's profile has it", "Leave it out: a platform speaks one version a profile."
        )
    elif not isinstance(supported, dict):
        yield OLDER.broken(f"it is {shown(supported)}", "Make it an object of version and URL.")
    else:
        found = [_older(version, target, visit) for version, target in supported.items()]
        bad = [finding for finding in found if finding is not None]
        yield from OLDER.listed(bad, f"{len(supported)} older versions")


def older_urls(document: dict[str, Any], *, allow_loopback: bool) -> dict[str, ProfileUrl]:
    """Return the URLs of the older versions that can be fetched, by version, some at most."""
    supported = ucp_of(document).get("supported_versions")
    urls: dict[str, ProfileUrl] = {}
    for version, target in (supported if isinstance(supported, dict) else {}).items():
        if is_date(version) and isinstance(target, str) and len(urls) < MAX_LEAVES:
            try:
                urls[version] = normalise(target, allow_loopback=allow_loopback)
            except Refusal:
                continue
    return urls


def _older(version: str, target: object, visit: Visit) -> Finding | None:
    named = shown(version)
    if not is_date(version):
        return OLDER.broken("not a version", "Name a version as YYYY-MM-DD.", named)
    leaf = visit.leaves.get(version)
    if leaf is None:
        if len(visit.leaves) >= MAX_LEAVES:
            return OLDER.warning("not fetched: too many", "Drop versions nobody uses.", named)
        return OLDER.broken(f"{shown(target)} is no URL over HTTPS", "Name one.", named)
    return _leaf(version, leaf, named)


def _leaf(version: str, leaf: Answered, named: str) -> Finding | None:
    if isinstance(leaf, Failed):
        return OLDER.broken(told(leaf.explanation), "Serve that document, too.", named)
    if leaf.status != 200:
        return OLDER.broken(f"status {leaf.status}", "Serve that document, too.", named)
    try:
        ucp = ucp_of(parse_object(leaf.body))
    except Refusal as refusal:
        return OLDER.broken(told(refusal.explanation), "Serve a whole profile there.", named)
    if ucp.get("version") != version:
        saw = f"its ucp.version is {shown(ucp.get('version'))}"
        return OLDER.broken(saw, "Make the two equal: nobody may use it so.", named)
    if "supported_versions" in ucp:
        return OLDER.broken("it has supported_versions itself", "Leave it out there.", named)
    return None


def _read(refusal: Refusal | None) -> Finding:
    if refusal is None:
        return READ.ok("it would be taken")
    return READ.broken(
        f"{refusal.code.name} ({refusal.reason}): {told(refusal.explanation)}",
        "Mend this first: every request under this profile is refused.",
    )


def _version(document: dict[str, Any]) -> Iterator[Finding]:
    version = ucp_of(document).get("version")
    if not is_date(version):
        saw = "no ucp.version" if version is None else f"{shown(version)} is no date"
        yield VERSION.broken(saw, "Name the release that you implement, as YYYY-MM-DD.")
    elif version not in VERSIONS:
        yield VERSION.warning(
            f"{version} is not one of {', '.join(VERSIONS)}", "Name a published release."
        )
    else:
        yield VERSION.ok(version)


def _secrets(document: dict[str, Any]) -> Finding:
    """Look for private keys wherever they may stand; their values are never shown."""
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, list):
            here = path[-_PATH:]
            waiting += [(f"{here}[{number}]", each) for number, each in enumerate(node)]
        elif isinstance(node, dict):
            if "kty" in node and secret_members(node):
                return SECRETS.broken(
                    f"{shown(path)} publishes a secret key: it has {secret_members(node)[0]}",
                    "Revoke this key today, and publish the public half of a new one.",
                )
            here = path[-_PATH:]
            waiting += [(f"{here}.{name[:_PATH]}".lstrip("."), each) for name, each in node.items()]
    return SECRETS.ok("no private or symmetric key")
