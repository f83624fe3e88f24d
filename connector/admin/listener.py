"""The operator's listener: ``/livez``, ``/readyz``, ``/metrics`` and claims.

It is a listener of its own, on loopback by default, so that nothing of it can be reached through
the port that platforms use.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.admin.claims import ClaimRoutes, failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from connector.admin.claims import Desk
    from connector.admin.health import Health
    from connector.admin.token import TokenFile
    from connector.telemetry.metrics import Metrics

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_OPEN: Final = frozenset({"/livez", "/readyz"})
"""An orchestrator asks for them, and has no token."""
_THIS_MACHINE: Final = re.compile(rb"(?i:localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")


def _print(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def admin_application(
    health: Health,
    metrics: Metrics,
    *,
    claims: Desk | None = None,
    token: TokenFile | None = None,
    loopback: bool = True,
    tell: Callable[[str], None] = _print,
) -> Starlette:
    """Build the ASGI application.

    With a ``token`` everything but ``/livez`` and ``/readyz`` asks for it. Without one claims are
    served on ``loopback`` only: the listener's address is this machine's, and Host names it.
    ``tell`` gets the decision line of each resolution.
    """

    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        reasons = health.reasons()
        if reasons:
            return JSONResponse({"status": "not ready", "reasons": reasons}, status_code=503)
        return JSONResponse({"status": "ready", "warnings": health.warnings})

    async def exposition(_: Request) -> Response:
        return Response(metrics.exposition(), media_type=_METRICS_TYPE)

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", exposition),
            *([] if claims is None else ClaimRoutes(claims, tell).routes()),
        ],
        middleware=[Middleware(_Gate, token=token, loopback=loopback)],
    )


class _Gate:
    """Lets through who may ask."""

    def __init__(self, app: ASGIApp, token: TokenFile | None, *, loopback: bool) -> None:
        self._app = app
        self._token = token
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        path = scope["path"]
        if path in _OPEN:
            return None
        if path.startswith("/claims") and _from_a_page(scope):
            return failure(403, "forbidden", "claims are not served to a web page")
        if self._token is not None:
            given = _values(scope, b"authorization")
            if len(given) == 1 and self._token.accepts(given[0]):
                return None
            refused = failure(401, "unauthorized", "the bearer token of admin.token_file is needed")
            # RFC 9110 section 11.6.1
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        if not path.startswith("/claims"):
            return None
        hosts = _values(scope, b"host")
        if self._loopback and len(hosts) == 1 and _THIS_MACHINE.fullmatch(hosts[0]):
            return None
        return failure(
            403, "forbidden", "without admin.token_file claims are served on this machine only"
        )


def _from_a_page(scope: Scope) -> bool:
    """Whether a browser asks for a page's sake: it cannot leave these headers out (Fetch)."""
    sites = _values(scope, b"sec-fetch-site")
    return bool(_values(scope, b"origin")) or any(site != b"none" for site in sites)


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]
