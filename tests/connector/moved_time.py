"""An event loop whose clock the test moves: nobody waits for seconds to pass.

By itself the clock counts only the time in which the loop had nothing to do: however long the
machine was busy with something else, no time-out is up sooner for it.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

_TURNS: Final = 30
"""Turns of the loop in which everything that needs no waiting has happened."""
_MOMENT: Final = 0.001
"""Seconds that a wait counts for at most when it ended early: there was something to do."""

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Counts how long it waited."""

    waited = 0.0
    """In seconds."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        began = time.monotonic()
        found = super().select(timeout)
        if not found and timeout is not None:
            self.waited += max(timeout, 0.0)
        else:
            self.waited += min(time.monotonic() - began, _MOMENT)
        return found


class MovedLoop(asyncio.SelectorEventLoop):
    """A loop that believes the time it is told."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._ahead = 0.0
        self._waits = _Selector()
        super().__init__(self._waits)

    def time(self) -> float:
        return self._began + self._waits.waited + self._ahead

    def move(self, seconds: float) -> None:
        self._ahead += seconds


async def pass_time(seconds: float = 0.0) -> None:
    """Have so much time passed, and whatever follows from that happened."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MovedLoop)
    loop.move(seconds)
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; a test whose condition never does fails."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it does not come to that")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine on such a loop."""
    with asyncio.Runner(loop_factory=MovedLoop) as runner:
        return runner.run(main)


async def outcome_of(work: Awaitable[Any]) -> Any:
    """Return what is awaited, or the exception that it ends in."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - it is what the test looks at
        return error
