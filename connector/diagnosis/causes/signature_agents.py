"""What is wrong with Signature-Agent, and with what it names (UCP signatures, WBA Interop)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.diagnosis.causes.cause import PROVEN, Finding, table
from connector.diagnosis.causes.evidence import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.diagnosis.causes.evidence import Evidence

CAUSES: Final = table(
    (
        "signature-agent-string",
        "Signature-Agent is one string, as it was in older drafts of Web Bot Auth.",
        'Send a dictionary, the label as its key: sig1="https://...";type=jwks_uri.',
        "UCP signatures, WBA Interop",
    ),
    (
        "signature-agent-elsewhere",
        "Signature-Agent names another URL than UCP-Agent, and so the keys of somebody else.",
        "Name in Signature-Agent the very URL that stands in UCP-Agent.",
        "UCP overview, Identity Resolution Algorithm",
    ),
    (
        "signature-agent-unusable",
        "Signature-Agent's member is no HTTPS URL, or its type is none of the three.",
        'Write sig1="https://...";type=jwks_uri (or cimd; or directory, with an origin).',
        "UCP overview, Deployment Patterns for WBA Interop",
    ),
    (
        "client-metadata-unusable",
        "What type=cimd leads to is no client's metadata, or those of another client.",
        "Publish JSON whose client_id is the document's own URL and whose jwks_uri is public.",
        "UCP overview, Deployment Patterns for WBA Interop",
    ),
    (
        "directory-unsigned",
        "The key directory has not the media type of one, or none of its keys signed it.",
        'Serve it with its own media type, signed by each key over "@authority";req.',
        "UCP overview, Deployment Patterns for WBA Interop",
    ),
)

_BY_BEGINNING: Final = {
    "signature_agent_string": "signature-agent-string",
    "signature_agent_elsewhere": "signature-agent-elsewhere",
    "signature_agent_": "signature-agent-unusable",
    "metadata_": "client-metadata-unusable",
    "directory_": "directory-unsigned",
}
"""Causes by how a reason begins; the first that fits."""


def cause_of(reason: str) -> str | None:
    """Name the cause behind a reason; None where it has nothing to do with Signature-Agent."""
    return next(
        (cause for beginning, cause in _BY_BEGINNING.items() if reason.startswith(beginning)), None
    )


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Say what is wrong with Signature-Agent."""
    for fault in evidence.faults:
        cause = cause_of(fault.reason)
        if cause is not None and fault.reason.startswith("signature_agent_"):
            yield Finding(cause, PROVEN, shown(evidence.value("signature-agent")))
        elif cause is not None:
            yield Finding(cause, PROVEN, fault.explanation)
