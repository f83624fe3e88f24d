"""All rules, in the order in which a reader wants them; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from connector.diagnosis.doctor.caching import caching_findings
from connector.diagnosis.doctor.directory import directory_findings
from connector.diagnosis.doctor.document import (
    READ,
    older_version_findings,
    read_document,
    ucp_of,
)
from connector.diagnosis.doctor.facts import BUSINESS, PLATFORM, Failed
from connector.diagnosis.doctor.finding import BROKEN, Finding, shown, told
from connector.diagnosis.doctor.hosting import (
    URL,
    connection_findings,
    failure_finding,
    head_findings,
    url_findings,
)
from connector.diagnosis.doctor.keys import key_findings
from connector.diagnosis.doctor.services import has_endpoint, has_webhook, service_findings

if TYPE_CHECKING:
    from connector.diagnosis.doctor.facts import Visit
    from connector.errors import Refusal


class Section(NamedTuple):
    """Findings about one part."""

    name: str
    findings: tuple[Finding, ...]


class Examination(NamedTuple):
    """What came out."""

    url: str
    """The identity; where it is none, what was given, quoted."""
    role: str | None
    """BUSINESS or PLATFORM; None where nobody said and no document tells."""
    told: bool
    """Whether the role was told, and not found out."""
    sections: tuple[Section, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is broken."""
        return self.count(BROKEN) == 0

    def count(self, verdict: str) -> int:
        """How many findings have this verdict."""
        return sum(
            finding.verdict == verdict for section in self.sections for finding in section.findings
        )


def refused_url(given: str, refusal: Refusal, role: str | None) -> Examination:
    """Examine what is no URL of a profile, and was not visited therefore."""
    finding = URL.broken(
        told(refusal.explanation), "Name an absolute https URL at a public host, in its one form."
    )
    sections = (Section("hosting", (finding, _would_refuse(refusal.code.name, refusal.reason))),)
    return Examination(shown(given), role, role is not None, sections)


def examine(
    given: str, visit: Visit, role: str | None = None, *, allow_loopback: bool = False
) -> Examination:
    """Judge a visit. Without a role the document tells it; ``given`` is the URL as it was typed."""
    document: dict[str, Any] | None = None
    read: list[Finding] = []
    answer = visit.profile
    if isinstance(answer, Failed):
        read = [_would_refuse(answer.code, answer.reason)]
    elif answer.status != 200:
        read = [_would_refuse("profile_unreachable", "status")]
    else:
        document, read = read_document(visit.url, answer)
    if document is None:
        sections = [
            Section("hosting", tuple(_hosting(given, visit, role))),
            Section("document", tuple(read)),
        ]
        known = role
    else:
        known = role or role_of(document)
        sections = _whole(given, visit, known, document, read, allow_loopback=allow_loopback)
    return Examination(visit.url.url, known, role is not None, tuple(sections))


def _whole(
    given: str,
    visit: Visit,
    role: str,
    document: dict[str, Any],
    read: list[Finding],
    *,
    allow_loopback: bool,
) -> list[Section]:
    services = service_findings(document, visit.url, role, allow_loopback=allow_loopback)
    return [
        Section("hosting", tuple(_hosting(given, visit, role))),
        Section("document", (*read, *older_version_findings(document, visit, role))),
        Section("keys", (*key_findings(document, role), *directory_findings(visit))),
        Section("services", tuple(services)),
    ]


def role_of(document: dict[str, Any]) -> str:
    """Guess whose profile a document is: a platform names no endpoints, or a webhook."""
    ucp = ucp_of(document)
    if "supported_versions" in ucp:
        return BUSINESS
    if has_webhook(ucp):
        return PLATFORM
    return BUSINESS if has_endpoint(ucp) else PLATFORM


def _hosting(given: str, visit: Visit, role: str | None) -> list[Finding]:
    found = list(url_findings(given, visit, role))
    answer = visit.profile
    if isinstance(answer, Failed):
        return [*found, failure_finding(answer)]
    found += connection_findings(visit, answer)
    found += head_findings(answer)
    if answer.status == 200:
        found += caching_findings(visit, answer, role)
    return found


def _would_refuse(code: str, reason: str) -> Finding:
    return READ.broken(
        f"{code} ({reason})", "Mend this first: every request under this profile is refused."
    )
