"""The states of one connection to a merchant, as a table.

Theory of operation
===================

A connection is driven by three sources: the pool, which hands it a request (WRITE) or gives it up
(ABANDON, TIMEOUT); the transport, which connects, takes the request in one go or not at once
(BLOCKED, FLUSHED), and ends (EOF, RESET); and the answer's reader, which turns the merchant's
bytes into the other events. Framing is the reader's: where the end of the connection is the end
of the body, and only there, the reader says END for it.

Each event is looked up under the current state, and the cell names the next state and one effect.
The effect is all that the driver does. There are no flags beside the state:

* Whether the connection may be used again is part of it. The states with LAST in their name, and
  EARLY_HEAD, can only lead to CLOSED. A connection gets there when the merchant says that it
  closes, when the answer's end is the connection's end, when the answer began before the whole
  request had gone out, or when bytes follow the answer's end (EXTRA_BYTES, which the reader
  reports before END). There is no way back, so such a connection is never pooled.
* Whether an answer has begun is part of it, too. AWAITING_HEAD means: the whole request is with
  the kernel and not one byte has come back. The failure from there, and only from there, is
  FAIL_UNANSWERED, which is what may be retried.
* IDLE has no request aboard. Every byte there is an answer to nothing (RFC 9112 section 9.2) and
  closes the connection, as does its end.

WRITE comes before the transport is called, because a transport may report BLOCKED from within its
write. A WRITE anywhere but in IDLE does not lead to AWAITING_HEAD, which is how the driver knows
that it must not write.

A request ends with exactly one of: an answer delivered whole; an answer streamed and then
finished or failed; a failure; or its being abandoned. The tests walk every path to prove it.

BLOCKED and FLUSHED mean something only while a request goes out. TLS writes records of its own at
any time, so elsewhere the two change nothing. Anything else that is not in the table fails
closed: with a request aboard it is FAIL_BROKEN, without one it is CLOSE. CLOSED stays closed and
does nothing.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class State(IntEnum):
    """Where a connection stands."""

    CONNECTING = 0
    IDLE = 1
    SENDING = 2
    """The transport has not taken the whole request yet, and no answer byte has come."""
    AWAITING_HEAD = 3
    """The whole request is out, and no answer byte has come."""
    EARLY_HEAD = 4
    """The answer began before the whole request was out; its head is not complete."""
    READING_HEAD = 5
    """Some of the answer has come, its final head not yet."""
    READING = 6
    """The body is being collected."""
    READING_LAST = 7
    """The same; afterwards the connection closes."""
    STREAMING = 8
    """The head was delivered; the body is passed on as it comes."""
    STREAMING_LAST = 9
    """The same; afterwards the connection closes."""
    CLOSED = 10


class Event(IntEnum):
    """What can happen to a connection."""

    CONNECTED = 0
    WRITE = 1
    """A request is about to be handed to the transport."""
    BLOCKED = 2
    """The transport could not pass all of it to the kernel at once."""
    FLUSHED = 3
    PART = 4
    """Some bytes of a head, not all of it."""
    INFORMATIONAL = 5
    """A whole 100 or 103 answer, which is swallowed."""
    HEAD = 6
    """A final head that lets the connection be kept."""
    LAST_HEAD = 7
    """A final head after whose answer the connection must close."""
    BODY = 8
    OVERFLOW = 9
    """The body is, or will be, more than is buffered; or it is an event stream."""
    END = 10
    """The body is whole by its framing."""
    EXTRA_BYTES = 11
    """Bytes that belong to no answer. Told before END, where they follow an answer."""
    EOF = 12
    """The merchant ended the connection in order, in the middle of what it was doing."""
    RESET = 13
    MALFORMED = 14
    """An answer that cannot be read in exactly one way, or that breaks a bound."""
    TIMEOUT = 15
    ABANDON = 16
    """Whoever waited does not any more, or the client is being closed."""


class Effect(IntEnum):
    """What the driver then does."""

    NOTHING = 0
    DELIVER_AND_POOL = 1
    DELIVER_AND_CLOSE = 2
    STREAM = 3
    """Deliver the head with a stream that holds what has come of the body."""
    PASS = 4
    """Give the stream what has come."""
    FINISH_AND_POOL = 5
    FINISH_AND_CLOSE = 6
    FAIL_UNANSWERED = 7
    """Close; the request was written whole, and not one byte came back."""
    FAIL_BROKEN = 8
    """Close; whoever waits, or reads the stream, learns that no whole answer comes."""
    FAIL_TIMEOUT = 9
    CLOSE = 10
    """Close; nobody waits."""


_S, _E, _F = State, Event, Effect
_BROKEN: Final = (_S.CLOSED, _F.FAIL_BROKEN)
_SHUT: Final = (_S.CLOSED, _F.CLOSE)

TRANSITIONS: Final[dict[State, dict[Event, tuple[State, Effect]]]] = {
    _S.CONNECTING: {
        _E.CONNECTED: (_S.IDLE, _F.NOTHING),
    },
    _S.IDLE: {
        _E.WRITE: (_S.AWAITING_HEAD, _F.NOTHING),
    },
    _S.SENDING: {
        _E.FLUSHED: (_S.AWAITING_HEAD, _F.NOTHING),
        _E.PART: (_S.EARLY_HEAD, _F.NOTHING),
        _E.INFORMATIONAL: (_S.EARLY_HEAD, _F.NOTHING),
        _E.HEAD: (_S.READING_LAST, _F.NOTHING),
        _E.LAST_HEAD: (_S.READING_LAST, _F.NOTHING),
        _E.TIMEOUT: (_S.CLOSED, _F.FAIL_TIMEOUT),
        _E.ABANDON: _SHUT,
    },
    _S.AWAITING_HEAD: {
        _E.BLOCKED: (_S.SENDING, _F.NOTHING),
        _E.PART: (_S.READING_HEAD, _F.NOTHING),
        _E.INFORMATIONAL: (_S.READING_HEAD, _F.NOTHING),
        _E.HEAD: (_S.READING, _F.NOTHING),
        _E.LAST_HEAD: (_S.READING_LAST, _F.NOTHING),
        _E.EOF: (_S.CLOSED, _F.FAIL_UNANSWERED),
        _E.RESET: (_S.CLOSED, _F.FAIL_UNANSWERED),
        _E.TIMEOUT: (_S.CLOSED, _F.FAIL_TIMEOUT),
        _E.ABANDON: _SHUT,
    },
    _S.EARLY_HEAD: {
        _E.PART: (_S.EARLY_HEAD, _F.NOTHING),
        _E.INFORMATIONAL: (_S.EARLY_HEAD, _F.NOTHING),
        _E.HEAD: (_S.READING_LAST, _F.NOTHING),
        _E.LAST_HEAD: (_S.READING_LAST, _F.NOTHING),
        _E.TIMEOUT: (_S.CLOSED, _F.FAIL_TIMEOUT),
        _E.ABANDON: _SHUT,
    },
    _S.READING_HEAD: {
        _E.PART: (_S.READING_HEAD, _F.NOTHING),
        _E.INFORMATIONAL: (_S.READING_HEAD, _F.NOTHING),
        _E.HEAD: (_S.READING, _F.NOTHING),
        _E.LAST_HEAD: (_S.READING_LAST, _F.NOTHING),
        _E.TIMEOUT: (_S.CLOSED, _F.FAIL_TIMEOUT),
        _E.ABANDON: _SHUT,
    },
    _S.READING: {
        _E.BODY: (_S.READING, _F.NOTHING),
        _E.OVERFLOW: (_S.STREAMING, _F.STREAM),
        _E.EXTRA_BYTES: (_S.READING_LAST, _F.NOTHING),
        _E.END: (_S.IDLE, _F.DELIVER_AND_POOL),
        _E.TIMEOUT: (_S.CLOSED, _F.FAIL_TIMEOUT),
        _E.ABANDON: _SHUT,
    },
    _S.READING_LAST: {
        _E.BODY: (_S.READING_LAST, _F.NOTHING),
        _E.OVERFLOW: (_S.STREAMING_LAST, _F.STREAM),
        _E.EXTRA_BYTES: (_S.READING_LAST, _F.NOTHING),
        _E.END: (_S.CLOSED, _F.DELIVER_AND_CLOSE),
        _E.TIMEOUT: (_S.CLOSED, _F.FAIL_TIMEOUT),
        _E.ABANDON: _SHUT,
    },
    _S.STREAMING: {
        _E.BODY: (_S.STREAMING, _F.PASS),
        _E.EXTRA_BYTES: (_S.STREAMING_LAST, _F.NOTHING),
        _E.END: (_S.IDLE, _F.FINISH_AND_POOL),
        _E.TIMEOUT: (_S.CLOSED, _F.FAIL_TIMEOUT),
        _E.ABANDON: _SHUT,
    },
    _S.STREAMING_LAST: {
        _E.BODY: (_S.STREAMING_LAST, _F.PASS),
        _E.EXTRA_BYTES: (_S.STREAMING_LAST, _F.NOTHING),
        _E.END: (_S.CLOSED, _F.FINISH_AND_CLOSE),
        _E.TIMEOUT: (_S.CLOSED, _F.FAIL_TIMEOUT),
        _E.ABANDON: _SHUT,
    },
    _S.CLOSED: {},
}


def _step(state: State, event: Event) -> tuple[State, Effect]:
    if event in TRANSITIONS[state]:
        return TRANSITIONS[state][event]
    if state is State.CLOSED or event in (Event.BLOCKED, Event.FLUSHED):
        return (state, Effect.NOTHING)
    return _SHUT if state in (State.CONNECTING, State.IDLE) else _BROKEN


STEPS: Final = tuple(tuple(_step(state, event) for event in Event) for state in State)
"""The whole table: ``STEPS[state][event]`` is (next state, effect). No cell is missing."""
