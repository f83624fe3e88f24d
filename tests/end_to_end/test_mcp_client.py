"""A client that we did not write, the PyPI package mcp, shops through the gateway.

The merchant's server is made with the same package and runs in a process of its own; requests are
signed with the package http-message-signatures. Nothing here but the gateway is ours.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import uuid
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

import http_message_signatures as other
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.end_to_end.client import HOST, Connection
from tests.end_to_end.gateway import ROOT, configuration, running_gateway
from tests.end_to_end.independent_signer import Signer
from tests.end_to_end.merchant import AUTHORITY

pytest.importorskip("mcp", reason="the client and the server are of the package mcp")

import httpx2
import mcp
from mcp.client.streamable_http import streamable_http_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.end_to_end.gateway import RunningGateway

PATH: Final = "/ucp/mcp"
CART: Final = {"line_items": [{"item": {"id": "rose"}, "quantity": 3}], "currency": "EUR"}
PAID: Final = {"payment": {"handler": "card"}}


def signer(name: str) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    return Signer(name, key, other.algorithms.ECDSA_P256_SHA256)


PLATFORM: Final = signer("shopper")
STRANGER: Final = signer("eavesdropper")


class Signing(httpx2.AsyncHTTPTransport):
    """Signs each request, and sends it to the gateway's address."""

    def __init__(self, gateway: RunningGateway, signer: Signer) -> None:
        super().__init__()
        self._address = gateway.address
        self._signer = signer
        self.answers: list[Any] = []
        self.opened: list[Any] = []
        """Answers to GET."""
        self.streaming = asyncio.Event()

    async def handle_async_request(self, request: Any) -> Any:
        target = request.url.raw_path.decode()
        fields = self._signer.fields(request.method, target, request.content)
        if not request.content:
            request.headers.pop("Content-Type", None)
        request.headers.update(fields)
        host, port = self._address
        request.url = request.url.copy_with(host=host, port=port)
        answer = await super().handle_async_request(request)
        self.answers.append(answer)
        if request.method == "GET":
            self.opened.append(answer)
            self.streaming.set()
        return answer


class Shop:
    """The merchant's process, and what has reached it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port: int = self._line()["port"]
        self.seen: list[dict[str, Any]] = []

    def asked(self) -> list[dict[str, Any]]:
        """Return what has reached it since the last look; ends at a request of our own."""
        mark = uuid.uuid4().hex
        head = f"GET /mark HTTP/1.1\r\nHost: x\r\nMcp-Session-Id: {mark}\r\n\r\n"
        with Connection((HOST, self.port)) as connection:
            assert connection.exchange(head.encode()).status == 404
        found = []
        while (line := self._line())["mcp-session-id"] != mark:
            found.append(line)
        return found

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line: dict[str, Any] = json.loads(self._process.stdout.readline())
        return line


@contextmanager
def running_shop() -> Iterator[Shop]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.end_to_end.mcp_merchant"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Shop(process)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with running_shop() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    merchant = {
        "id": "shop",
        "authorities": [AUTHORITY],
        "upstream": {"url": f"http://127.0.0.1:{shop.port}"},
        "platforms": {"registered": [PLATFORM.registration(), STRANGER.registration()]},
    }
    with running_gateway(tmp_path_factory.mktemp("gateway"), configuration(merchant)) as running:
        yield running


@asynccontextmanager
async def shopping(
    gateway: RunningGateway, platform: Signer = PLATFORM, **options: Any
) -> AsyncIterator[tuple[Any, Signing]]:
    """Open a session as the package does it."""
    transport = Signing(gateway, platform)
    async with httpx2.AsyncClient(transport=transport, timeout=30) as http:
        streams = streamable_http_client(f"http://{AUTHORITY}{PATH}", http_client=http)
        async with mcp.Client(streams, **options) as client:
            yield client, transport


def meta(key: str | None = None, platform: Signer = PLATFORM) -> dict[str, Any]:
    found: dict[str, Any] = {"ucp-agent": {"profile": platform.profile}}
    return found if key is None else {**found, "idempotency-key": key}


def test_the_client_lists_tools_and_completes_a_checkout(
    gateway: RunningGateway, shop: Shop
) -> None:
    shop.asked()

    async def scene() -> None:
        async with shopping(gateway) as (client, _):
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert {"create_checkout", "get_checkout", "complete_checkout"} <= names
            made = (
                await client.call_tool("create_checkout", {"checkout": CART, "meta": meta()})
            ).structured_content
            progress: list[tuple[float, str | None]] = []

            async def told(done: float, total: float | None, message: str | None) -> None:
                del total
                progress.append((done, message))

            paid = await client.call_tool(
                "complete_checkout",
                {"id": made["id"], "checkout": PAID, "meta": meta(str(uuid.uuid4()))},
                progress_callback=told,
            )
            assert paid.structured_content["status"] == "completed"
            assert progress == [(1.0, "paying"), (2.0, "done")]
            seen = await client.call_tool("get_checkout", {"id": made["id"], "meta": meta()})
            assert seen.structured_content["payment"] == PAID["payment"]

    asyncio.run(scene())
    asked = shop.asked()
    operations = [each["ucp-verified-operation"] for each in asked]
    for name in ("tools/list", "create_checkout", "complete_checkout", "get_checkout"):
        assert operations.count(name) == 1
    gateway.decision_where(operation="complete_checkout", decision="accept", status=200)


def test_the_session_begins_streams_and_ends_as_the_package_wants_it(
    gateway: RunningGateway, shop: Shop
) -> None:
    shop.asked()

    async def scene() -> str:
        async with shopping(gateway, mode="legacy") as (client, transport):
            await client.list_tools()
            found = {answer.headers.get("Mcp-Session-Id") for answer in transport.answers}
            (session,) = found - {None}
            # The stream on which the merchant speaks first is open by now, or is being opened.
            await transport.streaming.wait()
            (opened,) = transport.opened
            assert opened.status_code == 200
            assert opened.headers["Content-Type"].startswith("text/event-stream")
            (initialized,) = (each for each in transport.answers if each.status_code == 202)
            assert initialized.headers.get("Content-Length", "0") == "0"
            return str(session)

    session = asyncio.run(scene())
    asked = shop.asked()
    operations = [each["ucp-verified-operation"] for each in asked]
    assert sorted(operations) == [
        *("initialize", "mcp/end", "mcp/stream", "notifications", "tools/list"),
    ]
    own = {each["mcp-session-id"] for each in asked} - {None}
    # The merchant sees its own id; the platform has one that is bound to it.
    assert len(own) == 1
    assert own != {session}
    assert session.startswith(own.pop())
    gateway.decision_where(operation="mcp/end", decision="accept", status=200)


async def posted(
    gateway: RunningGateway,
    message: dict[str, Any],
    platform: Signer = PLATFORM,
    method: str = "POST",
    **headers: str,
) -> Any:
    """Send one message by hand, in the package's own HTTP client."""
    async with httpx2.AsyncClient(transport=Signing(gateway, platform), timeout=30) as http:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        accept = "application/json, text/event-stream"
        return await http.request(
            method,
            f"http://{AUTHORITY}{PATH}",
            json=message if method == "POST" else None,
            headers={"Accept": accept, "MCP-Protocol-Version": "2025-11-25", **named},
        )


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_another_platform_cannot_use_a_session_and_the_merchant_is_not_asked(
    method: str, gateway: RunningGateway, shop: Shop
) -> None:
    ping = {"jsonrpc": "2.0", "id": 5, "method": "ping"}

    async def scene() -> None:
        async with shopping(gateway, mode="legacy") as (client, transport):
            await client.list_tools()
            (session,) = {each.headers.get("Mcp-Session-Id") for each in transport.answers} - {None}
            await transport.streaming.wait()
            own = session.rpartition(".")[0]
            shop.asked()
            for claimed in (session, own, f"{own}.", f"{session}A", own + ".AAAA"):
                answer = await posted(gateway, ping, STRANGER, method, mcp_session_id=claimed)
                assert answer.status_code == 404
                error = answer.json()["error"]
                assert error["code"] == -32601
                assert error["data"]["code"] == "unknown_operation"
            assert shop.asked() == []
            gateway.decision_where(reason="unknown_session", identity=STRANGER.profile)
            # Nor can its owner use the merchant's own id, which nobody told it.
            assert (await posted(gateway, ping, mcp_session_id=own)).status_code == 404
            assert shop.asked() == []
            # It is still the owner's.
            assert (await posted(gateway, ping, mcp_session_id=session)).status_code == 200

    asyncio.run(scene())


