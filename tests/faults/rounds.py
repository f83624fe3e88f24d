"""One round: a gateway dies or sleeps in the middle of one write, and all that follows."""

from __future__ import annotations

import os
import signal
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Self

from connector.store.directory import SOCKET
from tests.end_to_end.gateway import PATIENCE
from tests.end_to_end.platform import CHECKOUTS
from tests.faults.books import Books
from tests.faults.matrix import (
    CLAIMED,
    COMPLETED,
    EXECUTED,
    HALF,
    IN_PROGRESS,
    KILL,
    LAPSED,
    MERCHANT_POINTS,
    OVERLOADED,
    REPLAYED,
    STREAMING,
    UNKNOWN,
    VALIDATE,
)
from tests.faults.shop import AUTHORITIES, Order
from tests.faults.site import CONFIGURATION, end_well, gateway

if TYPE_CHECKING:
    from tests.end_to_end.client import Answer, Connection
    from tests.end_to_end.gateway import RunningGateway
    from tests.faults.matrix import Row
    from tests.faults.site import Site

_SIGNALS: Final = {True: signal.SIGKILL, False: signal.SIGSTOP}
_PAUSE: Final = 0.05
"""Seconds between two repetitions."""
_TURN: Final = 0.002
_WITH_RETRY_AFTER: Final = frozenset({IN_PROGRESS, UNKNOWN, OVERLOADED})
_OVERTAKEN: Final = "settled by somebody else"


def play(site: Site, row: Row) -> None:
    """Play one round; AssertionError, TimeoutError or OSError says what was not as promised."""
    with ExitStack() as stack:
        validates = row.point == VALIDATE
        path = site.validating if validates else site.folder / CONFIGURATION
        books = site.books
        if row.embedded:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="faults-")))
            store = {"url": "embedded:", "directory": str(folder / "store")}
            path = site.configure(folder, store, validates=validates)
            books = stack.enter_context(Books(folder / "store" / SOCKET))
        fault: dict[str, Any] = {"lease": site.lease}
        if row.point not in MERCHANT_POINTS:
            # One write passes every step first: who dies here has been at work before.
            fault |= {"step": row.point, "action": row.action, "after": 1}
        doomed = stack.enter_context(gateway(path, fault))
        with _Round(site, row, books, doomed) as played:
            played.begin()
            played.strike()
            if row.embedded:
                again = stack.enter_context(gateway(path, {"lease": site.lease}))
                played.judge(again)
                end_well(again)
            else:
                played.judge(site.steady)


