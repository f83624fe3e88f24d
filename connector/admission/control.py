"""Admits verified requests of one merchant: rates, claim and nonce, in one call to the store.

Limits that callers share are looked at before, in this process. Whatever is refused has consumed
nothing. Without the store writes are refused, and so is everything whose nonce has to be checked;
other reads go on under this process's own limits.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from connector.admission.claims import LEASE, SENDING_SHARE
from connector.admission.horizons import Horizon
from connector.admission.limits import Quota, state_of
from connector.admission.local import Denied
from connector.admission.recorded import Unreadable, recall
from connector.admission.refusals import limited, refusal_of, seen, unavailable
from connector.admission.scripts import ADMIT
from connector.admission.sealing import Unsealable
from connector.admission.store_keys import (
    CLAIM,
    NONCE,
    RIDE,
    SIGNATURE,
    UNKEYED,
    answer_of,
    caller_keys,
)
from connector.errors import Refusal
from connector.steps import Admission, Claim
from connector.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from connector.admission.local import Concurrency, Stored, Totals, WithoutStore
    from connector.admission.plans import Plan
    from connector.admission.sealing import Sealer
    from connector.admission.settling import Settler
    from connector.admission.store_keys import CallerKeys
    from connector.admission.watch import StoreWatch
    from connector.steps import Answer, Caller, Operation, RawHeaders, Received

_POLL: Final[Sequence[float]] = (0.02, 0.05, 0.1, 0.2)
"""Seconds between two looks at a claim that is waited for."""
_TOKENS: Final = 256
_NO_LIMIT: Final = (b"0", b"0")

_logger: Final = logging.getLogger(__name__)


class Terms(NamedTuple):
    """What one merchant has set. Times are in seconds."""

    merchant: str
    by_identity: "Mapping[str, Plan]"
    """The plans of registrations; all others have that of their tier."""
    by_tier: "Mapping[str, Plan]"
    totals: "Mapping[str, Totals]"
    """By tier, where callers share limits."""
    enforce: bool = True
    """Refuse what exceeds a rate; else it is only told."""
    idempotent: bool = False
    idempotency_ttl: float = 48 * 3600.0
    tombstone_ttl: float = 30 * 86400.0
    replicas: int = 0
    """How many replicas must have a claim before the request is sent."""
    wait_in_progress: float = 0.0


class AdmissionControl:
    """Admits; ``count`` is told of every result, as a word for metrics."""

    def __init__(
        self,
        terms: Terms,
        *,
        store: StoreWatch,
        settler: Settler,
        sealer: Sealer,
        concurrency: Concurrency,
        without_store: WithoutStore,
        count: Callable[[str], None],
        lease: float = LEASE,
    ) -> None:
        self._terms = terms
        self._store = store
        self._settler = settler
        self._sealer = sealer
        self._concurrency = concurrency
        self._without_store = without_store
        self._count = count
        self._lease = lease
        self._loop: asyncio.AbstractEventLoop | None = None
        self._margin = lease * SENDING_SHARE
        self._lease_argument = b"%d" % (lease * 1_000_000)
        self._enforce = b"1" if terms.enforce else b"0"
        self._retry = b"1" if terms.idempotent else b"0"
        self._horizon = Horizon(terms.idempotency_ttl, terms.idempotency_ttl + terms.tombstone_ttl)

    def follow(self, by_identity: Mapping[str, Plan]) -> None:
        """Go on with the plans of other registrations from this moment."""
        self._terms = self._terms._replace(by_identity=by_identity)

    async def admit(
        self, received: Received, caller: Caller, operation: Operation, audit_id: str
    ) -> Admission:
        """Decide on one verified request; what is refused says so in its ``refusal``."""
        terms = self._terms
        plan = terms.by_identity.get(caller.identity) or terms.by_tier[caller.tier]
        keys = caller_keys(terms.merchant, caller.identity)
        name = "writes" if operation.kind == "write" else "reads"
        totals = terms.totals.get(caller.tier) if caller.identity not in terms.by_identity else None
        slot, over = b"", ""
        if plan.concurrent is not None:
            if self._concurrency.enter(keys.slot, plan.concurrent):
                slot = keys.slot
            elif terms.enforce:
                return self._told(limited(Denied("concurrent", 1.0)))
            else:
                over = "concurrent"
        if totals is not None:
            denied = totals.take(name, _origin(caller.identity), received.started)
            if denied is not None:
                over = denied.name
                if terms.enforce:
                    return self._told(limited(denied)._replace(slot=slot))
        try:
            if name == "writes":
                admission = await self._write(
                    received,
                    caller,
                    operation,
                    plan,
                    keys,
                    audit_id,
                    totals.stored if totals else None,
                )
            else:
                admission = await self._read(received, caller, plan, keys)
        except Refusal as refusal:
            admission = Admission(refusal.reason, [], refusal=refusal)
        except BaseException:
            if slot:
                self._concurrency.leave(slot)
            raise
        if totals is not None and not over and admission.claim is None:
            _give_back(totals, name, caller, received, refused=admission.refusal is not None)
        if slot or over:
            admission = admission._replace(slot=slot, over=admission.over or over)
        return self._told(admission)

    def leave(self, admission: Admission) -> None:
        """Note that an admitted request is over."""
        if admission.slot:
            self._concurrency.leave(admission.slot)

    def _told(self, admission: Admission) -> Admission:
        self._count(admission.result)
        if admission.over:
            self._count("over_rate")
        return admission

    # Reads

    async def _read(
        self, received: Received, caller: Caller, plan: Plan, keys: CallerKeys
    ) -> Admission:
        once = self._horizon.of_nonce(received.at, caller, plan)
        if once is not None and caller.others:
            raise Refusal(
                "signature_invalid",
                "several_signatures",
                "where a nonce must be new, one signature may vouch and no other",
            )
        names: tuple[bytes, ...] = (keys.reads,)
        token = b""
        if once is not None:
            names, token = (keys.reads, _nonce_key(keys, caller)), _new_token()
        arguments = (
            b"read",
            self._enforce,
            *plan.reads_arguments,
            b"" if once is None else NONCE,
            _milliseconds(once),
            token,
        )
        try:
            reply = await self._store.run(ADMIT, names, arguments)
        except StoreUnavailable as error:
            if once is not None:
                raise unavailable(error) from error
            wait = self._without_store.take(keys.slot, plan, received.started)
            if wait and self._terms.enforce:
                return limited(Denied("reads", wait))
            return Admission("without_store", [], over="reads" if wait else "")
        return self._judge(reply, plan)

    # Writes

    async def _write(
        self,
        received: Received,
        caller: Caller,
        operation: Operation,
        plan: Plan,
        keys: CallerKeys,
        audit_id: str,
        stored: Stored | None,
    ) -> Admission:
        name = operation.name.encode("ascii")
        if operation.key is None:
            if caller.others:
                # Its claim is on what vouched: with something else in that place it has another.
                raise Refusal(
                    "idempotency_key_missing",
                    "several_signatures",
                    "a write that carries several signatures needs a key",
                )
            value = hashlib.sha256(caller.signature_base).digest()
            claim_key = keys.name(UNKEYED, name, value)
        else:
            claim_key = keys.name(CLAIM, name, operation.key.encode("ascii"))
        names: tuple[bytes, ...] = (claim_key, answer_of(claim_key))
        kind, once = b"", self._horizon.of_nonce(received.at, caller, plan)
        if caller.scheme == "detached-jws":
            # It binds neither method, target nor key: what was signed is good for one of each.
            value = hashlib.sha256(caller.signature_base).digest()
            names, kind = (*names, keys.name(SIGNATURE, b"", value)), SIGNATURE
        elif caller.rider:
            value = hashlib.sha256(caller.rider).digest()
            names, kind = (*names, keys.name(SIGNATURE, b"", value)), RIDE
            once = self._horizon.longest
        elif once is not None:
            names, kind = (*names, _nonce_key(keys, caller)), NONCE
        token = _new_token()
        about = _about(self._terms.merchant, caller.identity, operation.name)
        rest = (
            operation.payload,
            self._lease_argument,
            self._retry,
            b'%b"%b"}' % (about, audit_id.encode("ascii")),
        )
        head = (kind, _milliseconds(once), token)
        limits = (self._enforce, *plan.reads_arguments, *head, *plan.writes_arguments)
        claim = Claim(
            names,
            operation.payload,
            token,
            kind,
            self._horizon.of_claim(received.at, caller, keyed=operation.key is not None),
            margin=self._margin,
            stored=stored,
        )
        every = (keys.reads, keys.writes, *names)
        reply = await self._ask(claim, every, (b"write", *limits, *rest))
        if reply[0] == b"in_progress" and self._terms.wait_in_progress:
            # Looking again is the gateway's doing: the caller asked once, and was counted once.
            free = (self._enforce, *_NO_LIMIT, *head, *_NO_LIMIT)
            waited = await self._wait(claim, every, (b"write", *free, *rest))
            reply = [waited[0], *reply[1:4], *waited[4:]]
        admission = self._judge(reply, plan, claim)
        if admission.claim is not None and stored is not None:
            stored.claim(claim.keeps[1], received.started)
        return admission

    async def _ask(
        self, claim: Claim, names: tuple[bytes, ...], arguments: tuple[bytes, ...]
    ) -> list[Any]:
        """Ask for a claim; raises Refusal where nobody can say whether it is ours."""
        claim.until = self._now() + self._lease
        replicas = self._terms.replicas
        try:
            reply: list[Any] = await self._store.run(ADMIT, names, arguments, replicas=replicas)
        except StoreUnavailable as error:
            if error.applied:
                self._settler.forget(claim)
            raise unavailable(error) from error
        except asyncio.CancelledError:
            self._settler.forget(claim)
            raise
        return reply

    async def _wait(
        self, claim: Claim, names: tuple[bytes, ...], arguments: tuple[bytes, ...]
    ) -> list[Any]:
        """Look again until the first request is over, for as long as the setting says."""
        deadline = self._now() + self._terms.wait_in_progress
        turn = 0
        while True:
            await asyncio.sleep(min(_POLL[min(turn, len(_POLL) - 1)], deadline - self._now()))
            reply = await self._ask(claim, names, arguments)
            if reply[0] != b"in_progress" or self._now() >= deadline:
                return reply
            turn += 1

    def _now(self) -> float:
        """Return the loop's time. Asking for the running loop is a system call on Python 3.11."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        return loop.time()

    # The script's reply

    def _judge(self, reply: list[Any], plan: Plan, claim: Claim | None = None) -> Admission:
        word, number, ahead, wait, kept, token = reply
        result = word.decode("ascii")
        if result == "seen":
            return seen()
        name, limit, policy = plan.limit(number)
        headers: RawHeaders = [
            (b"RateLimit-Policy", policy),
            (b"RateLimit", state_of(Quota(name, limit, ahead))),
        ]
        if result == "limited":
            return limited(Denied(name, wait / 1e6))._replace(headers=headers)
        over = name if wait else ""
        if result == "admitted":
            return Admission(result, headers, over=over)
        if claim is not None and result == "claimed":
            return Admission(result, headers, claim=claim, over=over)
        if claim is not None and result == "replay":
            answer = self._recall(kept, claim, token)
            if answer is not None:
                return Admission(result, headers, answer=answer, over=over)
            result = "gone"
        return Admission(result, headers, refusal=refusal_of(result), over=over)

    def _recall(self, kept: bytes, claim: Claim, token: bytes) -> Answer | None:
        try:
            return recall(self._sealer.open(kept, claim.keys[0], claim.payload, token))
        except (Unsealable, Unreadable) as error:
            _logger.warning("a recorded answer cannot be replayed: %s", error)
            return None