def test_a_keyed_call_runs_once_and_is_replayed_to_whoever_asks_again(
    gateway: RunningGateway, shop: Shop
) -> None:
    key = str(uuid.uuid4())

    async def scene() -> None:
        async with shopping(gateway) as (client, transport):
            made = (
                await client.call_tool("create_checkout", {"checkout": CART, "meta": meta(key)})
            ).structured_content
            arguments = {"id": made["id"], "checkout": PAID, "meta": meta(key)}
            first = await client.call_tool("complete_checkout", arguments)
            shop.asked()
            again = await client.call_tool("complete_checkout", arguments)
            # It came as events and goes out again as the one answer that it was.
            last = transport.answers[-1]
            assert last.headers["Idempotent-Replayed"] == "true"
            assert last.headers["Content-Type"] == "application/json"
            assert again.structured_content == first.structured_content
            other_checkout = {**arguments, "checkout": {"payment": {"handler": "cash"}}}
            with pytest.raises(mcp.MCPError) as conflict:
                await client.call_tool("complete_checkout", other_checkout)
            assert conflict.value.error.code == -32000
            assert conflict.value.error.data["code"] == "idempotency_conflict"
            assert conflict.value.error.data["status"] == 409
        # Another session of the same platform is the same platform.
        async with shopping(gateway) as (client, _):
            anew = await client.call_tool("complete_checkout", arguments)
            assert anew.structured_content == first.structured_content

    asyncio.run(scene())
    assert "complete_checkout" not in {each["ucp-verified-operation"] for each in shop.asked()}


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("wipe_shop", {}, "unknown_operation"),
        ("complete_checkout", {"id": "chk_1", "checkout": PAID}, "idempotency_key_missing"),
        (
            "complete_checkout",
            {"id": "chk_1", "checkout": PAID, "meta": {"idempotency-key": "short"}},
            "idempotency_key_invalid",
        ),
        (
            "create_checkout",
            {"checkout": CART, "meta": meta(platform=STRANGER)},
            "malformed_request",
        ),
    ],
)
def test_the_client_is_told_why_a_call_is_refused_and_the_merchant_is_not_asked(
    tool: str, arguments: dict[str, Any], code: str, gateway: RunningGateway, shop: Shop
) -> None:
    async def scene() -> None:
        async with shopping(gateway, mode="2026-07-28") as (client, _):
            shop.asked()
            with pytest.raises(mcp.MCPError) as refused:
                await client.call_tool(tool, arguments)
            assert refused.value.error.data["code"] == code
            assert shop.asked() == []

    asyncio.run(scene())
