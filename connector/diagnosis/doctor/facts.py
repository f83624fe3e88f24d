"""What a visit to a profile's URL brought: all that the rules look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from connector.egress.fetch import Exchange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.egress.urls import ProfileUrl

BUSINESS: Final = "business"
PLATFORM: Final = "platform"


class Failed(NamedTuple):
    """A request without an answer, as the guarded fetch refused it."""

    code: str
    reason: str
    explanation: str
    tls: str
    """What was wrong with the certificate; empty where that was not it."""


Answered = Exchange | Failed


class Visit(NamedTuple):
    """One visit. What was not asked is None."""

    url: ProfileUrl
    now: float
    """UNIX seconds."""
    profile: Answered
    certificate_ends: float | None = None
    """When the certificate expires, UNIX seconds; None without TLS."""
    again: Answered | None = None
    """The profile, asked for only if it differs from what came before."""
    head: Answered | None = None
    """Asked with HEAD."""
    directory: Answered | None = None
    """The directory of keys below the profile's origin."""
    leaves: Mapping[str, Answered] = {}
    """What the URLs of ``ucp.supported_versions`` gave, by version."""
