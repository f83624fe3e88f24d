"""One connection: its phases, its deadlines, its answers.

    HEAD → BODY → BUSY → HEAD …        everything ends in DEAF

HEAD   between two requests, or the head is not whole yet
BODY   the head passed the guard and was admitted, its body is not whole yet
BUSY   one request is with the handler, or its answer on the way; nothing is read meanwhile
DEAF   refused or closing: what still comes is thrown away

A request is admitted when its head is whole: the guard, then the authority, then the peer's rate,
then a slot in flight, which it keeps until its answer is out.
"""

from __future__ import annotations

import logging
import math
import socket
import struct
import time
from asyncio import CancelledError, sleep
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_remote_addr, is_ssl

from canonical import Request
from connector.errors import Refusal
from connector.ingress.answers import CHUNKED, CONTINUE, answer_head, content_length, has_no_body
from connector.ingress.context import WireContext
from connector.ingress.front import RETRY_AFTER
from connector.ingress.limits import DRAIN, LINGER, LINGER_BYTES
from connector.ingress.reader import RequestReader
from connector.ingress.relay import closing, relay
from connector.steps import Answer, Received

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task, Transport

    from uvicorn import Config
    from uvicorn.server import ServerState

    from connector.ingress.front import Admitted, Ingress
    from connector.ingress.guard import Head
    from connector.steps import Stream

_logger: Final = logging.getLogger(__name__)

