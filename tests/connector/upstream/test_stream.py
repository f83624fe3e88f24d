import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from connector.upstream.errors import UpstreamBroken
from connector.upstream.stream import HIGH_WATER, LOW_WATER, AnswerStream

if TYPE_CHECKING:
    from connector.steps import Stream


class Source:
    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def forsake(self) -> None:
        self.told.append("forsake")


def with_stream(promise: Callable[[AnswerStream, Source], Awaitable[None]]) -> None:
    async def run() -> None:
        source = Source()
        await promise(AnswerStream(asyncio.get_running_loop(), source, 7), source)

    asyncio.run(run())


def test_it_is_a_stream_of_the_pipeline() -> None:
    async def promise(stream: AnswerStream, _source: Source) -> None:
        passed_on: Stream = stream
        assert passed_on.length == 7
        stream.push([b"a", b"b"])
        stream.finish()
        assert [piece async for piece in passed_on] == [b"a", b"b"]

    with_stream(promise)


def test_a_reader_waits_for_the_next_piece() -> None:
    async def promise(stream: AnswerStream, _source: Source) -> None:
        piece = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        assert not piece.done()
        stream.push([b"a"])
        assert await piece == b"a"

    with_stream(promise)


def test_the_merchant_is_held_back_while_the_reader_lags() -> None:
    async def promise(stream: AnswerStream, source: Source) -> None:
        stream.push([b"x" * (HIGH_WATER - 1)])
        assert source.told == []
        stream.push([b"x"] * LOW_WATER)
        assert source.told == ["pause"]
        assert stream.paused
        stream.push([b"x"])
        assert source.told == ["pause"]
        await anext(stream)
        await anext(stream)
        assert source.told == ["pause", "resume"]
        assert not stream.paused

    with_stream(promise)


def test_a_finished_stream_lets_its_connection_go_on() -> None:
    async def promise(stream: AnswerStream, source: Source) -> None:
        stream.push([b"x" * HIGH_WATER])
        stream.finish()
        assert source.told == ["pause", "resume"]
        assert len(await anext(stream)) == HIGH_WATER
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        assert source.told == ["pause", "resume"]

    with_stream(promise)


def test_a_failure_comes_behind_all_that_came_before_it() -> None:
    async def promise(stream: AnswerStream, _source: Source) -> None:
        stream.push([b"a"])
        stream.finish(UpstreamBroken("cut"))
        assert await anext(stream) == b"a"
        for _ in range(2):
            with pytest.raises(UpstreamBroken, match="cut"):
                await anext(stream)

    with_stream(promise)


def test_a_failure_wakes_a_waiting_reader() -> None:
    async def promise(stream: AnswerStream, _source: Source) -> None:
        piece = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        stream.finish(UpstreamBroken("cut"))
        with pytest.raises(UpstreamBroken):
            await piece

    with_stream(promise)


def test_closing_early_forsakes_the_connection_once() -> None:
    async def promise(stream: AnswerStream, source: Source) -> None:
        stream.push([b"a"])
        await stream.aclose()
        await stream.aclose()
        assert source.told == ["forsake"]
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    with_stream(promise)


def test_closing_a_finished_stream_leaves_its_connection_alone() -> None:
    async def promise(stream: AnswerStream, source: Source) -> None:
        stream.push([b"a"])
        stream.finish()
        await stream.aclose()
        assert source.told == []

    with_stream(promise)


def test_a_stream_has_one_reader() -> None:
    async def promise(stream: AnswerStream, _source: Source) -> None:
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError):
            await anext(stream)
        stream.push([b"a"])
        assert await first == b"a"

    with_stream(promise)


def test_a_reader_that_stops_waiting_may_come_back() -> None:
    async def promise(stream: AnswerStream, _source: Source) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0)
        stream.push([b"a"])
        assert await anext(stream) == b"a"

    with_stream(promise)
