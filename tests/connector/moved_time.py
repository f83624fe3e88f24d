"""An event loop whose clock the test moves: nobody waits for seconds to pass."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

_TURNS: Final = 30
"""Turns of the loop in which everything that needs no waiting has happened."""
_PATIENCE: Final = 30.0

T = TypeVar("T")


class MovedLoop(asyncio.SelectorEventLoop):
    """A loop that believes the time it is told."""

    def __init__(self) -> None:
        self._ahead = 0.0
        super().__init__()

    def time(self) -> float:
        return super().time() + self._ahead

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
