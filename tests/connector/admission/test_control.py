"""What becomes of a verified request, by what the store says of it: without any store."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from canonical import Request
from connector.admission.control import AdmissionControl, Terms
from connector.admission.horizons import CLOCK_MARGIN, SKEW
from connector.admission.limits import Limit
from connector.admission.local import (
    CLAIM_OCTETS,
    Concurrency,
    Stored,
    Totals,
    WithoutStore,
    limiter,
)
from connector.admission.plans import make_plan
from connector.admission.recorded import record
from connector.admission.sealing import Sealer
from connector.admission.settling import Settler
from connector.admission.store_keys import caller_keys
from connector.steps import Caller, Operation, Received, Times
from connector.store.errors import StoreUnavailable
from tests.connector.caller_key import KEY
from tests.connector.moved_time import outcome_of, pass_time, run

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from connector.admission.plans import Plan
    from connector.steps import Admission, Claim
    from connector.store.scripts import Script

NOW: Final = 1_795_000_000.0
_IDENTITY: Final = "https://platform.example/.well-known/ucp"
_PER_SECOND: Final = Limit.of(1.0, 2)
_READ: Final = Operation("get_order", "read", None)
_WRITE: Final = Operation("create_checkout", "write", "0123456789abcdef", b"p" * 32)
_UNKEYED: Final = Operation("create_checkout", "write", None, b"p" * 32)
_TTL: Final = 1000.0
_TOMBSTONE: Final = 5000.0


def _reply(
    word: str, rate: int = 1, *, wait: int = 0, answer: bytes = b"", token: bytes = b"t"
) -> list[Any]:
    return [word.encode(), rate, 500_000, wait, answer, token]


class _Store:
    """Says what it is told to, and then that all is well."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[bytes, ...], tuple[bytes, ...], int]] = []
        self.replies: list[list[Any] | Exception] = []
        self.may_reply = asyncio.Event()
        self.may_reply.set()

    async def run(
        self,
        script: Script,
        keys: Sequence[bytes],
        arguments: Sequence[bytes],
        *,
        replicas: int = 0,
    ) -> Any:
        self.calls.append((script.name, tuple(keys), tuple(arguments), replicas))
        await self.may_reply.wait()
        reply = self.replies.pop(0) if self.replies else None
        if isinstance(reply, Exception):
            raise reply
        if reply is not None:
            return reply
        return _reply("claimed", 2) if arguments[0] == b"write" else _reply("admitted")


class _World:
    """A control with everything around it."""

    def __init__(self, plan: Plan | None = None, *, shared: bool = False, **terms: Any) -> None:
        self.store = _Store()
        self.forgotten: list[bytes] = []
        self.counted = Counter[str]()
        self.sealer = Sealer([b"k" * 32])
        self.concurrency = Concurrency()
        self.stored = Stored(2 * CLAIM_OCTETS, _TTL)
        totals = Totals(
            lambda _: limiter(Limit.of(60.0, 3)),
            lambda _: limiter(Limit.of(60.0, 2)),
            self.stored,
        )

        async def tell(claim: Claim, arguments: Sequence[bytes]) -> bytes:
            self.forgotten.append(arguments[0] + b" " + claim.token)
            return b"done"

        self.settler = Settler(tell, lambda _: None)
        given: dict[str, Any] = {
            "merchant": "shop",
            "by_identity": {},
            "by_tier": {"discovered": plan or make_plan(_PER_SECOND, _PER_SECOND)},
            "totals": {"discovered": totals} if shared else {},
            "idempotency_ttl": _TTL,
            "tombstone_ttl": _TOMBSTONE,
        }
        self.control = AdmissionControl(
            Terms(**(given | terms)),
            store=self.store,  # type: ignore[arg-type]  # it runs scripts, and that is all
            settler=self.settler,
            sealer=self.sealer,
            concurrency=self.concurrency,
            without_store=WithoutStore(1),
            count=lambda word: self.counted.update([word]),
        )

    async def admit(
        self, operation: Operation, *, started: float = 0.0, body: bytes = b"", **caller: Any
    ) -> Admission:
        request = Request(method="POST", target="/", body=body)
        received = Received(request, "shop", "192.0.2.1", NOW, started)
        given: dict[str, Any] = {
            "identity": _IDENTITY,
            "keyid": "k",
            "thumbprint": "thumb",
            "scheme": "rfc9421",
            "label": "sig1",
            "tier": "discovered",
            "version": "2026-04-08",
            "signature_base": b"base",
            "signature": b"",
            "key": KEY,
        }
        return await self.control.admit(
            received, Caller(**(given | caller)), operation, "0123456789abcdef"
        )


