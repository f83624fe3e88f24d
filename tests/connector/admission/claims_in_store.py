"""Claims as the gateway leaves them in a store, and a client to look at them."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from connector.admission.claim_record import claim_name
from connector.store.single import SingleClient
from connector.store.targets import Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from connector.store.client import StoreClient
    from tests.store_servers import StoreServer

AUDIT_ID: Final = "019a9f2e-0000-7000-8000-000000000001"
IDENTITY: Final = "https://platform.example/profile"
TOKEN: Final = "0123456789abcdef" * 2
PAYLOAD: Final = bytes(range(32))


def put_claim(
    server: StoreServer,
    *,
    state: str = "unknown",
    merchant: str = "shop",
    operation: str = "create_checkout",
    kind: str = "",
    renewed_ago: float = 60.0,
    **fields: bytes | str,
) -> str:
    """Write a claim whose lease ended, or ends, ten seconds after its renewal; return its id."""
    claim_id = f"{kind}{secrets.token_hex(16)}.{secrets.token_hex(32)}"
    about = {
        "merchant": merchant,
        "identity": IDENTITY,
        "operation": operation,
        "audit_id": AUDIT_ID,
    }
    renewed = time.time() - renewed_ago
    all_fields: dict[str, bytes | str] = {
        "state": state,
        "payload": PAYLOAD,
        "token": TOKEN,
        "lease": microseconds(renewed + 10),
        "renewed": microseconds(renewed),
        "claimed": microseconds(renewed),
        "about": json.dumps(about),
        **fields,
    }
    words = [word for pair in all_fields.items() for word in pair]
    server.ask("HSET", claim_name(claim_id), *words)
    return claim_id


def fields_of(server: StoreServer, claim_id: str) -> dict[bytes, bytes]:
    """Return what the store has under a claim's name."""
    flat = server.ask("HGETALL", claim_name(claim_id))
    return dict(zip(flat[::2], flat[1::2], strict=True))


def microseconds(moment: float) -> str:
    """Write a time as the scripts do."""
    return f"{moment * 1e6:.0f}"


@asynccontextmanager
async def connected(server: StoreServer) -> AsyncIterator[SingleClient]:
    """Connect to a server until the block ends."""
    endpoint = Endpoint(
        host="",
        port=0,
        path=str(server.unix_path),
        username=None,
        password=None,
        database=0,
        tls=False,
    )

    async def locate() -> Endpoint:
        return endpoint

    client = SingleClient(locate, timeout=15.0)
    await client.start()
    try:
        yield client
    finally:
        await client.aclose()


def with_client(server: StoreServer, act: Callable[[StoreClient], Awaitable[Any]]) -> Any:
    """Run one coroutine function with a client."""

    async def run() -> Any:
        async with connected(server) as client:
            return await act(client)

    return asyncio.run(run())
