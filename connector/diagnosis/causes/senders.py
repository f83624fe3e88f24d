"""What is wrong around the signature: UCP-Agent, the profile behind it, single header lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from connector.diagnosis.causes.cause import LIKELY, PROVEN, Finding, table
from connector.diagnosis.causes.evidence import shown
from connector.diagnosis.causes.signature_agents import cause_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.diagnosis.causes.evidence import Evidence, Observed

CAUSES: Final = table(
    (
        "agent-missing",
        "There is no UCP-Agent, so that nobody knows whose key to ask for.",
        'Send UCP-Agent: profile="https://platform.example/.well-known/ucp", and cover it.',
        "UCP overview, Platform Advertisement on Request",
    ),
    (
        "agent-without-profile",
        "UCP-Agent holds the URL alone, or has no member profile.",
        'Write it as a dictionary: profile="https://...".',
        "RFC 9651 section 3.2",
    ),
    (
        "agent-unquoted",
        "The URL in UCP-Agent is not in double quotes.",
        'Write it as a string: profile="https://...".',
        "RFC 9651 section 3.3.3",
    ),
    (
        "agent-not-https",
        "The profile URL is not https.",
        "Publish the profile over https.",
        "UCP overview, Fetching",
    ),
    (
        "agent-url-refused",
        "The profile URL, or where it leads, is not acceptable.",
        "Publish the profile under a public name, at a URL without user, fragment or dot segments.",
        "UCP overview, Fetching",
    ),
    (
        "profile-redirects",
        "The profile URL answers with a redirect, which is not followed.",
        "Send the URL that answers with the profile itself.",
        "UCP overview, Fetching",
    ),
    (
        "profile-unreachable",
        "The profile could not be fetched.",
        "See that the URL answers strangers with status 200 within seconds.",
        "UCP overview, Fetching",
    ),
    (
        "profile-not-given",
        "No profile was given here, so that no signature could be checked.",
        "Give --profile or --key, or have it fetched with --fetch.",
        "UCP overview, Fetching",
    ),
    (
        "profile-not-json",
        "What the profile URL answers is no JSON object with keys in a list.",
        "Answer with the JSON document of the profile; keys is a list.",
        "UCP overview, Profile Structure",
    ),
    (
        "profile-version-missing",
        "The profile has no ucp.version.",
        'Publish {"ucp": {"version": "2026-08-25", ...}, "keys": [...]}.',
        "UCP overview, Profile Structure",
    ),
    (
        "version-unsupported",
        "The profile's ucp.version is none that the merchant speaks.",
        "Speak a version that the merchant's own profile lists.",
        "UCP overview, Protocol Version",
    ),
    (
        "single-header-repeated",
        "A header that may stand once stands twice, as when two layers each add it.",
        "Send it once; look for a client library, agent or proxy that adds its own line.",
        "RFC 9110 section 5.3",
    ),
)

_LEADING_URL: Final = re.compile(r"\s*[\"'<]?https?://", re.IGNORECASE)
_UNQUOTED: Final = re.compile(r"profile\s*=\s*(?!\")", re.IGNORECASE)


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Say what is wrong around the signature."""
    for fault in evidence.faults:
        if cause_of(fault.reason) is not None:
            # It is what Signature-Agent names, and not the profile.
            continue
        if fault.code == "invalid_profile_url":
            yield _agent(evidence, fault)
        elif fault.code == "profile_unreachable":
            yield _unreachable(fault)
        elif fault.code == "profile_malformed":
            missing = fault.reason.startswith("version_")
            cause = "profile-version-missing" if missing else "profile-not-json"
            yield Finding(cause, PROVEN, fault.explanation)
        elif fault.code == "version_unsupported":
            yield Finding("version-unsupported", PROVEN, fault.explanation)
        elif fault.code == "malformed_request" and fault.reason == "repeated":
            yield Finding("single-header-repeated", PROVEN, fault.explanation)


def _agent(evidence: Evidence, fault: Observed) -> Finding:
    value = evidence.value("ucp-agent")
    if fault.reason == "agent_missing":
        return Finding("agent-missing", PROVEN)
    if _LEADING_URL.match(value) or fault.reason == "profile_missing":
        return Finding("agent-without-profile", PROVEN, shown(value))
    if _UNQUOTED.search(value):
        return Finding("agent-unquoted", PROVEN, shown(value))
    if fault.reason == "scheme":
        return Finding("agent-not-https", PROVEN, shown(value))
    return Finding("agent-url-refused", PROVEN, fault.explanation)


def _unreachable(fault: Observed) -> Finding:
    if fault.reason == "not_given":
        return Finding("profile-not-given", PROVEN)
    if fault.reason == "status" and re.search(r"\b3[0-9][0-9]\b", fault.explanation):
        return Finding("profile-redirects", PROVEN, fault.explanation)
    return Finding("profile-unreachable", LIKELY, fault.explanation)
