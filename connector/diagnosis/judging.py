"""The gateway's own rooms, put together for one request: no socket, no clock, no network.

received → bounded → verified, exactly as the gateway decides it; what would be forwarded ends here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from canonical import Request
from connector.authentication.permission import permit
from connector.diagnosis.vectors import Accept
from connector.diagnosis.verdicts import Refused
from connector.errors import Refusal
from connector.ingress.authority import AuthorityTable
from connector.ingress.guard import Guard
from connector.platforms.agent import agent_reader
from connector.platforms.budgets import Lane
from connector.platforms.discovery import Discovery
from connector.server.build import build_authenticator, build_transport, wire_limits
from connector.server.mcp import build_mcp
from connector.settings.loading import settings_from
from connector.steps import Received
from connector.transports.media import check_media

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canonical import KeySet
    from connector.authentication.policy import Policy
    from connector.authentication.verification import Examined
    from connector.diagnosis.vectors import WireRequest
    from connector.egress.fetch import Fetch
    from connector.settings.schema import Settings
    from connector.steps import Caller, Operation, RawHeaders
    from connector.transports.mcp import McpCall
    from connector.transports.rest import RestCall

_PEER: Final = "192.0.2.1"  # RFC 5737: an address for documentation
_PROFILES: Final = 64
"""More than one request names, so that no budget decides here."""

MERCHANT: Final[dict[str, Any]] = {
    "id": "merchant",
    "authorities": ["shop.example.com"],
    "scheme": "https",
    "versions": ["2026-08-25", "2026-04-08"],
    "endpoints": {"rest": "/", "mcp": "off"},
    "upstream": {"url": "http://127.0.0.1:9"},
}
"""The merchant of the vector files, where a case says nothing else. It is never called."""


def merchant_settings(changed: Mapping[str, Any], **sections: Any) -> Settings:
    """Return settings for one merchant: ``MERCHANT``, a section replaced where a case has its own.

    ``sections`` are further top-level sections. Raises ConfigurationError.
    """
    document = {"merchants": [{**MERCHANT, **changed}], **sections}
    return settings_from(document, folder=Path("/"), source="settings")


def offline_discovery(
    fetch: Fetch, now: float, *, nested_keys: bool = False, allow_loopback: bool = False
) -> Discovery:
    """Return a discovery whose clock stands still; to be closed on its event loop."""
    return Discovery(
        dict.fromkeys(Lane, fetch),
        clock=lambda: now,
        rate=_PROFILES,
        burst=_PROFILES,
        cache_entries=_PROFILES,
        nested_keys=nested_keys,
        allow_loopback=allow_loopback,
    )


class Judge:
    """Decides requests to one merchant at UNIX time ``now``; to be closed on its event loop."""

    def __init__(self, settings: Settings, fetch: Fetch, now: float) -> None:
        (merchant,) = settings.merchants
        self._now = now
        self._discovery = offline_discovery(
            fetch,
            now,
            nested_keys=settings.discovery.nested_keys,
            allow_loopback=settings.discovery.insecure_allow_loopback_profiles,
        )
        self._guard = Guard(wire_limits(settings.limits))
        self._authorities = AuthorityTable(
            (name, merchant.id, merchant.scheme) for name in merchant.authorities
        )
        self._transport = build_transport(merchant)
        self._mcp = build_mcp(settings, merchant, None)
        self._agent_url = agent_reader(
            allow_loopback=settings.discovery.insecure_allow_loopback_profiles
        )
        self.authenticator = build_authenticator(settings, merchant, self._discovery)

    async def aclose(self) -> None:
        """End what is under way."""
        await self._discovery.aclose()

    def receive(self, request: WireRequest) -> Received:
        """Take the request past the wire guard and to its merchant; raises Refusal."""
        lines = framed(request)
        head = self._guard.check(_octets(request, lines), lines)
        found = self._authorities.resolve(head.headers.index, trusted=False)
        message = Request(
            method=head.method,
            target=head.target,
            scheme=found.scheme,
            headers=lines,
            body=request.body,
        )
        return Received(message, found.merchant, _PEER, self._now, 0.0)

    def ask(self, received: Received) -> RestCall | McpCall:
        """Take what the request asks for, by its path; raises Refusal."""
        request = received.request
        if self._mcp is not None and self._mcp.serves(request.target):
            return self._mcp.ask(request)
        if self._transport is None:
            raise Refusal("unknown_operation", "endpoint_off", "the REST endpoint is off")
        return self._transport.ask(request)

    async def published_keys(self, received: Received) -> KeySet | None:
        """Return the keys of the profile that the request names; None where there are none."""
        lines = received.request.headers.index.get(b"ucp-agent", ())
        try:
            url = self._agent_url(b", ".join(lines))
            profile = await self._discovery.resolve(
                url, peer=_PEER, registered=False, now=self._now
            )
        except Refusal:
            return None
        return profile.keys

    async def decide(self, request: WireRequest) -> Accept | Refused:
        """Decide the request as the gateway would."""
        try:
            received = self.receive(request)
            self.ask(received)
            examined = self.examine(received)
            check_media(received.request)
            caller = await self.authenticator.prove(received, examined)
            self.admit(received, caller, examined.policy)
        except Refusal as refusal:
            return Refused(refusal.code.name, refusal.reason, refusal.explanation)
        base = caller.signature_base.decode()
        return Accept(caller.identity, caller.keyid, caller.label, base, caller.scheme)

    def examine(self, received: Received) -> Examined:
        """Judge the candidates by what the head says; raises Refusal."""
        try:
            asked = self.ask(received)
        except Refusal:
            # Its path is refused before; its signatures are judged all the same, to explain them.
            return self.authenticator.examine(received, writes=False)
        return self.authenticator.examine(received, writes=asked.writes, in_body=asked.in_body)

    def admit(self, received: Received, caller: Caller, policy: Policy) -> Operation:
        """Name the operation and hold it against what the caller may do; raises Refusal."""
        operation = self.ask(received).operation(caller)
        permit(policy, operation)
        return operation


def framed(request: WireRequest) -> RawHeaders:
    """Return the headers as a sender frames them: with Content-Length where there is a body."""
    names = {name.lower() for name, _ in request.headers}
    if not request.body or names & {b"content-length", b"transfer-encoding"}:
        return request.headers
    return [*request.headers, (b"Content-Length", b"%d" % len(request.body))]


def _octets(request: WireRequest, lines: RawHeaders) -> bytes:
    """Return the head as it goes over the wire."""
    first = f"{request.method} {request.target} HTTP/1.1".encode()
    return b"\r\n".join([first, *(b"%b: %b" % line for line in lines), b"", b""])
