"""A flood of profiles that nobody knows, and platforms that are known: these never wait for those.

The whole flood of 10,000 profiles, and what it does to latency, is ``python -m bench.discovery``.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.fleet import running_fleet
from tests.end_to_end.load import Line
from tests.end_to_end.platform import ORDERS, Platform
from tests.end_to_end.test_fleet import SEAL
from tests.store_servers import running_server
from tests.store_topologies import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.end_to_end.client import Answer
    from tests.end_to_end.fleet import Fleet
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Draft
    from tests.store_servers import StoreServer

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="each stranger has a loopback address of its own"
)

PROFILES: Final = 300
CACHE: Final = 20
AT_ONCE: Final = 24
"""More than have a place."""
PATH: Final = "/.well-known/ucp"


class Hosts:
    """Profiles at every loopback address; none below 127.2, and below 127.3 no answer.

    All platforms here have one key, which is what a stranger with many names has.
    """

    def __init__(self) -> None:
        self.port = 0
        self.fetches: Counter[str] = Counter()
        self.gone = asyncio.Event()
        self.jwk = Platform(kid="one").jwk

    def platform(self, address: str) -> Platform:
        platform = Platform(f"http://{address}:{self.port}{PATH}")
        platform.jwk = self.jwk
        return platform

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        everywhere = "0.0.0.0"  # noqa: S104 - all of 127/8, for the length of a test
        server = await asyncio.start_server(self._serve, everywhere, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            self.gone.set()
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            # A gateway that gave up before it was heard.
            writer.close()
            return
        address = writer.get_extra_info("sockname")[0]
        self.fetches[address] += 1
        if address.startswith("127.3."):
            await self.gone.wait()
        elif address.startswith("127.2."):
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        else:
            body = self.platform(address).profile()
            head = f"HTTP/1.1 200 OK\r\nCache-Control: max-age=90\r\nContent-Length: {len(body)}"
            writer.write(head.encode() + b"\r\n\r\n" + body)
        writer.close()


@pytest.fixture
def store() -> Iterator[StoreServer]:
    with TemporaryDirectory(prefix="f-") as name, running_server(Path(name)) as running:
        yield running


def from_peer(draft: Draft, number: int) -> Draft:
    """Say where a request comes from, as the proxy in front does."""
    return draft.add("X-Forwarded-For", f"198.18.{number // 250}.{number % 250 + 1}")


async def known_all_the_while(fleet: Fleet, platforms: list[Platform], over: asyncio.Event) -> int:
    """Have known platforms ask until the flood is over; every one of them must be served."""
    served = 0
    lines = [Line(gateway.address) for gateway in fleet.gateways]
    for number in itertools.count():
        if over.is_set():
            break
        if number % 20 == 10:
            # Their documents end while strangers hold every place of their own.
            fleet.pass_time(91)
        for platform, line in itertools.product(platforms, lines):
            wire = from_peer(platform.signed(target=f"{ORDERS}/known"), 60_000).wire()
            answered = await line.exchange(wire)
            # A disk that is slow refuses everybody alike, and is no fault of a flood's.
            if answered.status == 200 or answered.document()["code"] != "audit_unavailable":
                assert answered.status == 200, answered
                served += 1
    for line in lines:
        line.close()
    return served


async def flood(fleet: Fleet, hosts: Hosts) -> Counter[str]:
    """Ask for every stranger once, so many at a time; one in eight signs something else."""
    numbers = iter(range(PROFILES))
    codes: Counter[str] = Counter()

    async def one_after_the_other() -> None:
        line = Line(fleet.gateways[0].address)
        for number in numbers:
            # One in eight is not there, and one in a hundred holds its place to the end.
            kind = 3 if number % 100 == 2 else 2 if number % 8 == 1 else 1
            stranger = hosts.platform(f"127.{kind}.{number // 250}.{number % 250 + 1}")
            draft = stranger.signed(target=f"{ORDERS}/stranger")
            if number % 8 == 0:
                draft.target = f"{ORDERS}/forged"
            answered: Answer = await line.exchange(from_peer(draft, number).wire())
            codes["" if answered.status == 200 else answered.document()["code"]] += 1
        line.close()

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return codes


def test_known_platforms_are_served_and_every_bound_holds(
    merchant: Merchant, store: StoreServer, tmp_path: Path
) -> None:
    async def scenario() -> None:
        hosts = Hosts()
        async with hosts.listening():
            registered, verified = hosts.platform("127.9.0.1"), hosts.platform("127.9.0.2")
            listed = {"registered": [{"profile": registered.profile_url}]}
            discovery = {"budget": "10000/s", "cache_entries": CACHE, "timeout": "2500ms"}
            shop = merchant.settings(platforms=listed)
            with running_fleet(
                tmp_path,
                store,
                shop,
                count=2,
                trusted_proxies=["127.0.0.1/32"],
                discovery=discovery,
                # A machine that has more to do than this test is no fault of the gateways'.
                store={"timeout": "5s"},
                audit={"durability": "os"},
            ) as fleet:
                await scene(hosts, fleet, [registered, verified])

    async def scene(hosts: Hosts, fleet: Fleet, known: list[Platform]) -> None:
        over = asyncio.Event()
        for platform in known:
            line = Line(fleet.gateways[0].address)
            assert (await line.exchange(platform.signed().wire())).status == 200
            line.close()
        watching = asyncio.create_task(known_all_the_while(fleet, known, over))
        codes = await flood(fleet, hosts)
        over.set()
        assert await watching > 0
        assert sum(codes.values()) == PROFILES
        assert codes.keys() - {"audit_unavailable"} == {
            *("", "signature_invalid", "profile_unreachable", "discovery_pending")
        }
        assert codes[""] > CACHE
        check_bounds(fleet)

    def books_agree() -> bool:
        sums = [store.ask("GET", each) for each in (SEAL.octets, SEAL.registered_octets)]
        octets = sum(map(len, store.ask("HVALS", SEAL.profiles)))
        return sum(map(int, sums)) == octets

    def check_bounds(fleet: Fleet) -> None:
        assert store.ask("ZCARD", SEAL.ages) == CACHE
        # What is registered has room of its own.
        assert store.ask("ZCARD", SEAL.registered_ages) == 1
        assert store.ask("HLEN", SEAL.profiles) == CACHE + 1
        # The last ones may still be on their way.
        until(books_agree, "the store's books don't say what it keeps")
        for gateway in fleet.gateways:
            shown = gateway.admin("/metrics").body.decode()
            (held,) = (
                float(line.split()[1])
                for line in shown.splitlines()
                if line.startswith("ucp_connector_profiles ")
            )
            assert held <= CACHE
        assert f"{ORDERS}/forged" not in {seen.target.decode() for seen in merchant.requests}

    asyncio.run(scenario())
