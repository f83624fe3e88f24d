"""One JSON line per decided request, written without holding up the loop.

The line obeys an allow-list: who (the proven identity and key), what (the operation's name), the
decision and why. Paths, queries, header values, addresses and bodies are never in it.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from connector.errors import Refusal
    from connector.steps import Caller

_INTERVAL: Final = 0.1
_MAX_WAITING: Final = 20_000
_MAX_EXPLANATION: Final = 300


class Decision(NamedTuple):
    """What was decided of one request."""

    at: float
    """UNIX time, in seconds."""
    audit_id: str
    merchant: str
    operation: str
    """The operation's name; empty where the request did not come that far."""
    decision: str
    """``accept``, ``reject``, ``observe`` (forwarded unverified, as configured) or ``public``."""
    status: int
    seconds: float
    refusal: Refusal | None = None
    caller: Caller | None = None

    def line(self) -> str:
        """Render the line, with its line end."""
        parts = [
            (
                f'{{"time":"{_timestamp(self.at)}","audit_id":"{self.audit_id}"'
                f',"merchant":{quoted(self.merchant)},"operation":{quoted(self.operation)}'
                f',"decision":"{self.decision}","status":{self.status}'
                f',"duration_ms":{self.seconds * 1000:.3f}'
            )
        ]
        refusal, caller = self.refusal, self.caller
        if refusal is not None:
            parts.append(
                f',"code":"{refusal.code.name}","reason":{quoted(refusal.reason)}'
                f',"explanation":{quoted(refusal.explanation[:_MAX_EXPLANATION])}'
            )
        if caller is not None:
            parts.append(
                f',"identity":{quoted(caller.identity)},"keyid":{quoted(caller.keyid)}'
                f',"thumbprint":"{caller.thumbprint}","scheme":"{caller.scheme}"'
                f',"tier":{quoted(caller.tier)},"version":{quoted(caller.version)}'
            )
        parts.append("}\n")
        return "".join(parts)


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _timestamp(at: float) -> str:
    """RFC 3339 in UTC with milliseconds; the part down to the second is kept for its second."""
    seconds = int(at)
    return f"{_second(seconds)}.{int((at - seconds) * 1000):03d}Z"


class DecisionLog:
    """Hands lines to a thread that writes them to a file descriptor.

    At most 20,000 lines wait. Where the reader is slower than that, further lines are dropped and
    counted: a full pipe must not stop the gateway.
    """

    def __init__(self, descriptor: int) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._waiting: deque[str] = deque()
        self._closing = threading.Event()
        self._writer = threading.Thread(target=self._run, name="decision-log", daemon=True)
        self._writer.start()

    def write(self, line: str) -> None:
        """Queue one line; never blocks."""
        if len(self._waiting) >= _MAX_WAITING:
            self.dropped += 1
        else:
            self._waiting.append(line)

    def close(self) -> None:
        """Write what waits, give up on a reader that does not read for a second."""
        self._closing.set()
        self._writer.join(timeout=1.0)

    def _run(self) -> None:
        while not self._closing.wait(_INTERVAL):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        waiting = self._waiting
        lines = [waiting.popleft() for _ in range(len(waiting))]
        data = "".join(lines).encode("ascii")
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            # The reader is gone; the decisions go on and the loss is counted.
            self.dropped += len(lines)
