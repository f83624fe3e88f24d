"""A table of constant size that forgets what was not touched for longest."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """At most ``limit`` entries; ``put`` drops the one that was put or got longest ago."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError("a table holds at least one entry")
        self._limit = limit
        self._entries: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Value | None:
        """Return an entry and count it as touched."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Set an entry."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def drop(self, key: Key) -> None:
        """Forget an entry, if it is there."""
        self._entries.pop(key, None)
