"""Leases are renewed while the merchant works, and for not one moment longer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from connector.admission.claims import LEASE, RENEWAL
from connector.admission.leases import Leases
from connector.steps import Claim
from connector.store.errors import StoreUnavailable
from tests.connector.moved_time import pass_time, run

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_STEP: Final = RENEWAL / 4
_MARGIN: Final = 5.0


class _Store:
    """Renews what it is asked to, and does as it is told."""

    def __init__(self) -> None:
        self.asked: list[Claim] = []
        self.reply: bytes | Exception = b"done"
        self.may_reply = asyncio.Event()
        self.may_reply.set()

    async def renew(self, claim: Claim) -> bytes:
        self.asked.append(claim)
        await self.may_reply.wait()
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


def _claim() -> Claim:
    claim = Claim((b"c", b"a"), b"p" * 32, b"t" * 32, b"", (1.0, 1.0), margin=_MARGIN)
    claim.until = asyncio.get_running_loop().time() + LEASE
    return claim


def _left(claim: Claim) -> float:
    return claim.until - asyncio.get_running_loop().time()


async def _pass(seconds: float) -> None:
    """Have time pass in steps that a timer would notice."""
    for _ in range(round(seconds / _STEP)):
        await pass_time(_STEP)


def _with_leases(act: Callable[[_Store, Leases], Coroutine[None, None, None]]) -> None:
    async def main() -> None:
        store = _Store()
        leases = Leases(store.renew)
        try:
            await act(store, leases)
        finally:
            leases.close()

    run(main())


def test_a_lease_is_renewed_for_as_long_as_the_merchant_works() -> None:
    async def act(store: _Store, leases: Leases) -> None:
        claim = _claim()
        leases.hold(claim)
        for _ in range(20):
            await _pass(RENEWAL)
            assert _left(claim) > LEASE - RENEWAL - 2 * _STEP
        assert 15 <= len(store.asked) <= 21
        await leases.drop(claim)
        before = len(store.asked)
        await _pass(LEASE)
        assert len(store.asked) == before

    _with_leases(act)


def test_a_request_that_is_over_soon_costs_no_renewal() -> None:
    async def act(store: _Store, leases: Leases) -> None:
        claim = _claim()
        leases.hold(claim)
        await _pass(RENEWAL - _STEP)
        await leases.drop(claim)

        assert store.asked == []
        assert len(leases) == 0

    _with_leases(act)


def test_a_renewal_counts_from_before_the_store_was_asked() -> None:
    async def act(store: _Store, leases: Leases) -> None:
        claim = _claim()
        leases.hold(claim)
        store.may_reply.clear()
        await _pass(RENEWAL + _STEP)
        assert store.asked == [claim]
        await _pass(2 * RENEWAL)
        store.may_reply.set()
        await pass_time()

        assert _left(claim) <= LEASE - 2 * RENEWAL
        assert store.asked == [claim], "one renewal of a claim at a time"

    _with_leases(act)


def test_nobody_settles_a_claim_while_it_is_being_renewed() -> None:
    async def act(store: _Store, leases: Leases) -> None:
        claim = _claim()
        leases.hold(claim)
        store.may_reply.clear()
        await _pass(RENEWAL + _STEP)
        dropping = asyncio.create_task(leases.drop(claim))
        await pass_time()
        assert not dropping.done()
        store.may_reply.set()
        await pass_time()
        assert dropping.done()
        await _pass(LEASE)

        assert store.asked == [claim]

    _with_leases(act)


def test_a_store_that_is_away_is_asked_again_and_meanwhile_the_lease_runs_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def act(store: _Store, leases: Leases) -> None:
        claim = _claim()
        leases.hold(claim)
        store.reply = StoreUnavailable("away", applied=False)
        await _pass(LEASE - _MARGIN + _STEP)
        loop = asyncio.get_running_loop()

        assert len(store.asked) >= 2
        assert loop.time() > claim.send_by, "nothing more is sent"
        store.reply = b"done"
        await _pass(_STEP)
        assert loop.time() < claim.send_by

    _with_leases(act)

    assert caplog.records == []


@pytest.mark.parametrize("word", [b"stale", b"settled"])
def test_a_claim_that_was_taken_away_is_not_held_to_be_ours_any_longer(
    word: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(store: _Store, leases: Leases) -> None:
        claim = _claim()
        leases.hold(claim)
        store.reply = word
        await _pass(LEASE + RENEWAL)

        assert store.asked == [claim], "it is not asked for again"
        assert _left(claim) < 0

    _with_leases(act)

    assert "taken away" in caplog.text


def test_a_mistake_of_ours_ends_neither_the_timer_nor_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def act(store: _Store, leases: Leases) -> None:
        first, second = _claim(), _claim()
        leases.hold(first)
        leases.hold(second)
        store.reply = RuntimeError("a mistake of ours")
        await _pass(RENEWAL + _STEP)
        assert {first, second} <= set(store.asked)
        store.reply = b"done"
        await _pass(RENEWAL)

        assert _left(first) > LEASE - RENEWAL
        assert _left(second) > LEASE - RENEWAL

    _with_leases(act)

    assert "a lease could not be renewed" in caplog.text


def test_what_is_abandoned_or_closed_is_renewed_no_more() -> None:
    async def act(store: _Store, leases: Leases) -> None:
        abandoned, held = _claim(), _claim()
        leases.hold(abandoned)
        leases.hold(held)
        leases.abandon(abandoned)
        leases.abandon(abandoned)
        await _pass(RENEWAL + _STEP)
        assert store.asked == [held]
        leases.close()
        await _pass(LEASE)

        assert store.asked == [held]
        assert len(leases) == 0

    _with_leases(act)


def test_without_any_lease_no_timer_runs() -> None:
    async def act(store: _Store, leases: Leases) -> None:
        claim = _claim()
        leases.hold(claim)
        await leases.drop(claim)
        await _pass(RENEWAL)
        assert leases._timer is None
        leases.hold(claim)
        await _pass(2 * _STEP)

        assert store.asked == [claim]

    _with_leases(act)
