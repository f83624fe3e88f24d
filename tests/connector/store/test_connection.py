"""One connection to a store: replies in order, places kept, and an end to every wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest
from hiredis import Reader, ReplyError
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.store.connection import SILENCE, Connection, pack
from connector.store.errors import StoreUnavailable
from tests.connector.moved_time import outcome_of, pass_time, run

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIMEOUT: Final = 0.25
_MOMENT: Final = 0.001


class _Wire(asyncio.Transport):
    """What the connection writes, and whether it gave up."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.aborted: bool = False

    def write(self, data: Any) -> None:
        self.writes.append(data)

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    @property
    def commands(self) -> list[list[bytes]]:
        return list(_commands(b"".join(self.writes)))


def _commands(octets: bytes) -> Iterator[list[bytes]]:
    reader = Reader()
    reader.feed(octets)
    while (command := reader.gets()) is not False:
        yield command


class _Store:
    """A connection and the other end of it."""

    def __init__(self) -> None:
        self.wire = _Wire()
        self.answered = 0
        self.timed_out = 0
        self.connection = Connection(
            asyncio.get_running_loop(),
            timeout=_TIMEOUT,
            answered=self._count_answer,
            timed_out=self._count_time_out,
        )
        self.connection.connection_made(self.wire)

    def _count_answer(self) -> None:
        self.answered += 1

    def _count_time_out(self) -> None:
        self.timed_out += 1

    def call(self, *words: bytes, replicas: int = 0) -> asyncio.Future[Any]:
        return self.connection.call(pack(*(words or (b"PING",))), replicas=replicas)

    def reply(self, octets: bytes) -> None:
        self.connection.data_received(octets)


def test_calls_that_come_together_go_out_in_few_writes_and_get_their_replies_in_order() -> None:
    async def main() -> None:
        store = _Store()
        calls = [store.call(b"ECHO", b"%d" % number) for number in range(50)]
        await pass_time()

        assert len(store.wire.writes) == 7, "eight in each"
        assert store.wire.commands == [[b"ECHO", b"%d" % number] for number in range(50)]
        store.reply(b"".join(b":%d\r\n" % number for number in range(50)))
        assert await asyncio.gather(*calls) == list(range(50))

    run(main())


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=8), st.data())
def test_replies_may_come_in_any_pieces(values: list[bytes], data: st.DataObject) -> None:
    octets = b"".join(b"$%d\r\n%b\r\n" % (len(value), value) for value in values)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=10)))

    async def main() -> None:
        store = _Store()
        calls = [store.call() for _ in values]
        for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
            store.reply(octets[start:end])
        assert await asyncio.gather(*calls) == values

    run(main())


def test_an_error_reply_is_the_result_of_its_call_alone() -> None:
    async def main() -> None:
        store = _Store()
        calls = [store.call() for _ in range(3)]
        store.reply(b"+one\r\n-NOSCRIPT none\r\n+three\r\n")

        first, error, third = await asyncio.gather(*calls)
        assert (first, third) == (b"one", b"three")
        assert isinstance(error, ReplyError)

    run(main())


def test_a_call_whose_time_is_up_keeps_its_place() -> None:
    async def main() -> None:
        store = _Store()
        early = store.call()
        await pass_time(_TIMEOUT * 0.6)
        late = store.call()
        await pass_time(_TIMEOUT * 0.6)

        error = await outcome_of(early)
        assert isinstance(error, StoreUnavailable)
        assert error.applied
        assert error.explanation == "The store did not reply in time."
        assert store.timed_out == 1
        assert not late.done()
        # The first of these two is nobody's any more.
        store.reply(b"+early\r\n+late\r\n")
        assert await late == b"late"
        assert store.answered == 1

    run(main())


def test_a_call_that_is_made_while_another_is_overdue_has_a_time_of_its_own() -> None:
    async def main() -> None:
        store = _Store()
        first = store.call()
        await pass_time(_TIMEOUT + _MOMENT)
        assert first.done()
        second = store.call()
        await pass_time(_TIMEOUT + _MOMENT)

        assert second.done()
        assert not store.wire.aborted
        for each in (first, second):
            assert isinstance(await outcome_of(each), StoreUnavailable)

    run(main())


def test_a_connection_on_which_nothing_comes_any_more_is_given_up() -> None:
    async def main() -> None:
        store = _Store()
        call = store.call()
        await pass_time(_TIMEOUT + SILENCE - 0.05)
        later = store.call()
        assert not store.connection.lost.done()
        await pass_time(0.05 + _TIMEOUT + _MOMENT)

        assert store.wire.aborted
        assert store.connection.lost.done()
        for each in (call, later):
            error = await outcome_of(each)
            assert isinstance(error, StoreUnavailable)
            assert error.applied

    run(main())


def test_a_connection_that_has_nothing_to_wait_for_is_never_given_up() -> None:
    async def main() -> None:
        store = _Store()
        call = store.call()
        store.reply(b"+OK\r\n")
        assert await call == b"OK"
        await pass_time(100 * SILENCE)

        assert not store.wire.aborted
        assert store.timed_out == 0

    run(main())


def test_a_call_that_nobody_waits_for_any_more_takes_nobody_elses_reply() -> None:
    async def main() -> None:
        store = _Store()
        given_up, call = store.call(), store.call()
        given_up.cancel()
        store.reply(b"+first\r\n+second\r\n")

        assert await call == b"second"

    run(main())


