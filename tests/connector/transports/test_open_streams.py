"""Who has room for event streams, and that an interruption ends every one it is meant for."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest

from connector.errors import Refusal
from connector.steps import Answer, Caller
from connector.transports.open_streams import HeldStream, Hold, OpenStreams
from tests.connector.caller_key import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

SLOTS: Final = 64
OF_ONE: Final = SLOTS // 16
OF_STRANGERS: Final = SLOTS // 8
ALL: Final = SLOTS // 4


def caller(identity: str, tier: str = "registered") -> Caller:
    return Caller(
        *(identity, "k", "t", "rfc9421", "sig1", tier, "2026-08-25", b"", b"s" * 64, KEY),
    )


def taken(streams: OpenStreams, who: Caller) -> list[Hold]:
    """Take all that a caller can get."""
    holds: list[Hold] = []
    with suppress(Refusal):
        while len(holds) <= SLOTS:
            holds.append(streams.hold(who))
    return holds


class Source:
    """A merchant's stream that always has a piece."""

    length = None

    def __init__(self) -> None:
        self.closed = False

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> bytes:
        return b"data: 1\n\n"

    async def aclose(self) -> None:
        self.closed = True


def test_strangers_take_half_of_the_room_and_one_origin_the_share_of_one() -> None:
    streams = OpenStreams(SLOTS)
    of_one_origin = [
        hold
        for number in range(9)
        for hold in taken(streams, caller(f"https://evil.example/{number}", "discovered"))
    ]
    assert len(of_one_origin) == OF_ONE
    for number in range(9):
        taken(streams, caller(f"https://evil-{number}.example/", "discovered"))
    assert len(streams) == OF_STRANGERS
    # Registered ones share an origin, and have a share each all the same.
    assert len(taken(streams, caller("https://good.example/a"))) == OF_ONE
    assert len(taken(streams, caller("https://good.example/b"))) == OF_ONE
    assert len(streams) == ALL
    with pytest.raises(Refusal):
        streams.hold(caller("https://late.example/"))


def test_room_that_is_given_back_is_there_again() -> None:
    streams = OpenStreams(SLOTS)
    stranger = caller("https://evil.example/", "discovered")
    for _ in range(3):
        holds = taken(streams, stranger)
        assert len(holds) == OF_ONE
        for hold in holds:
            hold.release()
            hold.release()
        assert len(streams) == 0


def test_a_stream_that_is_interrupted_before_its_head_came_ends_at_once() -> None:
    async def scene() -> None:
        streams, source = OpenStreams(SLOTS), Source()
        with streams.hold(caller("https://a.example/")) as hold:
            # Its key is revoked while the merchant thinks about it.
            streams.interrupt()
            held = hold.until_its_end(Answer(200, [], source)).body
        assert not isinstance(held, bytes)
        assert [piece async for piece in held] == []
        await held.aclose()
        assert source.closed
        assert len(streams) == 0

    asyncio.run(scene())


def test_an_interruption_ends_what_is_open_and_nothing_that_comes_later() -> None:
    async def scene() -> None:
        streams = OpenStreams(SLOTS)

        def opened() -> HeldStream:
            with streams.hold(caller("https://a.example/")) as hold:
                body = hold.until_its_end(Answer(200, [], Source())).body
            assert isinstance(body, HeldStream)
            return body

        first = opened()
        assert await anext(first) == b"data: 1\n\n"
        streams.interrupt()
        later = opened()
        with pytest.raises(StopAsyncIteration):
            await anext(first)
        assert await anext(later) == b"data: 1\n\n"
        streams.end()
        with pytest.raises(StopAsyncIteration):
            await anext(later)
        await first.aclose()
        await later.aclose()

    asyncio.run(scene())


class SilentSource(Source):
    """A merchant's stream on which nothing comes; ``error`` is raised once ``go`` is set."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.error = error

    async def __anext__(self) -> bytes:
        self.asked.set()
        await self.go.wait()
        if self.error is not None:
            raise self.error
        raise StopAsyncIteration


def held(streams: OpenStreams, source: Source) -> HeldStream:
    with streams.hold(caller("https://a.example/")) as hold:
        body = hold.until_its_end(Answer(200, [], source)).body
    assert isinstance(body, HeldStream)
    return body


@pytest.mark.parametrize("end", [OpenStreams.interrupt, OpenStreams.end])
def test_whoever_waits_for_a_piece_is_told_of_the_end(end: Callable[[OpenStreams], None]) -> None:
    async def scene() -> None:
        streams, source = OpenStreams(SLOTS), SilentSource()
        stream = held(streams, source)

        async def pass_on() -> list[bytes]:
            return [piece async for piece in stream]

        passing = asyncio.ensure_future(pass_on())
        await source.asked.wait()
        end(streams)
        assert await passing == []
        await stream.aclose()
        assert source.closed

    asyncio.run(scene())


def test_an_end_or_an_error_of_the_merchant_s_is_passed_on_as_it_is() -> None:
    async def scene() -> None:
        streams = OpenStreams(SLOTS)
        for error in (None, TimeoutError("the merchant's"), ValueError("cut")):
            source = SilentSource(error)
            stream = held(streams, source)
            source.go.set()
            with pytest.raises(StopAsyncIteration if error is None else type(error)):
                await anext(stream)
            await stream.aclose()
        assert len(streams) == 0

    asyncio.run(scene())


def test_whoever_passes_a_stream_on_can_be_cancelled() -> None:
    async def scene() -> None:
        streams, source = OpenStreams(SLOTS), SilentSource()
        stream = held(streams, source)
        passing = asyncio.ensure_future(anext(stream))
        await source.asked.wait()
        passing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await passing
        await stream.aclose()
        streams.end()

    asyncio.run(scene())