_HEAD: Final = 0
_BODY: Final = 1
_BUSY: Final = 2
_DEAF: Final = 3

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST, which nobody takes for the end of a body."""


class IngressProtocol(HttpToolsProtocol):
    """A connection of a listener whose ``uvicorn.Config`` has an :class:`Ingress` as its app.

    Of uvicorn's own protocol the constructor and what ``uvicorn.Server`` asks for remain; no ASGI.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # Not config.loaded_app, which uvicorn wraps according to its own settings.
        self._front: Ingress = config.app  # type: ignore[assignment]  # the class's contract
        self._reader = RequestReader(self._front.guard, self._front.limits)
        # uvicorn's own parser is not used; it holds this object's methods.
        self.parser = None  # type: ignore[assignment]  # as uvicorn itself leaves it
        self.deadline = math.inf
        self._phase = _HEAD
        self._peer = self._front.clients.peer(None)
        self._tls = self._gone = self._ended = self._draining = False
        self._timed = True  # whether the deadline is that of a head, not that of being idle
        self._discarded = 0
        self._streaming = False
        self._head: Head | None = None
        self._admitted: Admitted | None = None  # while it holds a slot
        self._task: Task[None] | None = None

    # The transport's side

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn's
        """Wait for a request; a connection too many is cut at once."""
        front = self._front
        self.transport = transport
        self.flow = FlowControl(transport)
        self.connections.add(self)
        address = get_remote_addr(transport)
        self._peer = front.clients.peer(address[0] if address else None)
        if not front.connect(self, self._peer):
            self._phase = _DEAF
            transport.abort()
            return
        self._tls = is_ssl(transport)
        self.deadline = self.loop.time() + front.limits.header_timeout

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - all ends are alike
        """Let go of everything but a running handler: what was begun is finished."""
        self._gone = True
        self.connections.discard(self)
        self._front.disconnect(self, self._peer)
        if self._phase != _BUSY:
            self._release()
            self._phase = _DEAF
        elif self._streaming and self._task is not None:
            self._task.cancel()
        self._reader.clear()
        self.flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take octets according to the phase."""
        if self._phase < _BUSY:
            self._reader.feed(data)
            self._read()
        elif self._phase == _BUSY:
            # The next request waits as octets, and so does the client.
            self._reader.feed(data)
            self.flow.pause_reading()
        else:
            self._discarded += len(data)
            if self._discarded > LINGER_BYTES:
                self.transport.abort()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio: true keeps it open
        """Answer what was sent whole; the client may have closed its half only."""
        self._ended = True
        if self._phase == _BUSY:
            if self._streaming and self._task is not None:
                self._task.cancel()
            return not self._tls
        if self._has_begun():
            self._refuse(_malformed("truncated", "the connection ended within a request"))
        return False

    def pause_writing(self) -> None:
        """Wait with more until the client took some of it."""
        self.flow.pause_writing()
        self.deadline = self.loop.time() + self._front.limits.send_timeout

    def resume_writing(self) -> None:
        """Go on with the answer."""
        self.flow.resume_writing()
        if self._phase == _BUSY:
            self.deadline = math.inf

    def shutdown(self) -> None:
        """Finish what runs, then close: ``uvicorn.Server`` is going to stop."""
        self._draining = True
        if self._has_begun():
            self.deadline = min(self.deadline, self.loop.time() + DRAIN)
        elif self._phase == _HEAD:
            self._close(linger=False)

    def expire(self) -> None:
        """End what missed its deadline; the sweep calls this."""
        if self._phase >= _BUSY:
            self.transport.abort()
        elif self._has_begun():
            self._refuse(_malformed("timeout", "the request did not arrive in time"))
        else:
            self._close(linger=False)

    def _has_begun(self) -> bool:
        """Whether a request is being received."""
        return self._phase == _BODY or (self._phase == _HEAD and self._reader.waiting)

    # Receiving

    def _read(self) -> None:
        try:
            if self._phase == _HEAD:
                head = self._reader.next_head()
                if head is None:
                    if not self._timed and self._reader.waiting:
                        self._timed = True
                        self.deadline = self.loop.time() + self._front.limits.header_timeout
                    return
                self._head = head
                self._admitted = self._front.admit(head, self._peer)
            body = self._reader.next_body()
            admitted = self._admitted
            if admitted is not None and body is not None:
                self._start(admitted, body)
            elif admitted is not None and self._phase == _HEAD:
                self._await_body(admitted)
        except Refusal as refusal:
            self._refuse(refusal)

    def _await_body(self, admitted: Admitted) -> None:
        """Go on to the body, which has not come with the head; raises Refusal."""
        self._front.begin_body(admitted.client)
        self._phase = _BODY
        self.deadline = self.loop.time() + self._front.limits.body_timeout
        # RFC 9110 section 10.1.1: not where some of the body has come already.
        if admitted.head.expects_continue and not self._reader.has_body:
            self.transport.write(CONTINUE)

    def _start(self, admitted: Admitted, body: bytes) -> None:
        """Hand the whole request over."""
        head, authority, client, at = admitted
        if self._phase == _BODY:
            self._front.end_body(client)
            at = time.perf_counter()
        self._phase = _BUSY
        self.deadline = math.inf
        request = Request(
            method=head.method,
            target=head.target,
            headers=head.headers,  # with the index that the guard has built
            scheme=authority.scheme,
            body=body,
            authority=authority.forwarded,
        )
        received = Received(request, authority.merchant, client.address, self._front.clock(), at)
        self._task = task = self.loop.create_task(self._serve(received, head))
        self.tasks.add(task)

    # Answering

    async def _serve(self, received: Received, head: Head) -> None:
        """Have the request answered, and write the answer."""
        task = self._task
        try:
            answer = await self._front.handler.handle(received)
            body = answer.body
            if type(body) is bytes:
                closes = self._closes(head)
                octets = self._whole(answer, body, head, close=closes)
                # What is ready in one turn of the loop is sent one right after the other: the
                # system's part of it is in the processor's caches then, and whom it wakes is awake.
                await sleep(0)
                self._write(octets, close=closes)
            else:
                # What is not bytes is a stream.
                await closing(body, self._write_stream(answer, body, head))  # type: ignore[arg-type]
            if self.flow.write_paused and not self._gone:
                await self.flow.drain()
        except CancelledError:
            self.transport.abort()
            raise
        except Exception:
            _logger.exception("a request could not be answered")
            if not self._gone:
                # ucp-rules section 5: a failure of ours is 503.
                explanation = "an unexpected error; see the log"
                self._refuse(
                    Refusal("overloaded", "internal_error", explanation, retry_after=RETRY_AFTER)
                )
        finally:
            self._release()
            if task is not None:
                self.tasks.discard(task)
        self._next()

    def _next(self) -> None:
        """Go on with what follows on this connection."""
        if self._phase != _BUSY:
            return
        if self._gone or self.transport.is_closing():
            self._phase = _DEAF
            return
        if self._draining or self._ended:
            # Since the answer's head was made, which does not say that it is the last one.
            self._close(linger=False)
            return
        self._phase = _HEAD
        self._head = None
        self._timed = False
        self.deadline = self.loop.time() + self._front.limits.idle_timeout
        if self._reader.waiting:
            self._read()
        # Not before what waits is served: a client that sends ahead must not fill our memory.
        if self._phase < _BUSY:
            self.flow.resume_reading()

    def _whole(self, answer: Answer, body: bytes, head: Head, *, close: bool) -> bytes:
        """Return the octets of an answer whose body is whole."""
        status = answer.status
        length = content_length(status, len(body))
        octets = answer_head(status, answer.headers, length, self._front.date_line(), close=close)
        return octets if has_no_body(head.method, status) else octets + body

    def _write(self, octets: bytes, *, close: bool) -> None:
        """Write an answer that is whole: one write."""
        if self._gone:
            return
        self.transport.write(octets)
        self.server_state.total_requests += 1
        if close:
            self._close(linger=self._reader.waiting)

    async def _write_stream(self, answer: Answer, stream: Stream, head: Head) -> None:
        """Pass a body on as it comes, at the client's pace.

        Whatever goes wrong on the way cuts the connection: what looks whole, is.
        """
        status, length, whole = answer.status, stream.length, False
        bodiless = has_no_body(head.method, status)
        chunked = length is None and head.modern and status not in (204, 304)
        # HTTP/1.0 knows no chunks: without a length its body ends with the connection.
        closes = self._closes(head) or (length is None and not head.modern)
        framing = CHUNKED if chunked else b""
        if length is not None:
            framing = content_length(status, length)
        octets = answer_head(status, answer.headers, framing, self._front.date_line(), close=closes)
        try:
            if not self._gone and not self._ended:
                self._streaming = True
                self.transport.write(octets)
                if not bodiless:
                    await relay(stream, self.transport, self.flow, length, chunked=chunked)
                whole = True
        except CancelledError:
            if not self._gone and not self._ended:
                raise
            if self._task is not None:
                self._task.uncancel()  # only the reader was gone
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is not whole
            _logger.warning("an answer broke off: %s: %s", type(error).__name__, error)
        finally:
            self._streaming = False
            if not whole:
                self._cut()
        if whole:
            self.server_state.total_requests += 1
            if closes:
                self._close(linger=self._reader.waiting)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal and hear nothing more."""
        self._release()
        head, reader, client, merchant = self._head, self._reader, self._peer, None
        method, target, lines = "", "", reader.lines
        if head is not None:
            method, target, lines = head.method, head.target, list(head.headers)
        elif reader.raw_head:
            line = reader.raw_head.partition(b"\r\n")[0].decode("latin-1")
            method, _, rest = line.partition(" ")
            target = rest.partition(" ")[0]
        if reader.raw_head or head is not None:
            merchant, client = self._front.whom(lines, self._peer)
        at, now = self._front.clock(), time.perf_counter()
        context = WireContext(merchant, client.address, method, target, lines, at, now)
        self.transport.write(self._front.refusal(refusal, context))
        self.server_state.total_requests += 1
        self._close(linger=True)

    def _closes(self, head: Head) -> bool:
        """Whether the connection ends with this answer, whose request was framed beyond doubt."""
        return not head.keep_alive or self._draining or self._ended

    # Ending

    def _release(self) -> None:
        """Give back the slot, if there is one."""
        admitted, self._admitted = self._admitted, None
        if admitted is not None:
            if self._phase == _BODY:
                self._front.end_body(admitted.client)
            self._front.release()

    def _close(self, *, linger: bool) -> None:
        """Close once everything is written; nothing that comes is read any more.

        ``linger``: the client may be sending still. Closing now would make its side throw the
        answer away (RFC 9112 section 9.6), so only our half is closed, for a while.
        """
        self._phase = _DEAF
        self._reader.clear()
        now, transport = self.loop.time(), self.transport
        if linger and not self._ended and not self._draining and transport.can_write_eof():
            self.deadline = now + LINGER
            self.flow.resume_reading()
            transport.write_eof()
        else:
            self.deadline = now + self._front.limits.send_timeout
            transport.close()

    def _cut(self) -> None:
        """End the connection so that nobody takes it for the end of a body."""
        self._phase = _DEAF
        self._reader.clear()
        connection: socket.socket | None = self.transport.get_extra_info("socket")
        if connection is not None and not self._gone:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


def _malformed(reason: str, explanation: str) -> Refusal:
    return Refusal("malformed_request", reason, explanation)
