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
from typing import TYPE_CHECKING, Final

from connector.background import give_way

if TYPE_CHECKING:
    from connector.errors import Refusal
    from connector.steps import Caller

_INTERVAL: Final = 0.1
_MAX_WAITING: Final = 20_000
_MAX_EXPLANATION: Final = 300


def decision_line(
    at: float,
    audit_id: str,
    merchant: str,
    operation: str,
    decision: str,
    status: int,
    seconds: float,
    refusal: Refusal | None = None,
    caller: Caller | None = None,
    over: str = "",
    invalid: str = "",
) -> str:
    """Render the line of one decided request, with its line end.

    ``at`` is UNIX time; ``operation`` is empty where the request did not come that far;
    ``decision`` is ``accept``, ``reject``, ``replay`` (a recorded answer), ``observe`` (forwarded
    unverified, as configured) or ``public``; ``over`` names a rate that is exceeded and only told,
    ``invalid`` is what is wrong with the body and only told.
    """
    line = (
        f'{{"time":"{_timestamp(at)}","audit_id":"{audit_id}"'
        f',"merchant":{quoted(merchant)},"operation":{quoted(operation)}'
        f',"decision":"{decision}","status":{status},"duration_ms":{seconds * 1000:.3f}'
    )
    if refusal is not None:
        line += (
            f',"code":"{refusal.code.name}","reason":{quoted(refusal.reason)}'
            f',"explanation":{quoted(refusal.explanation[:_MAX_EXPLANATION])}'
        )
    if over:
        line += f',"over_rate":{quoted(over)}'
    if invalid:
        line += f',"invalid_body":{quoted(invalid[:_MAX_EXPLANATION])}'
    return f"{line}}}\n" if caller is None else f"{line}{_who(caller[:7])}"


def resolution_line(
    at: float,
    audit_id: str,
    merchant: str,
    operation: str,
    *,
    claim: str,
    outcome: str,
    by: str,
    reason: str,
    before: str,
) -> str:
    """Render the line of an operator's word on a claim, with its line end.

    ``at`` is UNIX time; ``outcome`` is ``executed`` or ``not_executed``; ``by`` and ``reason`` are
    the operator's own; ``before`` is the claim's state until then.
    """
    return (
        f'{{"time":"{_timestamp(at)}","audit_id":"{audit_id}"'
        f',"merchant":{quoted(merchant)},"operation":{quoted(operation)},"decision":"resolve"'
        f',"claim":{quoted(claim)},"outcome":{quoted(outcome)},"by":{quoted(by)}'
        f',"reason":{quoted(reason)},"before":{quoted(before)}}}\n'
    )


@lru_cache(maxsize=1024)
def _who(caller: tuple[str, ...]) -> str:
    """Render the end of the line of a proven caller; platforms come again and again."""
    identity, keyid, thumbprint, scheme, _, tier, version = caller
    return (
        f',"identity":{quoted(identity)},"keyid":{quoted(keyid)}'
        f',"thumbprint":"{thumbprint}","scheme":"{scheme}"'
        f',"tier":{quoted(tier)},"version":{quoted(version)}}}\n'
    )


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
        give_way()
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
