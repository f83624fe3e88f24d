"""What an orchestrator and Prometheus see."""

from __future__ import annotations

import asyncio

import httpx

from connector.admin.health import Health
from connector.admin.listener import admin_application
from connector.telemetry.metrics import Metrics


def get(health: Health, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(admin_application(health, Metrics()))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://any.host.example"
        ) as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_a_process_is_alive_from_the_start_and_ready_only_while_it_serves() -> None:
    health = Health(["insecure_observe is on for shop"])
    assert get(health, "/livez").status_code == 200
    assert get(health, "/readyz").json() == {"status": "not ready", "reasons": ["starting"]}
    health.serving()
    ready = get(health, "/readyz")
    assert (ready.status_code, ready.json()["warnings"]) == (200, health.warnings)
    health.draining()
    assert get(health, "/readyz").status_code == 503
    assert get(health, "/livez").status_code == 200


def test_metrics_are_in_the_text_format() -> None:
    answer = get(Health([]), "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "ucp_connector_in_flight 0.0" in answer.text


def test_nothing_else_is_there() -> None:
    assert get(Health([]), "/").status_code == 404