def _run(act: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run(act())


def _down(*, applied: bool = False) -> StoreUnavailable:
    return StoreUnavailable("The store is away.", applied=applied)


def _code(admission: Admission) -> str:
    assert admission.refusal is not None
    return admission.refusal.code.name


# What the store says


def test_a_read_is_counted_and_its_caller_is_told_of_its_rate() -> None:
    async def act() -> None:
        world = _World()
        admission = await world.admit(_READ)

        assert (admission.result, admission.refusal, admission.claim) == ("admitted", None, None)
        assert [name for name, _ in admission.headers] == [b"RateLimit-Policy", b"RateLimit"]
        assert world.store.calls[0][1] == (caller_keys("shop", _IDENTITY).reads,)
        assert world.counted == {"admitted": 1}

    _run(act)


def test_a_write_is_claimed_under_the_token_that_the_store_was_given() -> None:
    async def act() -> None:
        world = _World()
        first = await world.admit(_WRITE)
        second = await world.admit(_WRITE)

        assert first.claim is not None
        assert second.claim is not None
        assert first.claim.token in world.store.calls[0][2]
        assert first.claim.token != second.claim.token
        assert first.claim.keys == second.claim.keys
        assert first.claim.payload == _WRITE.payload

    _run(act)


@pytest.mark.parametrize(
    ("word", "code", "again"),
    [
        ("conflict", "idempotency_conflict", False),
        ("in_progress", "idempotency_in_progress", True),
        ("unknown", "outcome_unknown", True),
        ("gone", "answer_not_replayable", False),
        ("limited", "rate_limited", True),
        ("seen", "signature_invalid", False),
    ],
)
def test_every_word_against_a_write_has_its_code_and_no_claim(
    word: str, code: str, *, again: bool
) -> None:
    async def act() -> None:
        world = _World()
        world.store.replies = [_reply(word, wait=700_000)]
        admission = await world.admit(_WRITE)

        assert _code(admission) == code
        assert (admission.claim, admission.answer) == (None, None)
        assert admission.refusal is not None
        assert (admission.refusal.retry_after is not None) == again
        assert sum(world.counted[name] for name in (word, "nonce_seen")) == 1

    _run(act)


def test_an_answer_that_is_recorded_is_given_again() -> None:
    async def act() -> None:
        world = _World()
        claim = (await world.admit(_WRITE)).claim
        assert claim is not None
        kept = record(201, [(b"Location", b"/orders/1")], b"{}")
        sealed = world.sealer.seal(kept, claim.keys[0], claim.payload, b"owner")
        world.store.replies = [_reply("replay", answer=sealed, token=b"owner")]
        admission = await world.admit(_WRITE)

        assert admission.result == "replay"
        assert admission.refusal is None
        assert admission.answer is not None
        assert admission.answer.status == 201
        assert admission.answer.body == b"{}"

    _run(act)


@pytest.mark.parametrize("part", ["key", "payload", "token", "octets"])
def test_an_answer_that_was_not_recorded_for_this_claim_is_never_given(
    part: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def act() -> None:
        world = _World()
        claim = (await world.admit(_WRITE)).claim
        assert claim is not None
        bound = {"key": claim.keys[0], "payload": claim.payload, "token": b"owner"}
        if part in bound:
            bound[part] = b"another"
        sealed = world.sealer.seal(record(201, [], b"secret"), *bound.values())
        kept = b"rubbish" if part == "octets" else sealed
        world.store.replies = [_reply("replay", answer=kept, token=b"owner")]
        admission = await world.admit(_WRITE)

        assert _code(admission) == "answer_not_replayable"
        assert admission.answer is None

    _run(act)

    assert "cannot be replayed" in caplog.text
    assert "secret" not in caplog.text


def test_what_exceeds_a_rate_is_only_told_where_rates_are_observed() -> None:
    async def act() -> None:
        world = _World(enforce=False)
        world.store.replies = [_reply("claimed", 2, wait=9)]
        admission = await world.admit(_WRITE)

        assert admission.refusal is None
        assert admission.over == "writes"
        assert admission.claim is not None
        assert world.counted == {"claimed": 1, "over_rate": 1}
        assert world.store.calls[0][2][1] == b"0"

    _run(act)


# The store away


def test_without_a_store_reads_go_on_under_a_limit_of_this_process() -> None:
    async def act() -> None:
        world = _World()
        world.store.replies = [_down() for _ in range(4)]
        told = [await world.admit(_READ) for _ in range(3)]
        later = await world.admit(_READ, started=10.0)

        assert [each.result for each in told] == ["without_store", "without_store", "limited"]
        assert _code(told[2]) == "rate_limited"
        assert all(each.headers == [] for each in told)
        assert later.refusal is None

    _run(act)


def test_without_a_store_a_read_whose_nonce_must_be_new_is_refused() -> None:
    async def act() -> None:
        world = _World(make_plan(_PER_SECOND, _PER_SECOND, nonce=True))
        world.store.replies = [_down()]
        admission = await world.admit(_READ, nonce="n", created=int(NOW))

        assert _code(admission) == "store_unavailable"
        assert admission.refusal is not None
        assert admission.refusal.retry_after is not None

    _run(act)


@pytest.mark.parametrize("applied", [False, True])
def test_without_a_store_a_write_is_refused_and_a_claim_that_may_be_is_released(
    *,
    applied: bool,
) -> None:
    async def act() -> None:
        world = _World()
        world.store.replies = [_down(applied=applied)]
        admission = await world.admit(_WRITE)
        await pass_time()
        await pass_time(1.0)

        assert _code(admission) == "store_unavailable"
        assert admission.claim is None
        assert [each.split()[0] for each in world.forgotten] == [b"released"] * applied
        if applied:
            assert world.forgotten[0].split()[1] in world.store.calls[0][2]

    _run(act)


def test_a_caller_that_goes_away_leaves_no_claim_and_no_place() -> None:
    async def act() -> None:
        world = _World(make_plan(_PER_SECOND, _PER_SECOND, concurrent=1))
        world.store.may_reply.clear()
        admitting = asyncio.create_task(world.admit(_WRITE))
        await pass_time()
        admitting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await admitting
        await pass_time()
        await pass_time(1.0)
        assert [each.split()[0] for each in world.forgotten] == [b"released"]
        world.store.may_reply.set()

        assert (await world.admit(_WRITE)).refusal is None

    _run(act)


# A claim that is waited for


def test_a_repetition_waits_for_the_first_where_it_may_and_counts_once() -> None:
    async def act() -> None:
        world = _World(wait_in_progress=5.0)
        world.store.replies = [_reply("in_progress") for _ in range(4)]
        admitting = asyncio.create_task(world.admit(_WRITE))
        for _ in range(6):
            await pass_time()
            await pass_time(0.2)
        admission = await admitting

        assert admission.result == "claimed"
        assert len(world.store.calls) == 5
        counted, *free = (call[2] for call in world.store.calls)
        assert counted[2:4] != (b"0", b"0")
        assert {each[2:4] + each[7:9] for each in free} == {(b"0", b"0", b"0", b"0")}
        assert world.counted == {"claimed": 1}

    _run(act)


def test_a_repetition_waits_no_longer_than_it_may() -> None:
    async def act() -> None:
        world = _World(wait_in_progress=1.0)
        world.store.replies = [_reply("in_progress") for _ in range(50)]
        admitting = asyncio.create_task(world.admit(_WRITE))
        for _ in range(10):
            await pass_time()
            await pass_time(0.2)
        assert admitting.done()

        assert _code(await admitting) == "idempotency_in_progress"
        assert len(world.store.calls) < 15

    _run(act)


# Limits of this process


def test_one_request_more_than_may_be_under_way_is_refused_and_asks_nobody() -> None:
    async def act() -> None:
        world = _World(make_plan(_PER_SECOND, _PER_SECOND, concurrent=2))
        held = [await world.admit(_READ) for _ in range(2)]
        refused = await world.admit(_READ)
        assert _code(refused) == "rate_limited"
        assert len(world.store.calls) == 2
        world.control.leave(refused)
        world.control.leave(held[0])

        assert (await world.admit(_READ)).refusal is None
        assert _code(await world.admit(_READ)) == "rate_limited"

    _run(act)


def test_callers_that_share_a_total_are_refused_before_the_store_is_asked() -> None:
    async def act() -> None:
        world = _World(make_plan(_PER_SECOND, _PER_SECOND, concurrent=9), shared=True)
        told = [await world.admit(_READ) for _ in range(3)]
        assert [each.result for each in told] == ["admitted", "admitted", "limited"]
        assert len(world.store.calls) == 2
        other = await world.admit(_READ, identity="https://other.example/.well-known/ucp")
        assert other.refusal is None
        third = await world.admit(_READ, identity="https://third.example/.well-known/ucp")

        assert _code(third) == "rate_limited"
        assert third.slot, "its place is given back by whoever ends the request"

    _run(act)


def test_what_the_store_refuses_has_not_used_what_callers_share() -> None:
    async def act() -> None:
        world = _World(shared=True)
        world.store.replies = [_reply("limited", wait=9) for _ in range(20)]
        for _ in range(20):
            assert _code(await world.admit(_READ)) == "rate_limited"
        told = [await world.admit(_READ) for _ in range(3)]

        assert [each.result for each in told] == ["admitted", "admitted", "limited"]

    _run(act)


def test_who_fills_the_store_writes_no_more_and_reads_on() -> None:
    async def act() -> None:
        world = _World(shared=True)
        world.store.replies = [_reply("conflict")]
        assert _code(await world.admit(_WRITE)) == "idempotency_conflict"
        assert world.stored.wait(0.0) == 0.0, "what is refused fills nothing"
        claimed = [await world.admit(_WRITE, created=int(NOW)) for _ in range(2)]
        assert all(each.claim and each.claim.stored is world.stored for each in claimed)
        other = "https://other.example/.well-known/ucp"
        refused = await world.admit(_WRITE, identity=other)

        assert _code(refused) == "rate_limited"
        assert (await world.admit(_READ, identity=other)).refusal is None
        later = await world.admit(_WRITE, identity=other, started=_TTL / 2 + 1.0)
        assert later.refusal is None

    _run(act)


def test_a_repetition_uses_up_what_callers_share_of_reads_and_not_of_writes() -> None:
    async def act() -> None:
        world = _World(shared=True)
        world.store.replies = [_reply("replay", answer=b"x") for _ in range(9)]
        for _ in range(9):
            await world.admit(_WRITE)
        told = [await world.admit(_WRITE, created=int(NOW)) for _ in range(2)]
        assert [each.result for each in told] == ["claimed", "claimed"]

    _run(act)


def test_registrations_have_their_own_plan_and_share_no_total() -> None:
    async def act() -> None:
        own = make_plan(Limit.of(1.0, 77), _PER_SECOND)
        world = _World(by_identity={_IDENTITY: own}, shared=True)
        told = [await world.admit(_READ) for _ in range(9)]

        assert all(each.refusal is None for each in told)
        assert all(call[2][2:4] == own.reads_arguments for call in world.store.calls)

    _run(act)


# How long things are remembered


@pytest.mark.parametrize(
    ("caller", "operation", "keeps"),
    [
        ({"created": int(NOW)}, _WRITE, (_TTL, _TTL)),
        ({"expires": int(NOW) + 60}, _WRITE, (_TTL, 60 + SKEW + CLOCK_MARGIN)),
        ({"expires": int(NOW) + 2_000}, _WRITE, (_TTL, 2_000 + SKEW + CLOCK_MARGIN)),
        ({}, _WRITE, (_TTL, _TTL + _TOMBSTONE)),
        # Whoever captured it leaves the signature that vouched away: another one may live longer.
        (
            {"created": int(NOW), "others": (Times(None, int(NOW) + 2_000),)},
            _WRITE,
            (_TTL, 2_000 + SKEW + CLOCK_MARGIN),
        ),
        (
            {"created": int(NOW), "others": (Times(int(NOW), None), Times(None, None))},
            _WRITE,
            (_TTL, _TTL + _TOMBSTONE),
        ),
        ({"created": int(NOW)}, _UNKEYED, (_TTL, _TTL + _TOMBSTONE)),
    ],
)
def test_a_claim_is_kept_until_no_capture_of_it_can_be_fresh(
    caller: dict[str, Any], operation: Operation, keeps: tuple[float, float]
) -> None:
    async def act() -> None:
        claim = (await _World().admit(operation, **caller)).claim
        assert claim is not None
        assert claim.keeps == keeps

    _run(act)


def test_a_write_without_a_key_is_claimed_by_what_was_signed() -> None:
    async def act() -> None:
        world = _World()
        claims = [
            (await world.admit(_UNKEYED, signature_base=base)).claim
            for base in (b"one", b"one", b"two")
        ]
        names = [claim.keys[0] for claim in claims if claim is not None]

        assert names[0] == names[1] != names[2]

    _run(act)


@pytest.mark.parametrize(
    ("caller", "seconds"),
    [
        ({"nonce": "n", "created": int(NOW) - 10}, 290.0),
        ({"nonce": "n", "created": int(NOW), "expires": int(NOW) + 20}, 20.0),
        ({"nonce": "n", "created": int(NOW), "expires": int(NOW) + 90_000}, 300.0),
    ],
)
def test_a_nonce_is_kept_until_no_capture_of_it_can_be_fresh(
    caller: dict[str, Any], seconds: float
) -> None:
    async def act() -> None:
        world = _World(make_plan(_PER_SECOND, _PER_SECOND, nonce=True, max_age=300.0))
        await world.admit(_READ, **caller)
        arguments = world.store.calls[0][2]

        assert arguments[4] == b"nonce"
        assert int(arguments[5]) == (seconds + SKEW + CLOCK_MARGIN) * 1000

    _run(act)


def test_a_nonce_nobody_asked_for_is_not_kept_but_that_of_an_envelope_always_is() -> None:
    async def act() -> None:
        world = _World()
        await world.admit(_READ, nonce="n", created=int(NOW))
        await world.admit(_READ, nonce="n", created=int(NOW), scheme="talos")

        assert [call[2][4] for call in world.store.calls] == [b"", b"nonce"]

    _run(act)


def test_the_same_nonce_of_another_key_or_caller_is_another() -> None:
    async def act() -> None:
        world = _World(make_plan(_PER_SECOND, _PER_SECOND, nonce=True))
        await world.admit(_READ, nonce="n")
        await world.admit(_READ, nonce="n", thumbprint="other")
        await world.admit(_READ, nonce="n", identity="https://other.example/ucp")
        await world.admit(_READ, nonce="n")
        names = [call[1][1] for call in world.store.calls]

        assert len(set(names[:3])) == 3
        assert names[3] == names[0]

    _run(act)


def test_a_detached_signature_is_good_for_one_claim_whatever_else_it_is_sent_with() -> None:
    async def act() -> None:
        world = _World()
        for operation, base in ((_WRITE, b"one"), (_UNKEYED, b"one"), (_WRITE, b"two")):
            await world.admit(operation, scheme="detached-jws", signature_base=base)
        once = [call[1][4] for call in world.store.calls]

        assert once[0] == once[1] != once[2]
        assert {call[2][4] for call in world.store.calls} == {b"signature"}

    _run(act)


def test_a_detached_signature_that_came_along_is_claimed_too() -> None:
    async def act() -> None:
        world = _World(make_plan(_PER_SECOND, _PER_SECOND, nonce=True))
        beside = (Times(None, None),)
        await world.admit(_WRITE, nonce="n", rider=b"jws", others=beside)
        await world.admit(_WRITE, scheme="detached-jws", signature_base=b"jws")
        (first, second) = world.store.calls

        assert first[1][4] == second[1][4]
        assert (first[2][4], second[2][4]) == (b"ride", b"signature")

    _run(act)


@pytest.mark.parametrize("operation", [_READ, _WRITE])
def test_what_ends_later_than_anything_is_remembered_is_refused(operation: Operation) -> None:
    async def act() -> None:
        world = _World(make_plan(_PER_SECOND, _PER_SECOND, nonce=True))
        last = int(NOW + _TTL + _TOMBSTONE - SKEW - CLOCK_MARGIN)
        assert (await world.admit(operation, nonce="n", expires=last)).refusal is None
        refused = await world.admit(operation, nonce="n", expires=last + 1)

        assert _code(refused) == "signature_invalid"
        assert refused.result == "expires_too_far"
        assert len(world.store.calls) == 1

    _run(act)


@pytest.mark.parametrize(
    ("operation", "code"), [(_UNKEYED, "idempotency_key_missing"), (_READ, "signature_invalid")]
)
def test_what_is_known_by_its_signature_alone_may_have_one_only(
    operation: Operation, code: str
) -> None:
    async def act() -> None:
        world = _World(make_plan(_PER_SECOND, _PER_SECOND, nonce=True))
        refused = await world.admit(operation, nonce="n", others=(Times(None, None),))

        assert _code(refused) == code
        assert refused.result == "several_signatures"
        assert world.store.calls == []

    _run(act)


def test_a_write_is_in_as_many_replicas_as_the_merchant_asks_for() -> None:
    async def act() -> None:
        world = _World(replicas=2)
        await world.admit(_WRITE)
        await world.admit(_READ)

        assert [call[3] for call in world.store.calls] == [2, 0]

    _run(act)


def test_a_mistake_of_ours_is_no_decision_and_gives_the_place_back() -> None:
    async def act() -> None:
        world = _World(make_plan(_PER_SECOND, _PER_SECOND, concurrent=1))
        world.store.replies = [RuntimeError("a mistake of ours")]
        assert isinstance(await outcome_of(world.admit(_WRITE)), RuntimeError)

        assert (await world.admit(_WRITE)).refusal is None

    _run(act)
