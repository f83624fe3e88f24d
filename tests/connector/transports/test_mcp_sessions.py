"""Sessions that are good for the platform that opened them only."""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest

from canonical import Request
from connector.errors import Refusal
from connector.steps import Received
from connector.store.errors import StoreUnavailable
from connector.transports.mcp_sessions import KEY_LENGTH, CallerSessions, SessionKeys

if TYPE_CHECKING:
    from connector.steps import RawHeaders

KEY: Final = b"k" * KEY_LENGTH
OLD: Final = b"o" * KEY_LENGTH
MINE: Final = CallerSessions((KEY,), "shop", "https://a.example/p")


def arrived(*lines: tuple[bytes, bytes]) -> Received:
    request = Request(method="POST", target="/mcp", headers=[*lines, (b"Host", b"x")], body=b"{}")
    return Received(request, "shop", "192.0.2.1", 0.0, 0.0)


def inward(sessions: CallerSessions, *values: bytes) -> RawHeaders:
    received = sessions.inward(arrived(*((b"mcp-Session-ID", value) for value in values)))
    assert received.request.body == b"{}"
    return list(received.request.headers)


@pytest.mark.parametrize("own", [b"0c845bfe", b"a.b", b".", b"!~", b"x" * 512])
def test_what_is_handed_out_comes_back_as_the_merchant_s_own(own: bytes) -> None:
    ((name, given),) = MINE.outward([(b"Mcp-Session-Id", own)])
    assert name == b"Mcp-Session-Id"
    assert given != own
    # Where it stood, spelled as it was.
    assert inward(MINE, given) == [(b"mcp-Session-ID", own), (b"Host", b"x")]


def refused(sessions: CallerSessions, *values: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        inward(sessions, *values)
    assert (caught.value.code.name, caught.value.reason) == ("unknown_operation", "unknown_session")


@pytest.mark.parametrize(
    "other",
    [
        MINE._replace(identity="https://b.example/p"),
        MINE._replace(merchant="shop2"),
        MINE._replace(merchant="sho", identity="phttps://a.example/p"),
        MINE._replace(keys=(OLD,)),
    ],
)
def test_it_is_no_session_for_anybody_else(other: CallerSessions) -> None:
    refused(other, MINE.bound(b"own"))


@pytest.mark.parametrize(
    "given", [b"", b"own", b"own.", b".", b"\xff.\xff", b"own.AAAA", MINE.bound(b"own") + b"="]
)
def test_what_was_not_handed_out_is_no_session(given: bytes) -> None:
    refused(MINE, given)


def test_not_one_octet_may_differ() -> None:
    given = MINE.bound(b"own-session")
    for at in range(len(given)):
        refused(MINE, given[:at] + bytes([given[at] ^ 1]) + given[at + 1 :])


def test_two_ids_are_no_session() -> None:
    refused(MINE, MINE.bound(b"own"), MINE.bound(b"own"))


def test_without_an_id_nothing_is_touched() -> None:
    received = arrived()
    assert MINE.inward(received) is received
    headers = [(b"Content-Type", b"application/json")]
    assert MINE.outward(headers) is headers


def test_the_key_before_is_still_good() -> None:
    both = MINE._replace(keys=(KEY, OLD))
    given = MINE._replace(keys=(OLD,)).bound(b"own")
    assert inward(both, given)[0] == (b"mcp-Session-ID", b"own")
    assert both.bound(b"own") == MINE.bound(b"own")


@pytest.mark.parametrize("own", [b"", b"a b", b"\xe4", b"x" * 513])
def test_what_is_no_id_is_not_handed_out(own: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert MINE.outward([(b"mcp-session-id", own), (b"A", b"b")]) == [(b"A", b"b")]
    assert "no id" in caplog.text


class _Store:
    """Keeps the first key that it is offered, until it loses or fails."""

    def __init__(self) -> None:
        self.kept: bytes | None = None
        self.down = False
        self.asked = 0

    async def agree(self, key: bytes) -> bytes:
        self.asked += 1
        if self.down:
            raise StoreUnavailable("down", applied=False)
        self.kept = self.kept or key
        return self.kept


def test_all_who_share_a_store_have_one_key_and_ask_seldom() -> None:
    store, ticks = _Store(), count(0, 0.1)

    async def scene() -> None:
        one = SessionKeys(store.agree, monotonic=lambda: next(ticks))
        other = SessionKeys(store.agree, monotonic=lambda: next(ticks))
        (key,) = await one.current()
        assert len(key) == KEY_LENGTH
        for _ in range(20):
            assert await one.current() == await other.current() == (key,)

    asyncio.run(scene())
    assert store.asked == 2


def test_a_store_that_lost_the_key_is_followed_and_the_last_key_still_good() -> None:
    store, now = _Store(), [0.0]

    async def scene() -> None:
        keys = SessionKeys(store.agree, monotonic=lambda: now[0])
        (first,) = await keys.current()
        store.kept = None
        now[0] += 61
        second, kept = await keys.current()
        assert kept == first
        assert [second] == [store.kept]
        assert second != first
        store.kept = None
        now[0] += 61
        assert len(await keys.current()) == 2

    asyncio.run(scene())


def test_without_the_store_the_key_at_hand_serves_and_without_any_nothing_does() -> None:
    store, now = _Store(), [0.0]

    async def scene() -> None:
        keys = SessionKeys(store.agree, monotonic=lambda: now[0])
        store.down = True
        with pytest.raises(Refusal) as caught:
            await keys.current()
        assert caught.value.code.name == "store_unavailable"
        store.down = False
        now[0] += 2
        (key,) = await keys.current()
        store.down = True
        now[0] += 61
        assert await keys.current() == (key,)
        asked = store.asked
        assert await keys.current() == (key,)
        assert store.asked == asked

    asyncio.run(scene())
