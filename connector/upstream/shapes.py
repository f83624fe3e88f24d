"""What follows from the names of a head's lines alone, decided once for each sequence of names.

A sender writes the same lines in the same order again and again, so nearly every head costs one
look-up instead of a decision for each of its lines.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Names = tuple[bytes, ...]
Plan = TypeVar("Plan")

# Strangers choose the names. These bound all that is kept of them to about 1 MiB for each rule.
MAX_SHAPES: Final = 512
MAX_LINES: Final = 32
MAX_OCTETS: Final = 1024

_name: Final = itemgetter(0)


def names_of(lines: Iterable[tuple[bytes, bytes]]) -> Names:
    """Return the names as spelled, in order."""
    return tuple(map(_name, lines))


class Shapes(dict[Names, Plan], Generic[Plan]):
    """``shapes[names]`` is ``decide(names)``, which is pure; what it raises is not remembered."""

    def __init__(self, decide: Callable[[Names], Plan]) -> None:
        super().__init__()
        self._decide = decide

    def __missing__(self, names: Names) -> Plan:
        plan = self._decide(names)
        if len(names) <= MAX_LINES and sum(map(len, names)) <= MAX_OCTETS:
            if len(self) >= MAX_SHAPES:
                self.clear()
            self[names] = plan
        return plan
