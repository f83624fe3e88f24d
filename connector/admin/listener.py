"""The operator's listener: ``/livez``, ``/readyz`` and ``/metrics``.

It is a listener of its own, on loopback by default, so that nothing of it can be reached through
the port that platforms use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from connector.admin.health import Health
    from connector.telemetry.metrics import Metrics

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def admin_application(health: Health, metrics: Metrics) -> Starlette:
    """Build the ASGI application; each path answers 200 or 503."""

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
        ]
    )
