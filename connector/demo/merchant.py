"""A sample merchant: an ordinary HTTP API that knows nothing of signatures.

``python -m connector.demo.merchant PORT AUTHORITY`` serves it on loopback. It keeps its checkouts
in memory and counts what reaches it, so that the story can show that refused requests never did.
"""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

COUNT_PATH: Final = "/-/requests-seen"
_PRICE: Final = 3500


def merchant_application(authority: str, endpoint: str) -> Starlette:
    """Build the merchant; ``authority`` and ``endpoint`` are where platforms reach it."""
    checkouts: dict[str, dict[str, Any]] = {}
    numbers = itertools.count(1)
    seen: list[str] = []

    def profile(_: Request) -> Response:
        binding = {
            "version": "2026-08-25",
            "transport": "rest",
            "endpoint": f"http://{authority}{endpoint}",
        }
        services = {"dev.ucp.shopping": [binding]}
        return JSONResponse({"ucp": {"version": "2026-08-25", "services": services}})

    async def create(request: Request) -> Response:
        seen.append("create")
        checkout_id = f"chk_{next(numbers)}"
        checkouts[checkout_id] = _priced(checkout_id, await request.json())
        return JSONResponse(checkouts[checkout_id], status_code=201)

    async def read(request: Request) -> Response:
        seen.append("get")
        found = checkouts.get(request.path_params["id"])
        return JSONResponse(found or {"code": "not_found"}, status_code=200 if found else 404)

    async def update(request: Request) -> Response:
        seen.append("update")
        checkout_id = request.path_params["id"]
        checkouts[checkout_id] = _priced(checkout_id, await request.json())
        return JSONResponse(checkouts[checkout_id])

    async def complete(request: Request) -> Response:
        seen.append("complete")
        checkout = checkouts[request.path_params["id"]]
        checkout |= {"status": "completed", "order": {"id": f"ord_{checkout['id'][4:]}"}}
        return JSONResponse(checkout)

    def count(_: Request) -> Response:
        return JSONResponse({"seen": seen})

    return Starlette(
        routes=[
            Route("/.well-known/ucp", profile),
            Route(COUNT_PATH, count),
            Route(f"{endpoint}/checkout-sessions", create, methods=["POST"]),
            Route(f"{endpoint}/checkout-sessions/{{id}}", read, methods=["GET"]),
            Route(f"{endpoint}/checkout-sessions/{{id}}", update, methods=["PUT"]),
            Route(f"{endpoint}/checkout-sessions/{{id}}/complete", complete, methods=["POST"]),
        ]
    )


def _priced(checkout_id: str, wanted: dict[str, Any]) -> dict[str, Any]:
    lines = wanted.get("line_items", [])
    amount = sum(int(line.get("quantity", 1)) * _PRICE for line in lines)
    return {
        "id": checkout_id,
        "status": "ready_for_complete",
        "currency": "EUR",
        "line_items": lines,
        "totals": [{"type": "total", "amount": amount}],
    }


if __name__ == "__main__":
    uvicorn.run(
        merchant_application(sys.argv[2], "/ucp/v1"),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
    )