@pytest.mark.parametrize("error", [None, ConnectionResetError("a secret of the system's")])
def test_when_the_connection_is_lost_all_who_wait_learn_it_and_may_have_been_heard(
    error: Exception | None,
) -> None:
    async def main() -> None:
        store = _Store()
        calls = [store.call(), store.call(replicas=1)]
        await pass_time()
        unsent = store.call()
        store.connection.connection_lost(error)
        await pass_time()

        for each in (*calls, unsent):
            found = await outcome_of(each)
            assert isinstance(found, StoreUnavailable)
            assert found.applied
            assert "secret" not in found.explanation
        assert store.connection.lost.done()
        refused = await outcome_of(store.call())
        assert isinstance(refused, StoreUnavailable)
        assert not refused.applied

    run(main())


@pytest.mark.parametrize(
    "octets", [b"?what\r\n", b"+OK\r\n+and one that nobody asked for\r\n"], ids=["garbage", "more"]
)
def test_what_is_no_reply_ends_the_connection(octets: bytes) -> None:
    async def main() -> None:
        store = _Store()
        call = store.call()
        store.reply(octets)
        await outcome_of(call)

        assert store.wire.aborted
        assert store.connection.lost.done()

    run(main())


# Replicas


def test_calls_that_ask_for_replicas_share_one_wait_behind_them() -> None:
    async def main() -> None:
        store = _Store()
        two, none, one = store.call(replicas=2), store.call(), store.call(replicas=1)
        await pass_time()
        (*_, wait) = store.wire.commands

        assert len(store.wire.commands) == 4
        assert wait == [b"WAIT", b"2", b"%d" % (_TIMEOUT * 500)]
        store.reply(b"+two\r\n+none\r\n+one\r\n")
        assert await none == b"none"
        assert not two.done()
        assert not one.done()
        store.reply(b":2\r\n")
        assert (await two, await one) == (b"two", b"one")

    run(main())


def test_who_has_fewer_replicas_than_it_asked_for_has_no_reply_and_was_heard() -> None:
    async def main() -> None:
        store = _Store()
        two, one = store.call(replicas=2), store.call(replicas=1)
        await pass_time()
        store.reply(b"+two\r\n+one\r\n:1\r\n")

        assert await one == b"one"
        error = await outcome_of(two)
        assert isinstance(error, StoreUnavailable)
        assert error.applied
        assert error.explanation == "1 of 2 replicas had the write in time."

    run(main())


def test_an_error_of_the_call_itself_waits_for_no_replica() -> None:
    async def main() -> None:
        store = _Store()
        call = store.call(replicas=1)
        await pass_time()
        store.reply(b"-NOSCRIPT none\r\n")
        assert isinstance(await call, ReplyError)
        after = store.call()
        store.reply(b":0\r\n+after\r\n")

        assert await after == b"after"

    run(main())


def test_a_store_that_knows_no_wait_is_no_store_with_replicas() -> None:
    async def main() -> None:
        store = _Store()
        call = store.call(replicas=1)
        await pass_time()
        store.reply(b"+OK\r\n-NOPERM this user has no permissions to run 'wait'\r\n")

        error = await outcome_of(call)
        assert isinstance(error, StoreUnavailable)
        assert error.applied
        assert error.explanation == "The store does not wait for replicas."

    run(main())


def test_replicas_that_say_nothing_are_waited_for_no_longer_than_anything_else() -> None:
    async def main() -> None:
        store = _Store()
        calls = [store.call(replicas=1), store.call(replicas=1)]
        await pass_time()
        store.reply(b"+one\r\n+two\r\n")
        await pass_time(_TIMEOUT + _MOMENT)

        for each in calls:
            error = await outcome_of(each)
            assert isinstance(error, StoreUnavailable)
            assert error.applied
        after = store.call()
        store.reply(b":1\r\n+after\r\n")
        assert await after == b"after"

    run(main())


# Whatever happens


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(["call", "with replicas", "cancel", "reply", "moment", "time", "silence"]),
        max_size=40,
    )
)
def test_every_call_gets_its_own_reply_or_none(events: list[str]) -> None:
    async def main() -> None:
        store = _Store()
        calls: list[asyncio.Future[Any]] = []
        replied = 0
        for event in events:
            if event in ("call", "with replicas"):
                name = b"%d" % len(calls)
                calls.append(store.call(b"ECHO", name, replicas=int(event != "call")))
            elif event == "cancel" and calls:
                calls[-1].cancel()
            elif event == "reply":
                await pass_time()
                sent = store.wire.commands
                if replied < len(sent) and not store.wire.aborted:
                    command = sent[replied]
                    replied += 1
                    store.reply(b":%d\r\n" % (1 if command[0] == b"WAIT" else int(command[1])))
            else:
                await pass_time({"moment": 0.1, "time": _TIMEOUT, "silence": SILENCE}.get(event, 0))
        await pass_time(_TIMEOUT + _MOMENT)

        assert all(call.done() for call in calls)
        for number, call in enumerate(calls):
            if not call.cancelled():
                found = await outcome_of(call)
                assert isinstance(found, StoreUnavailable) or found == number

    run(main())
