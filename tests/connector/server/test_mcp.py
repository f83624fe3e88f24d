"""The key of sessions, as the gateways of a store come to have the same."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest

from connector.admission.sealing import Sealer
from connector.errors import Refusal
from connector.server.mcp import McpShared, build_mcp
from connector.settings.fields import secret_octets
from tests.connector.settings.documents import merchant, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.settings.schema import Settings
    from connector.store.scripts import Script

ONE, TWO = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


class _Store:
    """A store that knows the one script: set where there is none, and return what is there."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}

    async def run(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]) -> bytes:
        assert b"'NX'" in script.source
        return self.kept.setdefault(keys[0], arguments[0])


def made(*encryption_keys: str) -> Settings:
    return settings(store={"encryption_keys": list(encryption_keys)})


def shared(store: Any, *encryption_keys: str) -> McpShared:
    configured = made(*encryption_keys)
    keys = [secret_octets(key.get_secret_value()) for key in configured.store.encryption_keys]
    return McpShared(configured, store, Sealer(keys))


@pytest.mark.parametrize("encryption_keys", [(), (ONE,), (ONE, TWO)])
def test_gateways_of_a_store_have_one_key(encryption_keys: tuple[str, ...]) -> None:
    store = _Store()

    async def scene() -> None:
        (first,) = await shared(store, *encryption_keys).keys.current()
        (second,) = await shared(store, *encryption_keys).keys.current()
        assert first == second
        (kept,) = store.kept.values()
        # Whoever reads the store learns it only where nothing there is sealed.
        assert (first in kept) is not bool(encryption_keys)

    asyncio.run(scene())


def test_with_another_key_of_the_store_in_front_there_is_another_for_sessions() -> None:
    store = _Store()

    async def scene() -> None:
        found = [
            (await shared(store, *keys).keys.current())[0] for keys in ((), (ONE,), (TWO, ONE))
        ]
        assert len(set(found)) == 3

    asyncio.run(scene())


def test_what_somebody_put_in_its_place_is_not_used() -> None:
    store = _Store()

    async def scene() -> None:
        await shared(store, ONE).keys.current()
        store.kept = dict.fromkeys(store.kept, b"\x00" + b"k" * 32)
        with pytest.raises(Refusal) as caught:
            await shared(store, ONE).keys.current()
        assert caught.value.code.name == "store_unavailable"

    asyncio.run(scene())


@pytest.mark.parametrize(("path", "there"), [("/ucp/mcp", True), ("off", False)])
def test_an_endpoint_that_is_off_is_not_there(path: str, there: bool) -> None:  # noqa: FBT001 - a column
    configured = settings(merchants=[merchant(endpoints={"mcp": path})])
    found = build_mcp(configured, configured.merchants[0], None)
    assert (found is not None) is there


def test_sessions_are_bound_where_requests_must_verify() -> None:
    enforcing = settings(merchants=[merchant()])
    observing = settings(merchants=[merchant(enforcement={"signatures": "insecure_observe"})])
    for configured, bound in ((enforcing, True), (observing, False)):
        found = build_mcp(configured, configured.merchants[0], shared(_Store()))
        assert found is not None
        assert (found.sessions is not None) is bound
