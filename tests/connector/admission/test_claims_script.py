"""The table of claims and the scripts do the same, whatever happens in whatever order and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.admission.claims import STEPS, Event, State, Word
from tests.connector.admission.scripted import START

if TYPE_CHECKING:
    from tests.connector.admission.scripted import ScriptedStore

_LEASE: Final = 10_000_000
_QUIET: Final = 2 * _LEASE
_LONG: Final = b"100000000"
_KEYS: Final = (b"ucp1:{t}:rate:r", b"ucp1:{t}:rate:w", b"ucp1:{t}:claim:1", b"ucp1:{t}:answer:1")
_PAYLOADS: Final = (b"p" * 32, b"q" * 32)
_LIVE: Final = {State.CLAIMED: State.LAPSED, State.RETAKEN: State.RETAKEN_LAPSED}
_STORED: Final = {lapsed: live for live, lapsed in _LIVE.items()}
_OWNERS: Final = {
    Event.COMPLETE: b"completed",
    Event.COMPLETE_BARE: b"completed",
    Event.RELEASE: b"released",
    Event.DOUBT: b"unknown",
    Event.RENEW: b"renewed",
}
_OPERATORS: Final = {Event.EXECUTED: b"executed", Event.NOT_EXECUTED: b"not_executed"}
_ASKS: Final = (Event.ASK, Event.ASK_OTHER, Event.RETRY, Event.AGAIN)


class Move(NamedTuple):
    """Something that happens: after ``pause`` microseconds, by the owner with this number."""

    event: Event
    pause: int
    owner: int


_moves = st.builds(
    Move,
    st.sampled_from(
        [
            *_ASKS,
            *_OWNERS,
            *_OPERATORS,
            Event.ANSWER_ENDS,
            Event.MEMORY_ENDS,
        ]
    ),
    st.one_of(
        st.integers(0, 1000),
        st.sampled_from([_LEASE - 1, _LEASE, _QUIET, 3 * _LEASE]),
        st.integers(-2 * _LEASE, 3 * _LEASE),
    ),
    st.integers(0, 3),
)


class Model:
    """One claim as the table has it."""

    def __init__(self) -> None:
        self.state = State.ABSENT
        self.token = b""
        self.payload = b""
        self.lease = 0
        self.renewed = 0

    def at(self, now: int) -> State:
        lapsed = _LIVE.get(self.state)
        return lapsed if lapsed is not None and now >= self.lease else self.state

    def happen(self, event: Event, now: int) -> Word:
        state, word = STEPS[self.at(now)][event]
        # Lapsing is derived from the lease: what is stored stays as it was.
        self.state = _STORED.get(state, state)
        return word

    def ask(self, event: Event, payload: bytes, token: bytes, now: int) -> Word:
        known = self.at(now)
        if known in (State.ABSENT, State.RELEASED):
            event = Event.ASK
        elif payload != self.payload:
            event = Event.ASK_OTHER
        elif token == self.token and known not in (State.UNKNOWN, State.COMPLETED, State.SPENT):
            event = Event.AGAIN
        elif event is not Event.RETRY:
            event = Event.ASK
        word = self.happen(event, now)
        if word is Word.CLAIMED:
            self.token, self.payload = token, payload
            self.lease, self.renewed = now + _LEASE, now
        return word

    def own(self, event: Event, payload: bytes, token: bytes, now: int) -> Word:
        if self.state is not State.ABSENT and token != self.token:
            return Word.STALE
        before = self.at(now)
        word = self.happen(event, now)
        if word is Word.DONE:
            self.token = token
            if self.state is not State.ABSENT:
                self.payload = payload
            if event is Event.RENEW:
                self.lease, self.renewed = now + _LEASE, now
            elif before is State.ABSENT:
                self.renewed = now
        return word

    def resolve(self, event: Event, now: int) -> Word:
        if event is Event.NOT_EXECUTED and now < self.renewed + _QUIET:
            event = Event.NOT_EXECUTED_EARLY
        word = self.happen(event, now)
        if word is Word.DONE:
            self.token = b""
        return word


def _admit(store: ScriptedStore, now: int, move: Move, payload: bytes, token: bytes) -> Word:
    arguments = (
        b"write",
        b"1",
        *(b"0", b"0", b"", b"0", token, b"0", b"0"),
        payload,
        b"%d" % _LEASE,
        b"1" if move.event is Event.RETRY else b"0",
        b"{}",
    )
    return Word(store.admit(now, _KEYS, arguments)[0].decode())


def _settle(store: ScriptedStore, now: int, move: Move, payload: bytes, token: bytes) -> Word:
    answer = b"answer" if move.event is Event.COMPLETE else b""
    more = {
        b"completed": (answer, _LONG, _LONG, b""),
        b"renewed": (b"%d" % _LEASE,),
    }.get(_OWNERS[move.event], ())
    arguments = (_OWNERS[move.event], token, payload, b"", *more)
    return Word(store.settle(now, _KEYS[2:], arguments)[0].decode())


def _resolve(store: ScriptedStore, now: int, move: Move) -> Word:
    more = (_LONG,) if move.event is Event.EXECUTED else (b"%d" % _QUIET, _LONG)
    said_of = store.ask("HGET", _KEYS[2], "token") or b""
    arguments = (_OPERATORS[move.event], b"{}", said_of, *more)
    return Word(store.settle(now, _KEYS[2:], arguments)[0].decode())


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(_moves, min_size=1, max_size=25))
def test_the_scripts_do_what_the_table_says(store: ScriptedStore, moves: list[Move]) -> None:
    store.ask("FLUSHALL")
    model, now, tokens, payloads = Model(), START, [b"none"], [_PAYLOADS[0]]

    for number, move in enumerate(moves):
        now += move.pause
        owner = move.owner % len(tokens)
        token, payload = tokens[owner], payloads[owner]
        if move.event in _ASKS:
            payload = _PAYLOADS[move.event is Event.ASK_OTHER]
            if move.event is not Event.AGAIN:
                token = b"token-%d" % number
                tokens.append(token)
                payloads.append(payload)
            else:
                payload = payloads[owner]
            expected = model.ask(move.event, payload, token, now)
            assert _admit(store, now, move, payload, token) is expected
        elif move.event in _OWNERS:
            expected = model.own(move.event, payload, token, now)
            assert _settle(store, now, move, payload, token) is expected
        elif move.event in _OPERATORS:
            assert _resolve(store, now, move) is model.resolve(move.event, now)
        elif move.event in STEPS[model.at(now)]:
            model.happen(move.event, now)
            # What the store does at a time of its own, and forgets then.
            store.ask("DEL", *(_KEYS[3:] if move.event is Event.ANSWER_ENDS else _KEYS[2:]))


def test_every_state_answers_every_event_but_those_that_cannot_happen() -> None:
    impossible = {
        (State.RELEASED, event)
        for event in (
            Event.AGAIN,
            Event.COMPLETE,
            Event.COMPLETE_BARE,
            Event.RELEASE,
            Event.DOUBT,
            Event.RENEW,
        )
    }
    impossible |= {(state, Event.AGAIN) for state in (State.UNKNOWN, State.COMPLETED, State.SPENT)}
    passing = {Event.LEASE_ENDS, Event.ANSWER_ENDS, Event.MEMORY_ENDS}

    missing = {
        (state, event)
        for state in State
        for event in Event
        if event not in passing and event not in STEPS[state]
    }

    assert missing == impossible


@pytest.mark.parametrize("state", list(State))
def test_nothing_but_an_end_of_the_record_or_a_release_makes_a_claim_absent(state: State) -> None:
    ways = {event for event, (after, _) in STEPS[state].items() if after is State.ABSENT}

    if state is State.ABSENT:
        return
    assert ways <= {Event.RELEASE, Event.MEMORY_ENDS}
    assert (Event.RELEASE in ways) is (state in (State.CLAIMED, State.LAPSED))


def test_whatever_may_have_been_sent_is_claimed_again_only_where_the_merchant_is_idempotent() -> (
    None
):
    doubtful = (State.LAPSED, State.RETAKEN_LAPSED, State.UNKNOWN)

    for state in (*doubtful, State.CLAIMED, State.RETAKEN, State.COMPLETED, State.SPENT):
        granted = {event for event, (_, word) in STEPS[state].items() if word is Word.CLAIMED}
        own = {Event.AGAIN} if state not in (State.UNKNOWN, State.COMPLETED, State.SPENT) else set()
        assert granted == own | ({Event.RETRY} if state in doubtful else set())
