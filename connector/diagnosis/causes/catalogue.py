"""All known causes, and the search for those that a request shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connector.diagnosis.causes import (
    digests,
    encodings,
    field_variants,
    header_syntax,
    layout_variants,
    parameter_variants,
    parameters,
    profile_keys,
    senders,
    signature_agents,
    target_variants,
)
from connector.diagnosis.causes.cause import LIKELY, PROVEN, Finding, table
from connector.diagnosis.causes.proof import prove

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.diagnosis.causes.cause import Cause
    from connector.diagnosis.causes.evidence import Evidence

_UNEXPLAINED: Final = table(
    (
        "unexplained",
        "The signature is that of another key, or over a base that no known mistake leads to.",
        "Print the base where you sign, and compare it here with --their-base FILE.",
        "RFC 9421 section 2.5",
    ),
)

GROUPS: Final[Mapping[str, Mapping[str, Cause]]] = {
    "Method, authority, path, query": target_variants.CAUSES,
    "Covered fields": field_variants.CAUSES,
    "The lines of the base": layout_variants.CAUSES,
    "`@signature-params`": parameter_variants.CAUSES,
    "What was signed, and how the signature is written": encodings.CAUSES,
    "Signature-Input and Signature": header_syntax.CAUSES,
    "Parameters and coverage": parameters.CAUSES,
    "Body and Content-Digest": digests.CAUSES,
    "Keys": profile_keys.CAUSES,
    "UCP-Agent and profile": senders.CAUSES,
    "Signature-Agent": signature_agents.CAUSES,
    "None of these": _UNEXPLAINED,
}
"""The catalogue by topic, each by id."""

CATALOGUE: Final[Mapping[str, Cause]] = {
    cause.id: cause for group in GROUPS.values() for cause in group.values()
}


def find_causes(evidence: Evidence) -> tuple[Finding, ...]:
    """Return what explains the failed checks of a signature: proven causes first, each once."""
    proven = prove(evidence)
    found = [
        *proven,
        *parameters.findings(evidence),
        *digests.findings(evidence),
        *senders.findings(evidence),
        *signature_agents.findings(evidence),
    ]
    if not proven:
        found += [*profile_keys.likely(evidence), *header_syntax.likely(evidence)]
    if not found and evidence.has("signature_mismatch"):
        found.append(Finding("unexplained", LIKELY))
    by_cause: dict[str, Finding] = {}
    for finding in found:
        known = by_cause.get(finding.cause)
        if known is None or (known.certainty != PROVEN and finding.certainty == PROVEN):
            by_cause[finding.cause] = finding
    return tuple(sorted(by_cause.values(), key=lambda finding: finding.certainty != PROVEN))
