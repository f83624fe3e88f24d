# ruff: noqa: SLF001 - the table at the end names methods of the class above it
"""One connection to a merchant: the driver of the table in ``states.py``.

It owns the transport, the answer's reader, and the future or stream of whoever waits. What it
does follows from the table alone; the decisions are in ``states``, ``framing`` and ``reader``.
"""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

from connector.upstream.errors import (
    UpstreamBroken,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from connector.upstream.reader import AnswerReader
from connector.upstream.states import STEPS, Effect, Event, State
from connector.upstream.stream import AnswerStream

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from connector.steps import RawHeaders, Stream

# For each request: looking a member of an enumeration up costs ten times a global.
_WRITE: Final = Event.WRITE
_IDLE: Final = State.IDLE
_AWAITING_HEAD: Final = State.AWAITING_HEAD
_CLOSED: Final = State.CLOSED
_NOTHING: Final = Effect.NOTHING

_JOIN_LIMIT: Final = 64 * 1024
"""Octets of a body up to which copying it behind the head is cheaper than a second buffer."""
_TURNS: Final = 4
"""Turns of the loop within which it has looked at what lay unread, in any event loop."""


class UpstreamAnswer(NamedTuple):
    """A merchant's answer as it came: names as spelled, in order, the body without its chunks."""

    status: int
    headers: "RawHeaders"
    body: bytes | Stream


class Owner(Protocol):
    """What a connection tells its pool."""

    def released(self, connection: Connection) -> None:
        """It is idle again."""

    def closed(self, connection: Connection) -> None:
        """It is of no use any more."""


class Connection(asyncio.Protocol):
    """A connection that carries one request at a time.

    ``response_timeout`` in seconds bounds a buffered answer as a whole, and a stream from piece
    to piece. ``deadline`` is the loop time at which the pool tells :meth:`expire`, ``now`` returns
    that time, and ``reused`` says whether it has carried a whole answer before.
    """

    __slots__ = (
        "_future",
        "_loop",
        "_lost",
        "_owner",
        "_poll",
        "_problem",
        "_reader",
        "_stream",
        "_timeout",
        "_tls",
        "_transport",
        "deadline",
        "now",
        "reused",
        "state",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        owner: Owner,
        *,
        response_timeout: float,
        buffer_limit: int,
    ) -> None:
        self._loop = loop
        self._owner = owner
        self._timeout = response_timeout
        self._reader = AnswerReader(self._step, buffer_limit=buffer_limit)
        self._transport: asyncio.Transport | None = None
        self._tls: ssl.SSLObject | None = None
        self._poll = select.poll()
        self._future: asyncio.Future[UpstreamAnswer] | None = None
        self._stream: AnswerStream | None = None
        self._lost: asyncio.Future[None] = loop.create_future()
        self._problem = ""
        self.now = loop.time
        self.reused = False
        self.state = State.CONNECTING
        self.deadline = float("inf")

    # The pool's and the client's side

    def exchange(
        self, head: bytes, body: bytes, *, to_head: bool, deadline: float
    ) -> asyncio.Future[UpstreamAnswer]:
        """Write one request in one call, and return the future of its answer.

        Raises :class:`UpstreamUnreachable` without having written a byte where the connection is
        not idle any more.
        """
        self._step(_WRITE)
        transport = self._transport
        if self.state is not _AWAITING_HEAD or transport is None:
            raise UpstreamUnreachable("The merchant closed the connection before it was used.")
        self._reader.expect(to_head=to_head)
        self.deadline = deadline
        self._future = future = self._loop.create_future()
        if len(body) <= _JOIN_LIMIT:
            transport.write(head + body if body else head)
        else:
            transport.writelines((head, body))
        return future

    def has_unread(self) -> bool:
        """Tell whether something lies in the socket: bytes that nobody asked for, or its end.

        The loop has not looked there yet. What was written now would meet an answer to nothing,
        or a merchant that has gone away.
        """
        return self.state is _IDLE and bool(self._poll.poll(0))

    async def settle(self) -> None:
        """Let the loop look at what lies unread; only a TLS record of no account leaves it idle."""
        try:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
                if not self.has_unread():
                    return
            self._step(Event.EXTRA_BYTES)
        except BaseException:
            self._step(Event.ABANDON)
            raise

    def abandon(self, future: asyncio.Future[UpstreamAnswer]) -> None:
        """Whoever waited for ``future`` does not any more; close unless the answer was whole."""
        if self._future is future:
            self._step(Event.ABANDON)
        elif future.done() and not future.cancelled() and future.exception() is None:
            body = future.result().body
            if isinstance(body, AnswerStream):
                body.drop()

    def expire(self) -> None:
        """The deadline has passed."""
        self._step(Event.TIMEOUT)

    def close(self) -> None:
        """Close, whatever it is doing; whoever waits learns it."""
        future, stream = self._future, self._stream
        self._step(Event.ABANDON)
        error = UpstreamBroken("The connector shut down before the merchant had answered.")
        if future is not None and not future.done():
            future.set_exception(error)
        if stream is not None:
            stream.finish(error)

    async def wait_closed(self) -> None:
        """Return when the transport has let go of its socket."""
        if self._transport is not None:
            await self._lost

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._tls = transport.get_extra_info("ssl_object")
        # So that BLOCKED and FLUSHED tell whether all of a request is with the kernel. The TLS
        # transports compare with >=, and would call an empty buffer full.
        self._transport.set_write_buffer_limits(high=0 if self._tls is None else 1, low=0)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._step(Event.CONNECTED)

    def data_received(self, data: bytes) -> None:
        if self.state is _IDLE:
            self._step(Event.EXTRA_BYTES)
        elif self.state is not _CLOSED:
            if self._stream is not None:
                self.deadline = self._loop.time() + self._timeout
            self._reader.feed(data)

    def eof_received(self) -> None:
        if self._tls is not None and not _ended_in_order(self._tls):
            # Whoever cuts the wire could otherwise choose the end of a body (RFC 9112 section 9.8).
            self._problem = "the end of the TLS connection was not announced"
            self._step(Event.RESET)
        else:
            self._reader.end_of_input()

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, OSError):
            self._problem = exc.strerror or type(exc).__name__
        self._step(Event.RESET)
        if not self._lost.done():
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        self._step(Event.BLOCKED)

    def resume_writing(self) -> None:
        self._step(Event.FLUSHED)

    # The stream's side

    def pause(self) -> None:
        if self._transport is not None and self.state is not State.CLOSED:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and self.state is not State.CLOSED:
            self.deadline = self._loop.time() + self._timeout
            self._transport.resume_reading()

    def forsake(self) -> None:
        self._step(Event.ABANDON)

    # The table

    def _step(self, event: Event) -> None:
        self.state, effect = STEPS[self.state][event]
        if effect is not _NOTHING:
            _ACTIONS[effect](self)

    def _deliver(self, body: bytes | Stream) -> bool:
        """Hand over the answer; False where its receiver was cancelled."""
        future, self._future = self._future, None
        self.reused = True
        if future is None or future.done():
            return False
        reader = self._reader
        future.set_result(UpstreamAnswer(reader.status, reader.headers, body))
        return True

    def _deliver_and_pool(self) -> None:
        if self._deliver(self._reader.take_whole()):
            self._owner.released(self)
        else:
            self._step(Event.ABANDON)

    def _deliver_and_close(self) -> None:
        self._deliver(self._reader.take_whole())
        self._shut()

    def _begin_stream(self) -> None:
        self._stream = stream = AnswerStream(self._loop, self, self._reader.length)
        self.deadline = self._loop.time() + self._timeout
        stream.push(self._reader.take())
        if not self._deliver(stream):
            self._step(Event.ABANDON)

    def _pass(self) -> None:
        if self._stream is not None:
            self._stream.push(self._reader.take())

    def _finish_and_pool(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.finish()
        self._owner.released(self)

    def _finish_and_close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.finish()
        self._shut()

    def _fail_unanswered(self) -> None:
        self._fail(
            UpstreamBroken(
                _because("The merchant closed the connection without an answer", self._problem),
                answered=False,
            )
        )

    def _fail_broken(self) -> None:
        if self._reader.problem:
            text = _because("The merchant's answer was refused", self._reader.problem)
        else:
            text = _because(
                "The merchant closed the connection before its answer was whole", self._problem
            )
        self._fail(UpstreamBroken(text))

    def _fail_timeout(self) -> None:
        if self._stream is None:
            text = "The merchant gave no whole answer within {} s."
        elif self._stream.paused:
            text = "The reader of the merchant's answer took nothing for {} s."
        else:
            text = "The merchant sent nothing more of its answer for {} s."
        self._fail(UpstreamTimeout(text.format(f"{self._timeout:g}")))

    def _fail(self, error: UpstreamError) -> None:
        future, stream = self._future, self._stream
        self._shut()
        if future is not None and not future.done():
            future.set_exception(error)
        if stream is not None:
            stream.finish(error)

    def _shut(self) -> None:
        """Close at once: nothing that is still to be written may reach the merchant later."""
        self._future = self._stream = None
        if self._transport is not None:
            self._transport.abort()
        self._owner.closed(self)


def _because(text: str, problem: str) -> str:
    return f"{text}: {problem}." if problem else f"{text}."


def _ended_in_order(tls: ssl.SSLObject) -> bool:
    """Tell whether the peer sent its close_notify: asyncio reports any end alike."""
    try:
        return not tls.read(1)
    except OSError:
        return False


# Behind the class, for mypyc sees no methods within one.
_ACTIONS: Final[dict[Effect, Callable[[Connection], None]]] = {
    Effect.DELIVER_AND_POOL: Connection._deliver_and_pool,
    Effect.DELIVER_AND_CLOSE: Connection._deliver_and_close,
    Effect.STREAM: Connection._begin_stream,
    Effect.PASS: Connection._pass,
    Effect.FINISH_AND_POOL: Connection._finish_and_pool,
    Effect.FINISH_AND_CLOSE: Connection._finish_and_close,
    Effect.FAIL_UNANSWERED: Connection._fail_unanswered,
    Effect.FAIL_BROKEN: Connection._fail_broken,
    Effect.FAIL_TIMEOUT: Connection._fail_timeout,
    Effect.CLOSE: Connection._shut,
}
