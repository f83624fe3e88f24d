"""One connection to a store's node, on which everything that waits goes out in one write.

Replies come in the order of the calls (RESP), so whoever waits stands in a queue. A call whose time
is up fails and keeps its place: its reply, should it come, is thrown away, and the calls behind
it get theirs. A connection that is silent for much longer than that is given up.

Calls that ask for replicas share one WAIT behind all that goes out with them: it acknowledges
everything that this connection has written before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

from hiredis import ProtocolError, Reader, ReplyError, pack_command

from connector.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_ONCE: Final = 8
"""Calls after which the first of them are sent while further ones come: the store begins sooner,
and a system call for eight is little."""
SILENCE: Final = 1.0
"""Seconds behind a call's time-out without any reply after which the connection is given up."""


# Its stubs say a tuple of one word.
_pack: Final[Callable[[tuple[bytes | str | int, ...]], bytes]] = cast("Any", pack_command)


def pack(*words: bytes | str | int) -> bytes:
    """Return a command as it goes over the wire."""
    return _pack(words)


class _Call:
    """One call in the queue. ``acknowledges`` are the calls that a WAIT answers for."""

    __slots__ = ("acknowledges", "deadline", "future", "replicas", "reply")

    def __init__(self, future: asyncio.Future[Any], deadline: float, replicas: int) -> None:
        self.future = future
        self.deadline = deadline
        self.replicas = replicas
        self.reply: Any = None
        self.acknowledges: list[_Call] | None = None


class Connection(asyncio.Protocol):
    """A connection; ``timeout`` in seconds bounds each call.

    ``answered`` is called for every batch of replies, ``timed_out`` when a call's time is up.
    Belongs to the loop it was made in.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        timeout: float,
        answered: Callable[[], None],
        timed_out: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._timeout = timeout
        self._answered = answered
        self._timed_out = timed_out
        self._reader = Reader()
        self._queue: deque[_Call] = deque()
        self._outgoing: list[bytes] = []
        self._unacknowledged: list[_Call] = []
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.lost: asyncio.Future[None] = loop.create_future()
        """Done when the connection is of no use any more."""

    def call(self, command: bytes, *, replicas: int = 0) -> asyncio.Future[Any]:
        """Queue one packed command and return the future of its reply.

        An error that the store replies with is the future's result, a ReplyError. Its exception
        is a :class:`StoreUnavailable`.
        """
        loop = self._loop
        future: asyncio.Future[Any] = loop.create_future()
        if self._transport is None or self._transport.is_closing():
            future.set_exception(
                StoreUnavailable("The connection to the store is closed.", applied=False)
            )
            return future
        entry = _Call(future, loop.time() + self._timeout, replicas)
        self._queue.append(entry)
        if not self._outgoing:
            loop.call_soon(self._flush)
        self._outgoing.append(command)
        if replicas:
            self._unacknowledged.append(entry)
        elif len(self._outgoing) == _AT_ONCE and not self._unacknowledged:
            self._flush()
        if self._timer is None:
            self._timer = loop.call_at(entry.deadline, self._expire)
        return future

    def close(self, explanation: str = "The connection to the store was closed.") -> None:
        """Close at once; whoever waits learns it."""
        if self._transport is not None:
            self._transport.abort()
        self._fail(explanation)

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if not outgoing:
            return
        if self._unacknowledged:
            outgoing.append(self._wait_for_replicas())
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(b"".join(outgoing))

    def _wait_for_replicas(self) -> bytes:
        calls, self._unacknowledged = self._unacknowledged, []
        wait = _Call(self._loop.create_future(), self._loop.time() + self._timeout, 0)
        wait.acknowledges = calls
        self._queue.append(wait)
        most = max(call.replicas for call in calls)
        # It may take as long as a caller waits, so the calls behind it are not lost by it.
        return pack("WAIT", most, max(int(self._timeout * 500), 1))

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                self._take(reply)
        except (ProtocolError, IndexError):
            self.close("The store replied with what is no reply.")
            return
        self._answered()

    def connection_lost(self, exc: Exception | None) -> None:
        why = type(exc).__name__ if exc is not None else "closed by the store"
        self._fail(f"The connection to the store was lost ({why}).")

    def _take(self, reply: Any) -> None:
        call = self._queue.popleft()
        future = call.future
        if call.acknowledges is not None:
            for waiting in call.acknowledges:
                _acknowledge(waiting, reply)
        elif call.replicas and not isinstance(reply, ReplyError):
            call.reply = reply
        elif not future.done():
            future.set_result(reply)

    def _expire(self) -> None:
        """Fail every call whose time is up, and look again when the next one's is."""
        self._timer = None
        now, late = self._loop.time(), False
        for call in self._queue:
            if call.deadline > now:
                break
            for each in call.acknowledges or (call,):
                if not each.future.done():
                    late = True
                    each.future.set_exception(
                        StoreUnavailable("The store did not reply in time.", applied=True)
                    )
        if late:
            self._timed_out()
        if self._queue and now >= self._queue[0].deadline + SILENCE:
            self.close("The store was silent for too long.")
            return
        following = next((call.deadline for call in self._queue if call.deadline > now), None)
        if following is None and self._queue:
            # No later than the deadline of a call that comes meanwhile.
            following = min(self._queue[0].deadline + SILENCE, now + self._timeout)
        if following is not None:
            self._timer = self._loop.call_at(following, self._expire)

    def _fail(self, explanation: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport = None
        calls = [*self._queue, *self._unacknowledged]
        self._queue.clear()
        self._unacknowledged = []
        for call in calls:
            for each in call.acknowledges or (call,):
                if not each.future.done():
                    each.future.set_exception(StoreUnavailable(explanation, applied=True))
        if not self.lost.done():
            self.lost.set_result(None)


def _acknowledge(call: _Call, reply: Any) -> None:
    """Give a call its reply once as many replicas have what it wrote as it asked for."""
    if call.future.done():
        return
    if isinstance(reply, ReplyError):
        call.future.set_exception(
            StoreUnavailable("The store does not wait for replicas.", applied=True)
        )
    elif reply < call.replicas:
        call.future.set_exception(
            StoreUnavailable(
                f"{reply} of {call.replicas} replicas had the write in time.", applied=True
            )
        )
    else:
        call.future.set_result(call.reply)
