"""What a verifier finds wrong: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST: Final = 1000
"""Problems that are kept; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written."""

    path: str
    index: int | None
    """The first record that it is known to concern."""
    text: str


class Problems:
    """Collects what is found. The one with the lowest index is always kept."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self.more = 0
        self.first: int | None = None
        """The lowest index of all."""

    def __call__(self, path: str, index: int | None, text: str) -> None:
        """Note a problem."""
        lowest = index is not None and (self.first is None or index < self.first)
        if lowest:
            self.first = index
        if len(self._found) < MOST or lowest:
            self._found.append(Problem(path, index, text))
        else:
            self.more += 1

    def in_order(self) -> tuple[Problem, ...]:
        """Return them by index; those of no record come last."""
        return tuple(
            sorted(self._found, key=lambda each: (each.index is None, each.index or 0, each.path))
        )
