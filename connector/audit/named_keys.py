"""Which keys a log's own records say that it is signed with: pure.

A process names them when it begins to write, and again when records were pruned, for the record of
its beginning may have been one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKS = (b'"type":"opened"', b'"action":"prune"')
"""One of them stands in every record that names keys."""


def named_vkeys(record: Mapping[str, Any]) -> list[Any]:
    """Return the vkeys that a record names, whatever was put there; empty where it names none."""
    kind, action = record.get("type"), record.get("action")
    if kind == "opened":
        found = _member(record, "keys", "checkpoint")
    elif kind == "administration" and action == "prune":
        found = _member(record, "details", "keys")
    else:
        return []
    return found if isinstance(found, list) else []


def _member(record: Mapping[str, Any], name: str, inner: str) -> object:
    outer = record.get(name)
    return outer.get(inner) if isinstance(outer, dict) else None
