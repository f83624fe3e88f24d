"""What may be used once, a nonce or a detached JWS: the scripts and a pure model agree.

The model is written from ucp-rules sections 3.10 and 4. Whether a claim is had is the table's
matter; here is what a nonce or a JWS that was seen before makes of that.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.admission.claims import STEPS, Event, State, Word
from tests.connector.admission.scripted import START
from tests.connector.admission.test_claims_script import Model

if TYPE_CHECKING:
    from tests.connector.admission.scripted import ScriptedStore

_LEASE: Final = 10_000_000
_QUIET: Final = 2 * _LEASE
_LONG: Final = b"100000000"
_SECOND: Final = b"1000000"
_RATES: Final = (b"ucp1:{t}:rate:r", b"ucp1:{t}:rate:w")
_CLAIMS: Final = (b"ucp1:{t}:claim:0", b"ucp1:{t}:claim:1")
_PAYLOADS: Final = (b"p" * 32, b"q" * 32)
_NONCES: Final = (b"ucp1:{t}:nonce:0", b"ucp1:{t}:nonce:1")
_SIGNATURES: Final = (b"ucp1:{t}:signature:0", b"ucp1:{t}:signature:1")
_OWNERS: Final = {
    Event.COMPLETE: b"completed",
    Event.RELEASE: b"released",
    Event.DOUBT: b"unknown",
    Event.RENEW: b"renewed",
}
_DOUBTFUL: Final = (State.LAPSED, State.RETAKEN_LAPSED, State.UNKNOWN)
_FORGETTABLE: Final = (State.COMPLETED, State.SPENT, State.RELEASED)


class Write(NamedTuple):
    """A write as it was signed and sent, and who asked."""

    claim: int
    payload: bytes
    once: bytes
    """The name of the nonce or JWS; empty where it has none."""
    token: bytes = b""

    @property
    def kind(self) -> bytes:
        return self.once.split(b":")[2] if self.once else b""

    @property
    def mark(self) -> bytes:
        """What is remembered of a JWS."""
        return _CLAIMS[self.claim] + self.payload

    @property
    def names(self) -> tuple[bytes, ...]:
        claim = _CLAIMS[self.claim]
        names = (claim, claim.replace(b"claim", b"answer"))
        return (*names, self.once) if self.once else names


@dataclass
class Once:
    """The claims of one caller, and what it used."""

    claims: list[Model] = field(default_factory=lambda: [Model(), Model()])
    linked: list[bytes] = field(default_factory=lambda: [b"", b""])
    """What goes with each claim, for who resolves it."""
    seen: dict[bytes, bytes] = field(default_factory=dict)

    def read(self, nonce: bytes, token: bytes) -> str:
        if self.seen.get(nonce, token) != token:
            return "seen"
        self.seen[nonce] = token
        return "admitted"

    def ask(self, event: Event, write: Write, now: int) -> str:
        before = self.claims[write.claim]
        after = copy(before)
        word = after.ask(event, write.payload, write.token, now)
        mark = self.seen.get(write.once)
        if write.kind == b"signature" and mark is not None:
            if mark != write.mark:
                return "seen"
            if before.state is State.ABSENT:
                # It was done; what it was told is forgotten by now.
                return "gone"
        if write.kind == b"nonce" and mark is not None and word is Word.CLAIMED:
            retaken = event is Event.RETRY and before.at(now) in _DOUBTFUL
            if mark != write.token and not (retaken and mark == before.token):
                return "seen"
        if word is Word.CLAIMED:
            if write.once:
                self.seen[write.once] = write.token if write.kind == b"nonce" else write.mark
            if write.once or before.state in (State.ABSENT, State.RELEASED):
                self.linked[write.claim] = write.once
        self.claims[write.claim] = after
        return str(word.value)

    def own(self, event: Event, write: Write, now: int) -> str:
        claim = self.claims[write.claim]
        before = claim.state
        word = claim.own(event, write.payload, write.token, now)
        if word is not Word.DONE:
            return str(word.value)
        if event is Event.RELEASE:
            if claim.state is State.ABSENT:
                self.linked[write.claim] = b""
                if write.kind == b"signature" or self.seen.get(write.once) == write.token:
                    self.seen.pop(write.once, None)
        elif write.kind == b"signature" and before not in (State.COMPLETED, State.SPENT):
            # What is known to have been sent is remembered, whatever the store has lost.
            self.seen[write.once] = write.mark
        return str(word.value)

    def resolve(self, event: Event, claim: int, now: int) -> str:
        word = self.claims[claim].resolve(event, now)
        if word is Word.DONE and event is Event.NOT_EXECUTED:
            self.seen.pop(self.linked[claim], None)
        return word.value

    def forget(self, claim: int) -> None:
        self.claims[claim], self.linked[claim] = Model(), b""


def _admit(store: ScriptedStore, event: Event, write: Write, now: int) -> str:
    arguments = (
        *(b"write", b"1", _SECOND, _LONG + b"000000"),
        *(write.kind, _LONG, write.token),
        *(_SECOND, _LONG + b"000000"),
        write.payload,
        b"%d" % _LEASE,
        b"1" if event is Event.RETRY else b"0",
        b"{}",
    )
    word: bytes = store.admit(now, (*_RATES, *write.names), arguments)[0]
    return word.decode()


def _read(store: ScriptedStore, nonce: bytes, token: bytes, now: int) -> str:
    arguments = (b"read", b"1", _SECOND, _LONG + b"000000", b"nonce", _LONG, token)
    word: bytes = store.admit(now, (_RATES[0], nonce), arguments)[0]
    return word.decode()


def _settle(store: ScriptedStore, event: Event, write: Write, now: int) -> str:
    more = {
        Event.COMPLETE: (b"answer", _LONG, _LONG, b""),
        Event.RENEW: (b"%d" % _LEASE,),
    }.get(event, ())
    arguments = (_OWNERS[event], write.token, write.payload, write.kind, *more)
    word: bytes = store.settle(now, write.names, arguments)[0]
    return word.decode()


def _resolve(store: ScriptedStore, event: Event, claim: int, now: int) -> str:
    once = store.ask("HGET", _CLAIMS[claim], "once") or b""
    more = (_LONG,) if event is Event.EXECUTED else (b"%d" % _QUIET, _LONG)
    said_of = store.ask("HGET", _CLAIMS[claim], "token") or b""
    arguments = (event.value.encode(), b"{}", said_of, *more)
    word: bytes = store.settle(now, Write(claim, b"", once).names, arguments)[0]
    return word.decode()


def _used(store: ScriptedStore) -> dict[bytes, bytes]:
    names = (*_NONCES, *_SIGNATURES)
    values = store.ask("MGET", *names)
    return {name: mark for name, mark in zip(names, values, strict=True) if mark is not None}


_pauses = st.sampled_from([0, 1000, _LEASE, _QUIET, -_LEASE])
_marks = st.sampled_from([b"", *_NONCES, *_SIGNATURES])
_writes = st.builds(Write, st.integers(0, 1), st.sampled_from(_PAYLOADS), _marks)
_moves = st.one_of(
    st.tuples(st.sampled_from([Event.ASK, Event.ASK, Event.RETRY]), _writes),
    st.tuples(st.sampled_from([Event.AGAIN, *_OWNERS, *_OWNERS]), st.integers(0, 5)),
    st.tuples(st.sampled_from([Event.EXECUTED, Event.NOT_EXECUTED]), st.integers(0, 1)),
    st.tuples(st.just("read"), st.sampled_from(_NONCES)),
    st.tuples(st.just("mark ends"), st.sampled_from([*_NONCES, *_SIGNATURES])),
    st.tuples(st.just("claim ends"), st.integers(0, 1)),
    st.tuples(st.just("store is lost"), st.none()),
)


@settings(
    max_examples=400,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(_pauses, _moves), min_size=1, max_size=25))
def test_the_scripts_do_what_the_model_says(
    store: ScriptedStore, moves: list[tuple[int, tuple[object, object]]]
) -> None:
    store.ask("FLUSHALL")
    model, now, sent = Once(), START, [Write(0, _PAYLOADS[0], b"", b"none")]

    for number, (pause, (event, what)) in enumerate(moves):
        now += pause
        token = b"token-%d" % number
        counted = store.ask("MGET", *_RATES)
        free = False
        if isinstance(event, Event) and (isinstance(what, Write) or event is Event.AGAIN):
            write = what._replace(token=token) if isinstance(what, Write) else _one(sent, what)
            claim = model.claims[write.claim]
            own = claim.token == write.token and claim.state not in (
                *(State.ABSENT, State.UNKNOWN),
                *_FORGETTABLE,
            )
            if event is not Event.AGAIN:
                sent.append(write)
            expected = model.ask(event, write, now)
            assert _admit(store, event, write, now) == expected
            # What was seen before costs nobody anything, nor does a call that was made again.
            free = expected == "seen" or (expected == "claimed" and own)
        elif event == "read" and isinstance(what, bytes):
            expected = model.read(what, token)
            assert _read(store, what, token, now) == expected
            free = expected == "seen"
        else:
            free = True
            _happen(store, model, event, what, sent, now)
        assert (store.ask("MGET", *_RATES) == counted) is (free or event == "store is lost")
        assert _used(store) == model.seen


def _one(sent: list[Write], number: object) -> Write:
    assert isinstance(number, int)
    return sent[number % len(sent)]


def _happen(
    store: ScriptedStore, model: Once, event: object, what: object, sent: list[Write], now: int
) -> None:
    """Settle, resolve or forget something."""
    if event in _OWNERS and isinstance(event, Event):
        write = _one(sent, what)
        assert _settle(store, event, write, now) == model.own(event, write, now)
    elif isinstance(event, Event) and isinstance(what, int):
        expected = model.resolve(event, what, now)
        assert _resolve(store, event, what, now) == expected
    elif event == "mark ends" and isinstance(what, bytes):
        store.ask("DEL", what)
        model.seen.pop(what, None)
    elif event == "claim ends" and isinstance(what, int):
        if model.claims[what].state in _FORGETTABLE:
            store.ask("DEL", *Write(what, b"", b"").names)
            model.forget(what)
    elif event == "store is lost":
        rates = [(name, store.ask("GET", name)) for name in _RATES]
        store.ask("FLUSHALL")
        for name, value in rates:
            if value is not None:
                store.ask("SET", name, value)
        model.claims, model.linked, model.seen = [Model(), Model()], [b"", b""], {}


# The rules one by one

_FIRST: Final = Write(0, _PAYLOADS[0], _SIGNATURES[0], b"first")


def _fresh(store: ScriptedStore) -> ScriptedStore:
    store.ask("FLUSHALL")
    return store


def test_a_jws_is_good_for_one_claim_and_one_payload(store: ScriptedStore) -> None:
    _fresh(store)
    assert _admit(store, Event.ASK, _FIRST, START) == "claimed"

    for other in (_FIRST._replace(claim=1), _FIRST._replace(payload=_PAYLOADS[1])):
        for event in (Event.ASK, Event.RETRY):
            assert _admit(store, event, other._replace(token=b"other"), START + _QUIET) == "seen"


def test_a_jws_whose_claim_is_forgotten_is_done_and_not_run_again(store: ScriptedStore) -> None:
    _fresh(store)
    assert _admit(store, Event.ASK, _FIRST, START) == "claimed"
    assert _settle(store, Event.COMPLETE, _FIRST, START) == "done"
    store.ask("DEL", *_FIRST.names[:2])

    assert _admit(store, Event.ASK, _FIRST._replace(token=b"second"), START) == "gone"


def test_a_jws_and_a_nonce_are_free_again_with_what_they_were_released_with(
    store: ScriptedStore,
) -> None:
    for once in (_NONCES[0], _SIGNATURES[0]):
        _fresh(store)
        first = _FIRST._replace(once=once)
        assert _admit(store, Event.ASK, first, START) == "claimed"
        assert _settle(store, Event.RELEASE, first, START) == "done"
        assert _used(store) == {}
        other = Write(1, _PAYLOADS[1], once, b"second")
        assert _admit(store, Event.ASK, other, START) == "claimed"


def test_an_unknown_outcome_gives_no_nonce_back(store: ScriptedStore) -> None:
    _fresh(store)
    first = _FIRST._replace(once=_NONCES[0])
    assert _admit(store, Event.ASK, first, START) == "claimed"
    assert _settle(store, Event.DOUBT, first, START) == "done"

    other = Write(1, _PAYLOADS[1], _NONCES[0], b"other")
    assert _admit(store, Event.ASK, other, START) == "seen"
    # The same write once more, as the merchant's own idempotency allows it: one request.
    again = first._replace(token=b"again")
    assert _admit(store, Event.ASK, again, START) == "unknown"
    assert _admit(store, Event.RETRY, again, START) == "claimed"


def test_a_write_that_is_sent_again_may_not_use_what_somebody_else_used(
    store: ScriptedStore,
) -> None:
    _fresh(store)
    first = _FIRST._replace(once=_NONCES[0])
    assert _admit(store, Event.ASK, first, START) == "claimed"
    assert _settle(store, Event.DOUBT, first, START) == "done"
    assert _read(store, _NONCES[1], b"t", START) == "admitted"

    again = first._replace(once=_NONCES[1], token=b"again")
    assert _admit(store, Event.RETRY, again, START) == "seen"


def test_a_release_gives_back_no_nonce_but_its_own(store: ScriptedStore) -> None:
    _fresh(store)
    first = _FIRST._replace(once=_NONCES[0])
    assert _admit(store, Event.ASK, first, START) == "claimed"
    store.ask("DEL", _NONCES[0])  # its time is over
    assert _read(store, _NONCES[0], b"t", START) == "admitted"

    assert _settle(store, Event.RELEASE, first, START) == "done"
    assert _read(store, _NONCES[0], b"u", START) == "seen"


def test_a_repetition_is_answered_before_its_nonce_is_looked_at(store: ScriptedStore) -> None:
    _fresh(store)
    first = _FIRST._replace(once=_NONCES[0])
    assert _admit(store, Event.ASK, first, START) == "claimed"
    again = first._replace(token=b"again")
    assert _admit(store, Event.ASK, again, START) == "in_progress"
    assert _settle(store, Event.COMPLETE, first, START) == "done"
    assert _admit(store, Event.ASK, again, START) == "replay"
    other = again._replace(payload=_PAYLOADS[1])
    assert _admit(store, Event.ASK, other, START) == "conflict"


def test_a_nonce_is_remembered_for_as_long_as_it_is_asked_to_be(store: ScriptedStore) -> None:
    _fresh(store)
    assert _read(store, _NONCES[0], b"t", START) == "admitted"
    assert 0 < store.ask("PTTL", _NONCES[0]) <= int(_LONG)
    assert _admit(store, Event.ASK, _FIRST, START) == "claimed"
    # A write that nobody has settled has no end, and neither has what it used.
    assert store.ask("PTTL", _SIGNATURES[0]) == -1
    assert _settle(store, Event.COMPLETE, _FIRST, START) == "done"
    assert 0 < store.ask("PTTL", _SIGNATURES[0]) <= int(_LONG)


def _rides(store: ScriptedStore, claim: int, jws: int, token: bytes, kind: bytes) -> str:
    """Ask for a claim on a write with a JWS that vouched, or came along."""
    write = Write(claim, _PAYLOADS[claim], _SIGNATURES[jws], token)
    arguments = (
        *(b"write", b"1", _SECOND, _LONG + b"000000", kind, _LONG, token),
        *(_SECOND, _LONG + b"000000", write.payload, b"%d" % _LEASE, b"0", b"{}"),
    )
    word: bytes = store.admit(START, (*_RATES, *write.names), arguments)[0]
    return word.decode()


def test_a_jws_that_came_along_is_good_for_that_claim_alone(store: ScriptedStore) -> None:
    store.ask("FLUSHALL")
    assert _rides(store, 0, 0, b"one", b"ride") == "claimed"
    assert _rides(store, 1, 0, b"two", b"signature") == "seen"
    assert _rides(store, 0, 0, b"three", b"signature") == "in_progress"
    # It takes nothing from other claims with which it comes along, nor from another JWS.
    assert _rides(store, 1, 0, b"four", b"ride") == "claimed"
    store.ask("DEL", *_CLAIMS)
    assert _rides(store, 0, 0, b"five", b"signature") == "gone"
    assert _rides(store, 1, 1, b"six", b"signature") == "claimed"


def test_a_jws_that_vouched_comes_along_with_its_own_claim_alone(store: ScriptedStore) -> None:
    store.ask("FLUSHALL")
    assert _rides(store, 0, 0, b"one", b"signature") == "claimed"
    assert _rides(store, 1, 0, b"two", b"ride") == "seen"
    assert _rides(store, 0, 0, b"three", b"ride") == "in_progress"


def test_a_jws_that_comes_along_with_a_repetition_is_marked_all_the_same(
    store: ScriptedStore,
) -> None:
    store.ask("FLUSHALL")
    assert _admit(store, Event.ASK, Write(0, _PAYLOADS[0], b"", b"one"), START) == "claimed"
    assert _rides(store, 0, 0, b"two", b"ride") == "in_progress"
    assert _rides(store, 1, 0, b"three", b"signature") == "seen"


def test_a_jws_that_came_along_with_what_was_released_is_free_again(store: ScriptedStore) -> None:
    store.ask("FLUSHALL")
    assert _rides(store, 0, 0, b"one", b"ride") == "claimed"
    owner = Write(0, _PAYLOADS[0], _SIGNATURES[0], b"one")
    arguments = (b"released", owner.token, owner.payload, b"ride")
    assert store.settle(START, owner.names, arguments)[0] == b"done"
    assert _rides(store, 1, 0, b"two", b"signature") == "claimed"


def test_every_state_that_a_claim_is_forgotten_in_is_one_of_those_that_end() -> None:
    endings = {state for state, row in STEPS.items() if Event.MEMORY_ENDS in row}

    assert endings == set(_FORGETTABLE)