def _give_back(
    totals: Totals, name: str, caller: Caller, received: Received, *, refused: bool
) -> None:
    """Undo what no write came of: a repetition counts as a read, and a refusal not at all."""
    origin = _origin(caller.identity)
    if refused or name == "writes":
        totals.give_back(name, origin)
    if name == "writes" and not refused:
        totals.take("reads", origin, received.started)


def _milliseconds(seconds: float | None) -> bytes:
    return b"0" if seconds is None else b"%d" % (seconds * 1000)


def _nonce_key(keys: CallerKeys, caller: Caller) -> bytes:
    nonce = "" if caller.nonce is None else caller.nonce
    return keys.name(NONCE, caller.thumbprint.encode("ascii"), nonce.encode())


_tokens: Final[list[bytes]] = []


def _new_token() -> bytes:
    """Return 128 random bits; they are fetched 256 at a time, for each fetch is a system call."""
    if not _tokens:
        text = os.urandom(_TOKENS * 16).hex().encode("ascii")
        _tokens.extend(text[at : at + 32] for at in range(0, _TOKENS * 32, 32))
    return _tokens.pop()


@lru_cache(maxsize=4096)
def _about(merchant: str, identity: str, operation: str) -> bytes:
    """Return the beginning of what an operator is shown of a claim: all but the audit id."""
    about = {"merchant": merchant, "identity": identity, "operation": operation, "audit_id": ""}
    return json.dumps(about, separators=(",", ":")).encode("ascii")[:-3]


@lru_cache(maxsize=4096)
def _origin(identity: str) -> str:
    parts = urlsplit(identity)
    return f"{parts.scheme}://{parts.netloc}"
