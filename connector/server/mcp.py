"""From settings to a merchant's MCP endpoint."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from connector.admission.scripts import SESSION_KEY
from connector.admission.sealing import Unsealable
from connector.platforms.agent import agent_reader
from connector.settings.fields import secret_octets
from connector.store.errors import StoreUnavailable
from connector.transports.jsonrpc_errors import JsonRpcRenderer
from connector.transports.mcp import McpTransport
from connector.transports.mcp_sessions import SessionKeys, Sessions
from connector.transports.open_streams import OpenStreams
from connector.transports.operations import OperationRule

if TYPE_CHECKING:
    from connector.admission.sealing import Sealer
    from connector.admission.watch import StoreWatch
    from connector.settings.merchants import Merchant
    from connector.settings.schema import Settings

_NAME: Final = b"ucp1:{mcp}:session-key:"
_PLAIN: Final = b"plain"


class McpShared:
    """What the MCP endpoints of a process share: the key of sessions, and room for streams."""

    def __init__(self, settings: Settings, store: StoreWatch, sealer: Sealer) -> None:
        self.streams = OpenStreams(settings.limits.in_flight)
        self.keys = SessionKeys(self._agree)
        self._store = store
        self._sealer = sealer
        # With another key of the store in front there is another one for sessions, too: it would
        # otherwise be lost with the key that opens it.
        keys = settings.store.encryption_keys
        self._name = _NAME + (
            hashlib.sha256(secret_octets(keys[0].get_secret_value())).hexdigest()[:16].encode()
            if keys
            else _PLAIN
        )

    async def _agree(self, key: bytes) -> bytes:
        """Offer a key and return the one that the store keeps; raises StoreUnavailable."""
        offered = self._sealer.seal(key, self._name)
        kept: bytes = await self._store.run(SESSION_KEY, (self._name,), (offered,))
        try:
            return self._sealer.open(kept, self._name)
        except Unsealable as error:
            raise StoreUnavailable(f"The key for sessions: {error}.", applied=False) from error


def build_mcp(
    settings: Settings, merchant: Merchant, shared: McpShared | None
) -> McpTransport | None:
    """Make a merchant's MCP transport; None where its endpoint is off.

    Without ``shared``, and where unverified requests are let through, session ids pass as they are.
    """
    if merchant.endpoints.mcp is None:
        return None
    read = agent_reader(allow_loopback=settings.discovery.insecure_allow_loopback_profiles)
    enforced = merchant.enforcement.signatures == "enforce"
    return McpTransport(
        merchant.endpoints.mcp,
        extensions=[
            OperationRule(each.name, each.method, each.path, each.kind)
            for each in merchant.operations
        ],
        problems=JsonRpcRenderer(merchant.continue_url, merchant.versions),
        profile_url=lambda value: read(value).url,
        max_answer=settings.store.max_replayable_body,
        streams=OpenStreams(settings.limits.in_flight) if shared is None else shared.streams,
        sessions=Sessions(merchant.id, shared.keys) if shared is not None and enforced else None,
        resumes=merchant.endpoints.insecure_last_event_id,
    )
