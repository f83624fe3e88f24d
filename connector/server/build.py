"""From settings to rooms: everything that a request needs is made here, once."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from connector.authentication.verification import Authenticator
from connector.egress.fetch import Fetcher
from connector.egress.resolving import Resolver
from connector.gateway import Lane
from connector.ingress.front import Ingress, PeerRate
from connector.ingress.limits import WireLimits
from connector.platforms.agent import agent_reader
from connector.platforms.budgets import Lane as FetchLane
from connector.platforms.discovery import PLACES, Discovery
from connector.server.mcp import build_mcp
from connector.server.terms import merchant_terms
from connector.signing.answers import AnswerSigner
from connector.signing.directory import KeyDirectory
from connector.signing.publishing import PROFILE_PATH, PublishedDocuments
from connector.transports.operations import OperationRule
from connector.transports.problems import ProblemRenderer
from connector.transports.rest import RestTransport
from connector.upstream.client import UpstreamClient
from connector.upstream.forwarding import Forwarding

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.authentication.sources import Profiles
    from connector.ingress.context import Handler
    from connector.platforms.documents import Profile
    from connector.platforms.fleet import Fleet
    from connector.server.admissions import Admissions
    from connector.settings.gateway import Limits
    from connector.settings.merchants import Merchant
    from connector.settings.schema import Settings
    from connector.signing.current import CurrentKeys
    from connector.validation.requests import RequestValidation

# A keyed write older than its idempotency record could be run again (ucp-rules section 3.9).
_HORIZON_MARGIN: Final = 3600.0


def build_discovery(
    settings: Settings,
    clock: Callable[[], float],
    fleet: Fleet | None = None,
    landed: Callable[[Profile], None] = lambda _: None,
) -> Discovery:
    """Make the one discovery of a process, with the guarded way out behind it.

    ``landed`` is told of every profile that comes.
    """
    discovery = settings.discovery
    tls = ssl.create_default_context()

    def fetcher(lane: FetchLane) -> Fetcher:
        return Fetcher(
            resolve=Resolver(PLACES[lane]),
            tls=tls,
            max_document=discovery.max_document,
            connect_timeout=discovery.connect_timeout,
            timeout=discovery.timeout,
            allow_loopback=discovery.insecure_allow_loopback_profiles,
        )

    return Discovery(
        {lane: fetcher(lane) for lane in FetchLane},
        clock=clock,
        rate=discovery.budget.amount / discovery.budget.period,
        burst=discovery.budget.burst,
        cache_entries=discovery.cache_entries,
        nested_keys=discovery.nested_keys,
        allow_loopback=discovery.insecure_allow_loopback_profiles,
        patience=discovery.timeout * 2,
        fleet=fleet,
        landed=landed,
    )


def build_ingress(settings: Settings, handler: Handler, clock: Callable[[], float]) -> Ingress:
    """Make the wire front of a process."""
    rate = settings.rates.per_peer
    return Ingress(
        handler,
        authorities=[
            (authority, merchant.id, merchant.scheme)
            for merchant in settings.merchants
            for authority in merchant.authorities
        ],
        authority_from=settings.authority_from,
        trusted_proxies=map(str, settings.trusted_proxies),
        limits=wire_limits(settings.limits),
        per_peer=PeerRate(rate.interval, rate.burst),
        clock=clock,
    )


def wire_limits(limits: Limits) -> WireLimits:
    """Return the bounds of a listener."""
    return WireLimits(
        body=limits.body,
        headers=limits.headers,
        header_line=limits.header_line,
        header_bytes=limits.header_bytes,
        header_timeout=limits.header_timeout,
        body_timeout=limits.body_timeout,
        in_flight=limits.in_flight,
    )


def build_transport(merchant: Merchant) -> RestTransport | None:
    """Make a merchant's REST transport; None where its endpoint is off."""
    if merchant.endpoints.rest is None:
        return None
    return RestTransport(
        merchant.endpoints.rest,
        extensions=[
            OperationRule(each.name, each.method, each.path, each.kind)
            for each in merchant.operations
        ],
        encoded_ids=merchant.path_ids == "encoded",
    )


def build_authenticator(
    settings: Settings, merchant: Merchant, profiles: Profiles
) -> Authenticator:
    """Make what verifies a merchant's requests."""
    loopback = settings.discovery.insecure_allow_loopback_profiles
    return Authenticator(
        profiles=profiles,
        agent_url=agent_reader(allow_loopback=loopback),
        versions=frozenset(merchant.versions),
        keyed_horizon=settings.store.idempotency_ttl - _HORIZON_MARGIN,
        endpoint=merchant.endpoints.rest or "",
        **merchant_terms(settings, merchant)._asdict(),
    )


def build_lane(
    settings: Settings,
    merchant: Merchant,
    profiles: Profiles,
    admissions: Admissions,
    keys: CurrentKeys | None = None,
    validation: RequestValidation | None = None,
) -> Lane:
    """Make everything that serves one merchant; without ``keys`` nothing is signed."""
    upstream = UpstreamClient(
        merchant.upstream.url,
        connect_timeout=merchant.upstream.connect_timeout,
        response_timeout=merchant.upstream.response_timeout,
        buffer_limit=settings.store.max_replayable_body,
        max_connections=settings.limits.in_flight,
    )
    host = None if merchant.upstream.preserve_host else upstream.authority
    return Lane(
        transport=build_transport(merchant),
        authenticator=build_authenticator(settings, merchant, profiles),
        admission=admissions.control(merchant),
        settlement=admissions.settlement(merchant),
        forwarding=Forwarding(merchant.scheme, host),
        upstream=upstream,
        published=PublishedDocuments(
            [PROFILE_PATH, *merchant.profile.leaves],
            keys,
            None if keys is None else KeyDirectory(keys, merchant.authorities),
        ),
        problems=ProblemRenderer(merchant.continue_url, merchant.versions),
        answers=None
        if keys is None
        else AnswerSigner(keys, bind_request=merchant.responses.bind_request),
        observe=merchant.enforcement.signatures == "insecure_observe",
        mcp=build_mcp(settings, merchant, admissions.mcp),
        validation=validation,
    )