class _Round:
    """The one write of a round, and what is known of it."""

    def __init__(self, site: Site, row: Row, books: Books, doomed: RunningGateway) -> None:
        self._site = site
        self._row = row
        self._books = books
        self._doomed = doomed
        self._shop = site.shops[row.idempotent]
        point = row.point if row.point in MERCHANT_POINTS else ""
        self._order = self._shop.expect(Order(str(uuid.uuid4()), point))
        self._first: Connection
        self._begun: tuple[Answer, bytes] | None = None
        """Of an answer that is streamed: what came of it before."""

    def __enter__(self) -> Self:
        self._first = self._doomed.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._order.resume.set()
        self._first.close()

    def begin(self) -> None:
        """Have the gateway do one write from its beginning to its end."""
        order = self._shop.expect(Order(str(uuid.uuid4())))
        assert self._word(self._first.exchange(self._signed(order)), order) == EXECUTED

    def strike(self) -> None:
        """Send the write, and see the gateway die or fall asleep at its point."""
        row, process = self._row, self._doomed.process
        killed = row.action == KILL
        self._first.send(self._signed(self._order))
        if row.point in MERCHANT_POINTS:
            assert self._order.arrived.wait(PATIENCE), "the merchant was not asked"
            if row.point == STREAMING:
                head = self._first.head()
                self._begun = (head, self._first.read(len(self._order.body) // 2))
            if row.point == HALF:
                # Two turns of its loop behind the half answer: it has been read.
                assert self._doomed.admin("/readyz").status == 200
            process.send_signal(_SIGNALS[killed])
        if killed:
            assert self._doomed.wait() == -signal.SIGKILL
            assert self._first.has_ended(), "the platform was told something"
            self._order.resume.set()
        else:
            _await_stop(process.pid)

    def judge(self, other: RunningGateway) -> None:
        """Hold everything that follows against the row."""
        row, slept = self._row, time.monotonic()
        assert self._left() == row.left
        self._repeat(other, row.told)
        if row.operator:
            self._books.resolve(self._shop.identifier, self._order.key, row.operator)
            self._repeat(other, row.decided)
        if row.action != KILL:
            time.sleep(max(0.0, slept + self._site.lease - time.monotonic()))
            self._wake()
            self._repeat(other, row.then)
        self._check_end()

    def _left(self) -> str:
        """Return where the claim was left; whether its lease has ended meanwhile is all one."""
        state = self._books.state(self._shop.identifier, self._order.key)
        return CLAIMED if state == LAPSED else state

    def _wake(self) -> None:
        row, process = self._row, self._doomed.process
        self._order.resume.set()
        process.send_signal(signal.SIGCONT)
        if self._begun is None:
            answer = self._first.answer()
        else:
            head, half = self._begun
            rest = self._first.read(int(head.value("Content-Length")) - len(half))
            answer = head._replace(body=half + rest)
        assert self._word(answer, self._order) == row.woken
        self._first.close()
        end_well(self._doomed, *((_OVERTAKEN,) if row.overtaken else ()))

    def _repeat(self, other: RunningGateway, words: tuple[str, ...]) -> None:
        """Send the write again, signed anew, until the last of these words is told."""
        deadline = time.monotonic() + PATIENCE
        for wanted in words:
            if wanted == IN_PROGRESS:
                continue  # told while the lease runs, and then only: see _ask
            word = self._ask(other)
            while word == IN_PROGRESS and IN_PROGRESS in words:
                assert time.monotonic() < deadline, "still in progress"
                time.sleep(_PAUSE)
                word = self._ask(other)
            assert word == wanted, f"{word} where the table has {wanted}"

    def _ask(self, other: RunningGateway) -> str:
        lease = self._books.lease(self._shop.identifier, self._order.key)
        before = self._books.now()
        with other.connect() as connection:
            word = self._word(connection.exchange(self._signed(self._order)), self._order)
        if word == IN_PROGRESS:
            assert before < lease, "in progress, and the lease has ended"
        else:
            assert lease < self._books.now(), f"{word}, and the lease still runs"
        return word

    def _word(self, answer: Answer, order: Order) -> str:
        """Say in a word what a platform is told, and check all else of the answer."""
        if answer.status == 201:
            assert answer.body == order.body
            assert answer.value("Location") == order.location
            replayed = answer.values("Idempotent-Replayed")
            assert replayed in ([], ["true"])
            assert answer.values("Set-Cookie") == ([] if replayed else ["secret=1"])
            assert len(answer.values("Signature")) == (0 if order.point == STREAMING else 1)
            return REPLAYED if replayed else EXECUTED
        word = str(answer.document()["code"])
        assert bool(answer.values("Retry-After")) == (word in _WITH_RETRY_AFTER)
        return word

    def _check_end(self) -> None:
        row, order, merchant = self._row, self._order, self._shop.identifier
        assert len(order.tokens) == row.asked, "the merchant was asked so often"
        assert len(set(order.tokens)) == row.asked
        assert self._books.state(merchant, order.key) == row.ends
        token = self._books.token(merchant, order.key)
        if row.ends == COMPLETED:
            assert token == order.tokens[-1]
        elif row.operator:
            assert token == ""
        elif order.tokens:
            assert [token] == order.tokens

    def _signed(self, order: Order) -> bytes:
        draft = self._site.platform.draft("POST", CHECKOUTS, b'{"lines": []}')
        draft.put("Host", AUTHORITIES[self._row.idempotent]).put("Idempotency-Key", order.key)
        return self._site.platform.sign(draft).wire()


def _await_stop(pid: int) -> None:
    """Return when a child of ours is asleep; it stays to be waited for."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if found is not None:
            assert found.si_status == signal.SIGSTOP, found
            return
        assert time.monotonic() < deadline, "it does not stop"
        time.sleep(_TURN)
