"""How figures are written: rates, ratios, processor time."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.results import Range


def rate(found: Range | None) -> str:
    """Write something per second, with its least and greatest."""
    if found is None:
        return ""
    if found.least == found.greatest:
        return f"{found.median:,.0f}"
    return f"{found.median:,.0f} ({found.least:,.0f} to {found.greatest:,.0f})"


def times(found: Range | None) -> str:
    """Write a ratio, with its least and greatest."""
    if found is None:
        return ""
    if found.least == found.greatest:
        return factor(found.median)
    return f"{factor(found.median)} ({factor(found.least)} to {factor(found.greatest)})"


def factor(value: float) -> str:
    """Write a ratio."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def microseconds(seconds: list[float]) -> str:
    """Write the median of some times."""
    return f"{median(seconds) * 1e6:.1f}"
