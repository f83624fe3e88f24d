"""A segmented LRU: what has proven itself is not driven out by what has not.

    put → probation ⇄ protected ← promote
          probation → evicted

Every document starts on probation. ``promote`` (a signature verified with it) moves it to the
protected part, which holds at most four fifths of the whole; what falls off its end goes back to
probation rather than out. Evicted is only the end of probation, so a flood of documents that never
verified anything drives out its own kind alone.

Of the protected part each has an equal share of the weight. Where the weight runs out, what is
above its share goes first, so heavy documents that verified drive out their own kind alone too.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Generic, NamedTuple, TypeVar

Value = TypeVar("Value")

_PROTECTED_SHARE: Final = 0.8


class _Held(NamedTuple, Generic[Value]):
    value: Value
    weight: int


class SegmentedCache(Generic[Value]):
    """At most ``entries`` values whose weights sum up to at most ``weight``."""

    def __init__(self, entries: int, weight: int) -> None:
        if entries < 1 or weight < 1:
            raise ValueError("a cache holds at least one entry of some weight")
        self._entries = entries
        self._weight = weight
        self._protected_entries = int(entries * _PROTECTED_SHARE)
        self._protected_limit = int(weight * _PROTECTED_SHARE)
        self._share = self._protected_limit // max(1, self._protected_entries)
        self._probation: OrderedDict[str, _Held[Value]] = OrderedDict()
        self._protected: OrderedDict[str, _Held[Value]] = OrderedDict()
        # Those of the protected part that are above their share, as they were last promoted.
        self._heavy: OrderedDict[str, None] = OrderedDict()
        self._total = 0
        self._protected_total = 0

    def __len__(self) -> int:
        return len(self._probation) + len(self._protected)

    @property
    def weight(self) -> int:
        """The weight of all that is held."""
        return self._total

    def get(self, key: str) -> Value | None:
        """Return a value and count it as used."""
        segment = self._protected
        held = segment.get(key)
        if held is None:
            segment = self._probation
            held = segment.get(key)
            if held is None:
                return None
        segment.move_to_end(key)
        return held.value

    def is_protected(self, key: str) -> bool:
        """Whether a value is in the protected part."""
        return key in self._protected

    def put(self, key: str, value: Value, weight: int) -> None:
        """Hold a value: a new one on probation, a newer one where the older one was."""
        was_protected = key in self._protected
        self._drop(key)
        if weight > self._weight:
            return
        self._probation[key] = _Held(value, weight)
        self._total += weight
        if was_protected:
            self.promote(key)
        while len(self) > self._entries or self._total > self._weight:
            # Probation is empty only while the protected part alone is within its smaller bounds.
            _, held = self._probation.popitem(last=False)
            self._total -= held.weight

    def promote(self, key: str) -> None:
        """Move a value to the protected part, or to its front; nothing where it is not held."""
        if key in self._protected:
            self._protected.move_to_end(key)
            if key in self._heavy:
                self._heavy.move_to_end(key)
            return
        held = self._probation.pop(key, None)
        if held is None:
            return
        self._protected[key] = held
        self._protected_total += held.weight
        if held.weight > self._share:
            self._heavy[key] = None
        if len(self._protected) > self._protected_entries:
            self._demote(next(iter(self._protected)))
        while self._protected_total > self._protected_limit:
            # There is one: as many as may be here, each within its share, are within the limit.
            self._demote(next(iter(self._heavy)))

    def _demote(self, key: str) -> None:
        held = self._protected.pop(key)
        self._protected_total -= held.weight
        self._heavy.pop(key, None)
        self._probation[key] = held

    def _drop(self, key: str) -> None:
        held = self._probation.pop(key, None)
        if held is None:
            held = self._protected.pop(key, None)
            if held is None:
                return
            self._protected_total -= held.weight
            self._heavy.pop(key, None)
        self._total -= held.weight
