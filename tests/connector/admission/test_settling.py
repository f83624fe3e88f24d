"""The store is told what became of every claim, sooner or later, and callers wait for it once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from connector.admission import settling
from connector.admission.settling import MOST_OCTETS, PERSISTENCE, Settler
from connector.steps import Claim
from connector.store.errors import StoreUnavailable
from tests.connector.moved_time import pass_time, run

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence


_LONGEST_PAUSE: Final = 0.8
_BEHIND: Final = 1.0
"""Seconds after which a claim that may yet come to be is told of again."""


class _Store:
    """Hears what becomes of claims; away, it hears nothing."""

    def __init__(self) -> None:
        self.heard: list[tuple[Claim, bytes]] = []
        self.whole: list[Sequence[bytes]] = []
        self.words: dict[Claim, list[bytes]] = {}
        self.asked = 0
        self.away = False
        self.lost: set[Claim] = set()
        """Claims of a part that is away."""

    async def tell(self, claim: Claim, arguments: Sequence[bytes]) -> bytes:
        self.asked += 1
        if self.away or claim in self.lost:
            raise StoreUnavailable("away", applied=False)
        self.heard.append((claim, arguments[0]))
        self.whole.append(arguments)
        words = self.words.get(claim)
        return words.pop(0) if words else b"done"


def _claim() -> Claim:
    return Claim((b"c", b"a"), b"p" * 32, b"t" * 32, b"", (1.0, 1.0), margin=5.0)


def _completed(claim: Claim, answer: bytes) -> tuple[bytes, ...]:
    return (*claim.owner(b"completed"), answer, b"1000", b"2000", b"digest")


async def _later(seconds: float) -> None:
    """Have time pass for what has been begun."""
    await pass_time()
    await pass_time(seconds)


def _with_settler(
    act: Callable[[_Store, Settler, Counter[str]], Coroutine[None, None, None]],
) -> None:
    async def main() -> None:
        store, told = _Store(), Counter[str]()
        settler = Settler(store.tell, lambda word: told.update([word]))
        try:
            await act(store, settler, told)
        finally:
            await settler.aclose(0.0)

    run(main())


def test_a_store_that_is_there_has_heard_it_when_the_caller_goes_on() -> None:
    async def act(store: _Store, settler: Settler, told: Counter[str]) -> None:
        claim = _claim()
        await settler.settle(claim, _completed(claim, b"answer"))

        assert store.heard == [(claim, b"completed")]
        assert told == {"done": 1}
        assert len(settler) == 0

    _with_settler(act)


def test_a_store_that_is_away_is_told_when_it_is_back_and_nobody_waits_for_that() -> None:
    async def act(store: _Store, settler: Settler, told: Counter[str]) -> None:
        store.away = True
        claims = [_claim() for _ in range(3)]
        for claim in claims:
            await settler.settle(claim, _completed(claim, b"answer"))
        assert (store.heard, len(settler)) == ([], 3)
        for _ in range(5):
            await _later(_LONGEST_PAUSE)
        assert len(settler) == 3
        store.away = False
        await _later(_LONGEST_PAUSE)

        assert store.heard == [(claim, b"completed") for claim in claims]
        assert told == {"delayed": 3, "done": 3}
        assert len(settler) == 0

    _with_settler(act)


def test_a_store_that_is_away_is_asked_for_few_claims_and_ever_less_often() -> None:
    async def act(store: _Store, settler: Settler, told: Counter[str]) -> None:
        store.away = True
        for _ in range(100):
            claim = _claim()
            await settler.settle(claim, _completed(claim, b"answer"))
        before = store.asked
        for _ in range(20):
            await _later(_LONGEST_PAUSE)

        assert store.asked - before <= 20 * 8
        assert told == {"delayed": 100}

    _with_settler(act)


def test_claims_of_a_part_that_is_away_keep_no_others_waiting() -> None:
    async def act(store: _Store, settler: Settler, told: Counter[str]) -> None:
        store.away = True
        claims = [_claim() for _ in range(100)]
        store.lost = set(claims[::3])
        for claim in claims:
            await settler.settle(claim, claim.owner(b"unknown"))
        store.away = False
        for _ in range(3):
            await _later(_LONGEST_PAUSE)
        assert {claim for claim, _ in store.heard} == set(claims) - store.lost
        store.lost = set()
        await _later(_LONGEST_PAUSE)

        assert {claim for claim, _ in store.heard} == set(claims)
        assert told == {"delayed": 100, "done": 100}

    _with_settler(act)


def test_after_a_minute_claims_are_given_up_and_their_outcome_stays_unknown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def act(store: _Store, settler: Settler, told: Counter[str]) -> None:
        store.away = True
        claim = _claim()
        await settler.settle(claim, _completed(claim, b"answer"))
        for other in (_claim(), _claim()):
            await settler.settle(other, other.owner(b"unknown"))
        await _later(PERSISTENCE - 2 * _LONGEST_PAUSE)
        assert len(settler) == 3
        for _ in range(4):
            await _later(_LONGEST_PAUSE)
        assert len(settler) == 0
        store.away = False
        await _later(PERSISTENCE)

        assert store.heard == []
        assert told == {"delayed": 3, "given_up": 3}

    _with_settler(act)

    assert "its outcome stays unknown" in caplog.text


@pytest.mark.parametrize("word", [b"absent", b"stale"])
def test_a_claim_that_may_yet_come_to_be_is_released_again_behind_it(
    word: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(store: _Store, settler: Settler, told: Counter[str]) -> None:
        claim = _claim()
        # The request that makes it is still on its way when the first release arrives.
        store.words[claim] = [word, b"done"]
        settler.forget(claim)
        await _later(_LONGEST_PAUSE)
        assert store.heard == [(claim, b"released")]
        await _later(_BEHIND)
        await _later(_LONGEST_PAUSE)

        assert store.heard == [(claim, b"released")] * 2
        assert told["done"] == 1
        assert len(settler) == 0

    _with_settler(act)

    assert caplog.records == []


def test_a_claim_that_somebody_else_has_in_the_end_was_never_ours_and_alarms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def act(store: _Store, settler: Settler, told: Counter[str]) -> None:
        claim = _claim()
        store.words[claim] = [b"stale"] * 2
        settler.forget(claim)
        for _ in range(3):
            await _later(_BEHIND)

        assert store.heard == [(claim, b"released")] * 2
        assert told["absent"] == 1
        assert told["stale"] == 0

    _with_settler(act)

    assert caplog.records == []


def test_a_claim_that_was_found_and_released_is_not_told_of_again() -> None:
    async def act(store: _Store, settler: Settler, told: Counter[str]) -> None:
        claim = _claim()
        settler.forget(claim)
        for _ in range(5):
            await _later(_BEHIND)

        assert store.heard == [(claim, b"released")]
        assert told == {"delayed": 1, "done": 1}

    _with_settler(act)


def test_a_settlement_that_comes_too_late_is_told_to_the_operator(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def act(store: _Store, settler: Settler, told: Counter[str]) -> None:
        claim = _claim()
        store.words[claim] = [b"stale"]
        await settler.settle(claim, _completed(claim, b"answer"))

        assert told == {"stale": 1}

    _with_settler(act)

    assert "settled by somebody else" in caplog.text


def test_answers_that_wait_are_bounded_and_beyond_the_claim_alone_is_settled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MOST_OCTETS == 64 << 20
    monkeypatch.setattr(settling, "MOST_OCTETS", 1000)

    async def act(store: _Store, settler: Settler, told: Counter[str]) -> None:
        store.away = True
        first, second = _claim(), _claim()
        for claim in (first, second):
            await settler.settle(claim, _completed(claim, b"x" * 600))
        store.away = False
        await _later(_LONGEST_PAUSE)

        assert [claim for claim, _ in store.heard] == [first, second]
        assert [each[4] for each in store.whole] == [b"x" * 600, b""]
        assert [tuple(each[5:]) for each in store.whole] == [(b"1000", b"2000", b"digest")] * 2
        third = _claim()
        store.away = True
        await settler.settle(third, _completed(third, b"y" * 600))
        store.away = False
        await _later(_LONGEST_PAUSE)
        assert store.whole[-1][4] == b"y" * 600, "there is room again"
        assert told == {"delayed": 3, "done": 3}

    _with_settler(act)


def test_the_end_waits_for_the_store_and_says_what_is_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        store = _Store()
        settler = Settler(store.tell, lambda _: None)
        store.away = True
        claim = _claim()
        await settler.settle(claim, claim.owner(b"unknown"))
        closing = asyncio.create_task(settler.aclose(5.0))
        await _later(_LONGEST_PAUSE)
        assert not closing.done()
        store.away = False
        await _later(_LONGEST_PAUSE)
        await closing
        assert store.heard == [(claim, b"unknown")]

    run(main())
    assert caplog.records[-1].levelname == "WARNING"

    async def in_vain() -> None:
        store = _Store()
        store.away = True
        settler = Settler(store.tell, lambda _: None)
        claim = _claim()
        await settler.settle(claim, claim.owner(b"unknown"))
        closing = asyncio.create_task(settler.aclose(5.0))
        for _ in range(10):
            await _later(_LONGEST_PAUSE)
        await closing

    run(in_vain())
    assert "1 claims were not settled" in caplog.text
