"""A merchant's MCP server, made with the PyPI package mcp, as a process of its own.

It says on standard output at which port it listens, and then one JSON line for each request that
reaches it. Every execution of a tool has a number, so that nobody can take one for two.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from tests.end_to_end.merchant import PROFILE_PATH

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PATH: Final = "/ucp/mcp"
_TOLD: Final = ("mcp-session-id", "idempotency-key", "ucp-verified-operation", "ucp-verified-claim")

_checkouts: dict[str, dict[str, Any]] = {}
_executions = itertools.count(1)
server: MCPServer[Any] = MCPServer("flower shop")


def _executed(checkout: dict[str, Any]) -> dict[str, Any]:
    return {**checkout, "execution": next(_executions)}


@server.tool()
async def create_checkout(checkout: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    """Open a checkout."""
    del meta
    made = {"id": f"chk_{len(_checkouts) + 1}", "status": "ready_for_complete", **checkout}
    _checkouts[made["id"]] = made
    return _executed(made)


@server.tool()
async def get_checkout(id: str, meta: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - UCP's name
    """Show a checkout."""
    del meta
    return _executed(_checkouts[id])


@server.tool()
async def complete_checkout(
    id: str,  # noqa: A002 - UCP's name
    checkout: dict[str, Any],
    meta: dict[str, Any],
    ctx: Context[Any, Any],
) -> dict[str, Any]:
    """Place the order, and tell how far it is meanwhile."""
    del meta
    await ctx.report_progress(1, 2, "paying")
    _checkouts[id] |= {**checkout, "status": "completed"}
    await ctx.report_progress(2, 2, "done")
    return _executed(_checkouts[id])


@server.tool()
async def wipe_shop() -> str:
    """Do what no platform may ask for."""
    return "gone"


class _Told:
    """Says what it is asked before it is done."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The connector asks for the profile on its own account.
        if scope["type"] == "http" and scope["path"] != PROFILE_PATH:
            lines = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            told = {name: lines.get(name) for name in _TOLD}
            print(json.dumps({"method": scope["method"], **told}), flush=True)  # noqa: T201 - see above
        await self._app(scope, receive, send)


def main() -> None:
    """Serve until the process is told to stop."""
    hosts = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    application = server.streamable_http_app(streamable_http_path=PATH, transport_security=hosts)
    listening = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)  # noqa: T201 - see above
    config = uvicorn.Config(
        _Told(application), log_level="error", lifespan="on", timeout_graceful_shutdown=1
    )
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main()
