"""How many connections there may be, and how many of one client."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from connector.ingress.client_address import ClientAddresses
from connector.ingress.front import Ingress
from connector.ingress.limits import WireLimits


class Connection:
    deadline = math.inf

    def expire(self) -> None: ...


def taken_in(peer: str, number: int, **settings: Any) -> int:
    """How many of so many connections of one peer are taken in, where 4,096 are for all."""

    async def run() -> int:
        handler: Any = None
        front = Ingress(handler, authorities=[], limits=WireLimits(in_flight=512), **settings)
        client = ClientAddresses(settings.get("trusted_proxies", ())).peer(peer)
        opened = [Connection() for _ in range(number)]
        taken = sum(front.connect(each, client) for each in opened)
        for each in opened:
            front.disconnect(each, client)
        assert len(front.sweep) == 0
        assert front.connect(Connection(), client)
        return taken

    return asyncio.run(run())


def test_one_client_has_an_eighth_of_all_connections_and_gives_them_back() -> None:
    assert taken_in("192.0.2.1", 600) == 512


def test_a_trusted_proxy_stands_for_many() -> None:
    assert taken_in("10.0.0.1", 600, trusted_proxies=["10.0.0.0/8"]) == 600


def test_there_are_no_more_than_all() -> None:
    assert taken_in("10.0.0.1", 5000, trusted_proxies=["10.0.0.0/8"]) == 4096
