"""A streamed answer is settled once it is whole, whoever has gone away by then."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from connector.admission.leases import Leases
from connector.admission.passing import Passing
from connector.admission.sealing import Sealer
from connector.admission.settlement import Settlement
from connector.admission.settling import Settler
from connector.steps import Answer, Claim

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


class Pieces:
    """A stream of two pieces, of which the length is promised or not."""

    def __init__(self, length: int | None) -> None:
        self.length = length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"first"
        yield b"last"

    async def aclose(self) -> None:
        pass


class SlowStore:
    """Answers what it is told once it may."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.told: list[bytes] = []

    async def tell(self, _: Claim, arguments: Sequence[bytes]) -> bytes:
        self.asked.set()
        await self.may_answer.wait()
        self.told.append(arguments[0])
        return b"done"

    async def renew(self, _: Claim) -> bytes:
        return b"done"


async def _pass(length: int | None, *, go_away: bool) -> tuple[list[bytes], list[bytes]]:
    """Return what has reached the caller when the store is asked, and what the store is told."""
    store = SlowStore()
    settler = Settler(store.tell, lambda _: None)
    settlement = Settlement(Leases(store.renew), settler, Sealer([]), frozenset())
    claim = Claim((b"claim", b"answer"), b"", b"token", b"", (1.0, 1.0), margin=0.0)
    answer = await settlement.answered(claim, Answer(200, [], Pieces(length)), None)
    assert isinstance(answer.body, Passing)
    body, reached = answer.body, list[bytes]()

    async def read() -> None:
        async for piece in body:
            reached.append(piece)

    reading = asyncio.create_task(read())
    await store.asked.wait()
    before = list(reached)
    if go_away:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await body.aclose()
    store.may_answer.set()
    await settlement.aclose(1.0)
    with suppress(asyncio.CancelledError):
        await reading
    return before, store.told


@pytest.mark.parametrize("length", [9, None])
def test_a_caller_that_goes_away_while_it_is_settled_does_not_end_that(length: int | None) -> None:
    _, told = asyncio.run(_pass(length, go_away=True))
    assert told == [b"completed"]


def test_the_last_octet_of_a_known_length_goes_out_when_it_is_settled() -> None:
    before, told = asyncio.run(_pass(9, go_away=False))
    assert before == [b"first"]
    assert told == [b"completed"]


class Endless:
    """A stream that goes on after the answer, until it is closed."""

    length = None

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        yield b"answer"
        await self.closed.wait()

    async def aclose(self) -> None:
        self.closed.set()


class Finding:
    """A recorder that knows the answer when it sees it."""

    answer: bytes | None = None

    @property
    def answered(self) -> bool:
        return self.answer is not None

    def feed(self, data: bytes) -> None:
        if data == b"answer":
            self.answer = data


def test_a_stream_that_goes_on_after_the_answer_is_settled_by_it() -> None:
    async def scene() -> list[bytes]:
        store = SlowStore()
        settler = Settler(store.tell, lambda _: None)
        settlement = Settlement(Leases(store.renew), settler, Sealer([]), frozenset())
        claim = Claim((b"claim", b"answer"), b"", b"token", b"", (1.0, 1.0), margin=0.0)
        stream = Endless()
        answer = await settlement.answered(claim, Answer(200, [], stream), Finding())
        assert isinstance(answer.body, Passing)
        assert await anext(answer.body) == b"data: 1\n\n"
        assert not store.asked.is_set()
        passing = asyncio.ensure_future(anext(answer.body))
        await store.asked.wait()
        assert not passing.done()
        store.may_answer.set()
        # The answer is told once it is recorded; then nobody need wait for the rest.
        assert await passing == b"answer"
        await answer.body.aclose()
        assert stream.closed.is_set()
        await settlement.aclose(1.0)
        return store.told

    assert asyncio.run(scene()) == [b"completed"]
