"""Load on gateways: keyed writes, each repeated until it is settled, and reads, from a thread.

A test makes something fail meanwhile, waits for what it wants to have happened (``until``), and
looks at every answer afterwards. ``Shop`` is the merchant's side: it counts what it was made to do.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from tests.end_to_end.client import Answer, header_lines
from tests.end_to_end.platform import CHECKOUTS, ORDERS
from tests.end_to_end.raw_server import answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from tests.end_to_end.platform import Platform
    from tests.end_to_end.raw_server import Seen, Visit

PATIENCE: Final = 90.0
"""Seconds after which a write that is not settled, or a condition that never holds, has failed."""
COME_BACK: Final = frozenset({"store_unavailable", "idempotency_in_progress"})
"""Codes after which a platform asks again with the same key."""
_AGAIN: Final = 0.02
"""Seconds until it does: sooner than it was told, so that more falls into the fault."""

_LOOK: Final = 0.05
"""Seconds between two looks at what has been answered."""

Address = tuple[str, int]


class Exchange(NamedTuple):
    """One request and its answer; times are of the monotonic clock."""

    gateway: int
    began: float
    ended: float
    answer: Answer

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def code(self) -> str:
        """Return the error's code; nothing where the merchant answered."""
        return "" if self.status < 400 else str(self.answer.document()["code"])

    @property
    def replayed(self) -> bool:
        return self.answer.values("Idempotent-Replayed") == ["true"]

    @property
    def audit_id(self) -> str:
        return self.answer.value("Audit-ID")


class Write:
    """One key, and every answer that was given to it."""

    def __init__(self, key: str, octets: bytes) -> None:
        self.key = key
        self.octets = octets
        self.exchanges: list[Exchange] = []

    @property
    def bodies(self) -> set[bytes]:
        """Return all that the platform was told of what the merchant did."""
        return {each.answer.body for each in self.exchanges if each.status < 400}


class Shop:
    """A merchant's behaviour: every write it is sent becomes an order of its own."""

    def __init__(self, *, work: float = 0.0) -> None:
        """``work`` is how many seconds an order takes to make."""
        self.orders: defaultdict[str, list[str]] = defaultdict(list)
        """By Idempotency-Key, the Audit-ID of every request that was carried out."""
        self._work = work
        self._lock = threading.Lock()
        self._made = 0

    def __call__(self, visit: Visit, seen: Seen) -> None:
        keys = seen.values("Idempotency-Key")
        if not keys:
            answer()(visit, seen)
            return
        with self._lock:
            self._made += 1
            number = self._made
            (audit_id,) = seen.values("Audit-ID")
            self.orders[keys[0]].append(audit_id)
        if self._work:
            time.sleep(self._work)
        body = json.dumps({"order": number, "key": keys[0]}).encode()
        answer(body, "201 Created", ("Location", f"/orders/{number}"))(visit, seen)

    def twice(self) -> list[str]:
        """Return the keys that were carried out more than once."""
        return [key for key, audit_ids in self.orders.items() if len(audit_ids) > 1]

    def was_asked(self) -> set[str]:
        return {audit_id for audit_ids in self.orders.values() for audit_id in audit_ids}


