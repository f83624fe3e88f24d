"""Waiting for something for so long and no longer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

_T = TypeVar("_T")


async def within(seconds: float, awaitable: Awaitable[_T]) -> _T:
    """Return what comes of it; raises TimeoutError, and cancels it, after so many seconds.

    What ``asyncio.wait_for`` does from Python 3.12 on; before, that makes a task and may lose what
    came of it. Modules that are compiled wait with this: ``setup.py`` says why they hold no
    ``async with``.
    """
    async with asyncio.timeout(seconds):
        return await awaitable
