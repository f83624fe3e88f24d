"""What an owner does with its claim follows from what the merchant has said, and how much of it."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any, Final

import pytest

from connector.admission.leases import Leases
from connector.admission.local import Stored
from connector.admission.outcomes import Outcome, outcome_of
from connector.admission.passing import DRAINING, Passing
from connector.admission.recorded import recall
from connector.admission.sealing import Sealer
from connector.admission.settlement import Settlement
from connector.admission.settling import Settler
from connector.steps import Answer, Claim
from tests.connector.moved_time import outcome_of as result_of
from tests.connector.moved_time import pass_time, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

_PIECES: Final = (b"first", b"second", b"third")
_WHOLE: Final = b"".join(_PIECES)
_REFUSALS: Final = frozenset({422})


class _Store:
    """Hears what becomes of claims."""

    def __init__(self) -> None:
        self.told: list[Sequence[bytes]] = []

    async def tell(self, _: Claim, arguments: Sequence[bytes]) -> bytes:
        self.told.append(arguments)
        return b"done"

    async def renew(self, _: Claim) -> bytes:
        return b"done"

    @property
    def events(self) -> list[bytes]:
        return [each[0] for each in self.told]


class _Pieces:
    """A stream from the merchant, that breaks off where it is told to."""

    def __init__(self, *, promised: bool = False, breaks: int | None = None) -> None:
        self.length = len(_WHOLE) if promised else None
        self._breaks = breaks
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number, piece in enumerate(_PIECES):
            await self.may_go_on.wait()
            if number == self._breaks:
                raise ConnectionResetError("the merchant broke off")
            yield piece

    async def aclose(self) -> None:
        self.closed = True


class _Recorder:
    """Finds what it is told to find."""

    def __init__(self, answer: bytes | None, *, answered: bool) -> None:
        self.answer = answer
        self.answered = answered
        self.fed = b""

    def feed(self, data: bytes) -> None:
        self.fed += data


class _World:
    def __init__(self) -> None:
        self.store = _Store()
        self.leases = Leases(self.store.renew)
        self.sealer = Sealer([b"k" * 32])
        settler = Settler(self.store.tell, lambda _: None)
        self.settlement = Settlement(self.leases, settler, self.sealer, _REFUSALS)
        self.claim = Claim((b"claim", b"answer"), b"p" * 32, b"token", b"", (1.5, 2.5), margin=5.0)
        self.settlement.hold(self.claim)

    async def passing(
        self, pieces: _Pieces, *, status: int = 200, recorder: _Recorder | None = None
    ) -> Passing:
        """Return the streamed answer as it goes to the caller."""
        answer = Answer(status, [], pieces)
        answered = await self.settlement.answered(self.claim, answer, recorder)
        assert isinstance(answered.body, Passing)
        return answered.body

    def replayed(self) -> Answer:
        """Return the answer that the store was given."""
        (told,) = self.store.told
        return recall(self.sealer.open(told[4], b"claim", b"p" * 32, b"token"))


def _run(act: Callable[[_World], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        world = _World()
        try:
            await act(world)
            assert len(world.leases) == 0, "a claim that is settled is renewed no more"
        finally:
            world.leases.close()

    run(main())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((status, Outcome.COMPLETED) for status in (200, 201, 204, 302, 400, 404, 409, 500, 501)),
        *((status, Outcome.UNKNOWN) for status in (502, 503, 504)),
        *((status, Outcome.RELEASED) for status in _REFUSALS),
    ],
)
def test_an_answer_is_judged_by_its_status(status: int, outcome: Outcome) -> None:
    assert outcome_of(status, _REFUSALS) is outcome


def test_a_merchant_may_promise_that_its_503_did_nothing() -> None:
    assert outcome_of(503, frozenset({503})) is Outcome.RELEASED


def test_an_answer_is_sealed_and_kept_for_as_long_as_the_claim_says() -> None:
    async def act(world: _World) -> None:
        given = Answer(201, [(b"Location", b"/orders/1"), (b"Set-Cookie", b"s=1")], b"{}")
        assert await world.settlement.answered(world.claim, given, None) is given

        assert world.store.told[0][:4] == world.claim.owner(b"completed")
        assert world.store.told[0][5:] == (b"1500", b"2500", b"")
        assert world.replayed() == Answer(201, [(b"Location", b"/orders/1")], b"{}")

    _run(act)


def test_an_answer_for_which_there_is_no_room_settles_the_claim_alone() -> None:
    async def act(world: _World) -> None:
        world.claim.stored = Stored(1.0, 1000.0)
        await world.settlement.answered(world.claim, Answer(200, [], b"{}"), None)

        assert world.store.events == [b"completed"]
        assert world.store.told[0][4] == b""

    _run(act)


@pytest.mark.parametrize(("status", "event"), [(422, b"released"), (503, b"unknown")])
def test_an_answer_that_settles_nothing_is_not_recorded(status: int, event: bytes) -> None:
    async def act(world: _World) -> None:
        await world.settlement.answered(world.claim, Answer(status, [], b"{}"), None)
        assert world.store.told == [world.claim.owner(event)]

    _run(act)


@pytest.mark.parametrize("promised", [True, False])
def test_a_streamed_answer_is_settled_by_its_digest_once_it_is_whole(*, promised: bool) -> None:
    async def act(world: _World) -> None:
        passing = await world.passing(_Pieces(promised=promised))
        assert world.store.told == []
        assert [piece async for piece in passing] == list(_PIECES)

        assert world.store.events == [b"completed"]
        assert world.store.told[0][4] == b""
        assert world.store.told[0][7] == hashlib.sha256(_WHOLE).hexdigest().encode()
        await passing.aclose()
        assert world.store.events == [b"completed"], "once is enough"

    _run(act)


@pytest.mark.parametrize("breaks", [0, 1, 2])
def test_a_streamed_answer_that_breaks_off_leaves_the_outcome_unknown(breaks: int) -> None:
    async def act(world: _World) -> None:
        passing = await world.passing(_Pieces(breaks=breaks))

        async def read() -> None:
            async for _ in passing:
                pass

        assert isinstance(await result_of(read()), ConnectionResetError)
        assert world.store.events == [b"unknown"]

    _run(act)


def test_what_a_caller_leaves_is_read_to_its_end_and_settled() -> None:
    async def act(world: _World) -> None:
        pieces = _Pieces()
        passing = await world.passing(pieces)
        assert await anext(passing) == b"first"
        pieces.may_go_on.clear()
        await passing.aclose()
        await pass_time(1.0)
        assert world.store.told == []
        pieces.may_go_on.set()
        await pass_time()

        assert world.store.events == [b"completed"]
        assert world.store.told[0][7] == hashlib.sha256(_WHOLE).hexdigest().encode()
        assert pieces.closed

    _run(act)


def test_what_a_caller_leaves_and_never_ends_is_given_up() -> None:
    async def act(world: _World) -> None:
        pieces = _Pieces()
        passing = await world.passing(pieces)
        await anext(passing)
        pieces.may_go_on.clear()
        await passing.aclose()
        await pass_time()
        await pass_time(DRAINING + 1.0)

        assert world.store.events == [b"unknown"]
        assert pieces.closed

    _run(act)


def test_an_event_stream_is_recorded_as_the_one_answer_in_it() -> None:
    async def act(world: _World) -> None:
        recorder = _Recorder(b'{"id": 1}', answered=True)
        passing = await world.passing(_Pieces(), recorder=recorder)
        assert b"".join([piece async for piece in passing]) == recorder.fed == _WHOLE

        assert world.replayed() == Answer(
            200, [(b"Content-Type", b"application/json")], b'{"id": 1}'
        )

    _run(act)


@pytest.mark.parametrize(
    ("answered", "event", "digest"),
    [(True, b"completed", hashlib.sha256(_WHOLE).hexdigest().encode()), (False, b"unknown", b"")],
)
def test_an_event_stream_without_a_whole_answer_is_not_one(
    *, answered: bool, event: bytes, digest: bytes
) -> None:
    async def act(world: _World) -> None:
        recorder = _Recorder(None, answered=answered)
        passing = await world.passing(_Pieces(), recorder=recorder)
        async for _ in passing:
            pass

        assert world.store.events == [event]
        assert (*world.store.told[0], *(b"",) * 4)[7] == digest

    _run(act)


def test_a_streamed_refusal_of_the_merchant_releases_the_claim() -> None:
    async def act(world: _World) -> None:
        passing = await world.passing(_Pieces(), status=422)
        async for _ in passing:
            pass
        assert world.store.events == [b"released"]

    _run(act)


def test_what_is_abandoned_is_told_to_nobody() -> None:
    async def act(world: _World) -> None:
        world.settlement.abandon(world.claim)
        assert world.store.told == []

    _run(act)


def test_the_end_waits_for_what_runs_and_then_leaves_it() -> None:
    async def act(world: _World) -> None:
        pieces = _Pieces()
        passing = await world.passing(pieces)
        await anext(passing)
        pieces.may_go_on.clear()
        await passing.aclose()
        closing = asyncio.create_task(world.settlement.aclose(5.0))
        await pass_time(1.0)
        assert not closing.done()
        await pass_time(5.0)
        assert closing.done()
        world.settlement.abandon(world.claim)

    _run(act)