class Line:
    """One connection to a gateway, made again when it has ended."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, octets: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write(octets)
        head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
        _, status, phrase = head.partition(b"\r\n")[0].split(b" ", 2)
        whole = Answer(int(status), phrase.decode(), header_lines(head))
        whole = whole._replace(body=await reader.readexactly(int(whole.value("Content-Length"))))
        if whole.values("Connection") == ["close"]:
            self.close()
        return whole

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def new_write(platform: Platform) -> Write:
    """Sign a write with a key of its own."""
    draft = platform.signed("POST", CHECKOUTS, b'{"cart": "%d"}' % random.getrandbits(32))
    return Write(draft.values("Idempotency-Key")[0].decode(), draft.wire())


class Load:
    """Runs until its block ends; every write that was begun is then settled, or the block fails.

    Every second write is sent through all gateways at once, the others through one after the other.
    """

    def __init__(
        self,
        addresses: Iterable[Address],
        platform: Platform,
        *,
        writers: int = 4,
        readers: int = 1,
        pause: float = 0.01,
    ) -> None:
        """``pause`` is the seconds between one caller's requests."""
        self.addresses = list(addresses)
        self.writes: list[Write] = []
        self.reads: list[Exchange] = []
        self._platform = platform
        self._writers = writers
        self._readers = readers
        self._pause = pause
        self._stopping = False
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping = True
        self._thread.join(2 * PATIENCE)
        if error is None:
            self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise AssertionError("the load failed") from self._failure

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Return once a condition on the answers holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self._check()
            assert time.monotonic() < deadline, f"not in time: {what}"
            with self._changed:
                self._changed.wait(_LOOK)
            # It looks at all answers that there are: not after each of them.
            time.sleep(_LOOK)

    def exchanges(self, since: float = 0.0) -> list[Exchange]:
        """Return all that writes were answered which were sent at that time or later."""
        return [
            each for write in list(self.writes) for each in list(write.exchanges)
            if each.began >= since
        ]  # fmt: skip

    def executed(self, gateway: int, since: float) -> Exchange | None:
        """Return the first answer to a write that this gateway was sent since then, and sent on."""
        found = (
            each
            for each in self.exchanges(since)
            if each.gateway == gateway and each.status == 201 and not each.replayed
        )
        return min(found, key=lambda each: each.ended, default=None)

    def await_executed(self, since: float, count: int = 1) -> None:
        """Wait until so many new writes, sent since then, have come through each gateway."""
        self.until(lambda: all(self._executed(at, since) >= count for at in self._each), "writes")

    def await_refused(self, since: float, count: int = 1) -> None:
        """Wait until each gateway has refused writes for want of the store, and answered reads."""
        self.until(
            lambda: all(
                sum(
                    each.code == "store_unavailable" and each.gateway == at
                    for each in self.exchanges(since)
                )
                >= count
                <= self._read(at, since)
                for at in self._each
            ),
            "refused writes and answered reads",
        )

    @property
    def _each(self) -> range:
        return range(len(self.addresses))

    def _executed(self, gateway: int, since: float) -> int:
        return sum(
            each.gateway == gateway and each.status == 201 and not each.replayed
            for each in self.exchanges(since)
        )

    def _read(self, gateway: int, since: float) -> int:
        return sum(each.gateway == gateway and each.began >= since for each in list(self.reads))

    # The thread

    def _run(self) -> None:
        try:
            asyncio.run(self._drive())
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            self._failure = error
            with self._changed:
                self._changed.notify_all()

    async def _drive(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(self._writers):
                group.create_task(self._write_on(number))
            for _ in range(self._readers):
                group.create_task(self._read_on())

    async def _write_on(self, number: int) -> None:
        lines = [Line(address) for address in self.addresses]
        try:
            turn = number
            while not self._stopping:
                write = new_write(self._platform)
                self.writes.append(write)
                turn += 1
                order = [*self._each][turn % len(lines) :] + [*self._each][: turn % len(lines)]
                if turn // len(lines) % 2:
                    await asyncio.gather(*(self._settle(write, lines, [at]) for at in order))
                else:
                    await self._settle(write, lines, order)
                await asyncio.sleep(self._pause)
        finally:
            for line in lines:
                line.close()

    async def _settle(self, write: Write, lines: list[Line], order: list[int]) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            gateway = order[len(write.exchanges) % len(order)]
            exchange = await self._exchange(lines[gateway], gateway, write.octets)
            write.exchanges.append(exchange)
            self._tell()
            if exchange.code not in COME_BACK:
                assert exchange.status == 201 or exchange.code == "outcome_unknown", exchange
                return
            await asyncio.sleep(_AGAIN)
        raise AssertionError(f"a write hangs: {write.exchanges[-1]}")

    async def _read_on(self) -> None:
        lines = [Line(address) for address in self.addresses]
        try:
            while not self._stopping:
                for gateway, line in enumerate(lines):
                    octets = self._platform.signed("GET", f"{ORDERS}/1").wire()
                    self.reads.append(await self._exchange(line, gateway, octets))
                    self._tell()
                await asyncio.sleep(self._pause)
        finally:
            for line in lines:
                line.close()

    async def _exchange(self, line: Line, gateway: int, octets: bytes) -> Exchange:
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            answered = await line.exchange(octets)
        return Exchange(gateway, began, time.monotonic(), answered)

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()


async def ask_all(
    addresses: list[Address], octets: list[bytes], told: Callable[[Exchange], Any]
) -> list[Exchange]:
    """Send each request on a connection of its own, all at once, to one gateway after the other.

    ``told`` hears of every answer as it comes.
    """
    lines = [Line(addresses[number % len(addresses)]) for number in range(len(octets))]

    async def one(number: int) -> Exchange:
        began = time.monotonic()
        answered = await lines[number].exchange(octets[number])
        exchange = Exchange(number % len(addresses), began, time.monotonic(), answered)
        told(exchange)
        return exchange

    try:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.gather(*map(one, range(len(lines))))
    finally:
        for line in lines:
            line.close()
