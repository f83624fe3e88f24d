"""Failures by URL: answered from memory for 5 to 60 seconds instead of being tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from connector.egress.resolving import OUR_FAULTS
from connector.errors import Refusal
from connector.platforms.recent import Recent

if TYPE_CHECKING:
    from typing import NoReturn

FIRST_DELAY: Final = 5.0
"""Seconds after a first failure."""
LAST_DELAY: Final = 60.0
"""Most seconds, reached by doubling."""
PAUSE: Final = 1.0
"""Seconds after a failure of our own, which counts for nothing."""
MAX_EXPLANATION: Final = 512
"""Characters of an explanation that are kept, whoever wrote it."""


class Failure(NamedTuple):
    """A fetch that failed: what to tell those who ask before ``until`` (UNIX seconds)."""

    code: str
    reason: str
    explanation: str
    delay: float
    """Seconds that the URL's own failures have come to back off."""
    until: float

    def refuse(self, now: float) -> NoReturn:
        """Raise it: a new Refusal each time, for each grows a traceback of its own."""
        retry_after = None
        if self.code == "discovery_pending":
            retry_after = max(1, int(self.until - now) + 1)
        raise Refusal(self.code, self.reason, self.explanation, retry_after=retry_after)


class Failures:
    """The last failure of each URL, at most ``limit`` of them."""

    def __init__(self, limit: int) -> None:
        self._by_url: Recent[str, Failure] = Recent(limit)

    def __len__(self) -> int:
        return len(self._by_url)

    def record(self, url: str, refusal: Refusal, now: float) -> Failure:
        """Note a failure; a repeated one backs off twice as long, unless the last is long past.

        One of our own resolver is none of the URL's: it is answered for a constant pause, so that
        a flood of requests is no flood of look-ups, and leaves the back-off as it was.
        """
        last = self._by_url.get(url)
        delay = 0.0
        if last is not None and now < last.until + LAST_DELAY:
            delay = last.delay
        wait = PAUSE
        if refusal.reason not in OUR_FAULTS:
            delay = wait = min(max(FIRST_DELAY, 2 * delay), LAST_DELAY)
        failure = Failure(
            refusal.code.name,
            refusal.reason,
            refusal.explanation[:MAX_EXPLANATION],
            delay,
            now + wait,
        )
        self._by_url.put(url, failure)
        return failure

    def current(self, url: str, now: float) -> Failure | None:
        """The failure that still stands for this URL, if any."""
        failure = self._by_url.get(url)
        return failure if failure is not None and now < failure.until else None

    def forget(self, url: str) -> None:
        """A fetch succeeded: the next failure is a first one again."""
        self._by_url.drop(url)
