"""The rules that records keep among each other: pure.

It reads every record of a log once, in order, and therefore costs what ``json.loads`` costs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from connector.audit.checkpoint import NoteError, NoteVerifier
from connector.audit.named_keys import named_vkeys
from connector.audit.segment import MOST_RECORD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connector.audit.problems import Problems

TYPES: Final = frozenset(
    {"received", "completed", "denied", "administration", "opened", "closed"}
)  # fmt: skip
_CLOSING: Final = ("completed", "denied")
_MOST_DIGITS: Final = 20
"""Of an order: 2**64 nanoseconds are 584 years."""
_MOST_KEYS: Final = 1000

_decode: Final = json.JSONDecoder().decode


class RecordCheck:
    """Takes the records of the log that calls itself ``origin``."""

    def __init__(self, origin: str | None, problems: Problems) -> None:
        self._origin = origin
        self._problems = problems
        self._open: dict[str, tuple[int, str]] = {}
        self._order = -1
        self._next = 0
        self.verifiers: dict[str, NoteVerifier] = {}
        """By vkey: the keys that the log says it is signed with."""
        self.abandoned: dict[int, int] = {}
        """The octets that count of an abandoned segment, by its first record."""

    def take(self, path: str, first: int, records: Sequence[bytes]) -> None:
        """Check the records from ``first`` on, which stand in ``path``."""
        if first != self._next:
            # What is missing in between may have closed anything.
            self._open.clear()
            self._order = -1
        self._next = first + len(records)
        for index, record in enumerate(records, first):
            try:
                found = _decode(str(record, "utf-8"))
                kind = found["type"]
                order = found["order"]
                known = kind in TYPES and order.isdecimal() and len(order) <= _MOST_DIGITS
            except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
                known = False
            if not known or len(record) > MOST_RECORD:
                self._problems(path, index, "not a record of a known type")
                continue
            if kind == "opened":
                self._order = -1
            number = int(order)
            if number < self._order:
                self._problems(path, index, "it comes behind a record of a later order")
            self._order = number
            if kind == "received":
                self._open[_text(found, "audit_id")] = index, path
            elif kind in _CLOSING:
                self._open.pop(_text(found, "audit_id"), None)
            else:
                self._special(path, index, kind, found)

    def _special(self, path: str, index: int, kind: str, found: Mapping[str, Any]) -> None:
        if kind == "opened":
            self._opened(path, index, found)
        elif kind == "closed":
            self._closed(path, index, found)
        elif found.get("action") == "prune":
            self._keys(path, index, found)
        elif found.get("action") == "segment_abandoned":
            details = found.get("details")
            if isinstance(details, dict):
                segment, octets = details.get("segment"), details.get("octets")
                if isinstance(segment, int) and isinstance(octets, int):
                    self.abandoned[segment] = octets

    def _opened(self, path: str, index: int, found: Mapping[str, Any]) -> None:
        if self._origin is not None and found.get("origin") != self._origin:
            self._problems(path, index, "it was opened as another log")
        self._keys(path, index, found)

    def _keys(self, path: str, index: int, found: Mapping[str, Any]) -> None:
        for vkey in named_vkeys(found):
            try:
                if len(self.verifiers) < _MOST_KEYS:
                    self.verifiers[vkey] = NoteVerifier.parse(vkey)
            except (NoteError, AttributeError, TypeError):
                self._problems(path, index, "it names a key that is none")

    def _closed(self, path: str, index: int, found: Mapping[str, Any]) -> None:
        """Check that a run that ended in order has closed what it received."""
        if found.get("records") != index:
            self._problems(path, index, "it counts other records than there are")
        for received, where in self._open.values():
            self._problems(where, received, "received, and not completed when the log was closed")
        self._open.clear()
        self._order = -1


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""
