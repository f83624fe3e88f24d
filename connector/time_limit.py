"""Waiting for something for so long and no longer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

_T = TypeVar("_T")


async def within(seconds: float, awaitable: Awaitable[_T]) -> _T:
    """Return what comes of it; raises TimeoutError, and cancels it, after so many seconds.

    A module that is compiled waits with this: ``setup.py`` says why it holds no ``async with``.
    """
    async with asyncio.timeout(seconds):
        return await awaitable
