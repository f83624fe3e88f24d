"""Checks in a row: each caller is told the outcome of its own."""

from __future__ import annotations

import asyncio

import pytest

from canonical import SignatureInvalid, load_key
from connector.authentication.bulk import BulkVerifier
from tests.connector.authentication.platform import KEY

PRIVATE = load_key(KEY)
GOOD = PRIVATE.sign(b"data")


def test_each_signature_has_its_own_outcome() -> None:
    async def run() -> list[object]:
        bulk = BulkVerifier()
        outcomes = [bulk.verify(PRIVATE, GOOD, data) for data in (b"data", b"other", b"data")]
        return list(await asyncio.gather(*outcomes, return_exceptions=True))

    first, second, third = asyncio.run(run())
    assert first is None
    assert isinstance(second, SignatureInvalid)
    assert third is None


def test_one_who_no_longer_waits_holds_up_nobody() -> None:
    async def run() -> None:
        bulk = BulkVerifier()
        gone = bulk.verify(PRIVATE, GOOD, b"data")
        stays = bulk.verify(PRIVATE, GOOD, b"data")
        gone.cancel()
        await stays

    asyncio.run(run())


def test_a_long_row_lets_the_loop_do_other_things_in_between() -> None:
    async def run() -> int:
        bulk = BulkVerifier()
        outcomes = [bulk.verify(PRIVATE, GOOD, b"data") for _ in range(100)]
        turns = 0
        while not all(outcome.done() for outcome in outcomes):
            turns += 1
            await asyncio.sleep(0)
        await asyncio.gather(*outcomes)
        return turns

    assert asyncio.run(run()) >= 4


def test_what_goes_wrong_unexpectedly_is_told_too() -> None:
    class Broken:
        def verify(self, *_: bytes) -> None:
            raise MemoryError

    async def run() -> None:
        await BulkVerifier().verify(Broken(), GOOD, b"data")  # type: ignore[arg-type]  # no key

    with pytest.raises(MemoryError):
        asyncio.run(run())
