"""Finds records of a log by what people ask for: pure over records.

What is known of a request only when it is received, who asked for what, is remembered until it is
completed, so that both of its records are found by it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MOST_OPEN: Final = 1_000_000
"""Requests that are remembered: more than any gateway has at once."""


class Wanted(NamedTuple):
    """What is asked for; empty where anything is right. Times are as in records."""

    begin: str = ""
    end: str = ""
    """The first time that is too late."""
    merchant: str = ""
    identity: str = ""
    operation: str = ""
    decision: str = ""
    audit_id: str = ""


class Row(NamedTuple):
    """A record, with what the record of the same request's arrival adds."""

    position: int
    record: dict[str, Any]
    identity: str
    operation: str
    decision: str


def find_rows(records: Iterable[tuple[int, bytes]], wanted: Wanted) -> Iterator[Row]:
    """Return the records of one log that are asked for, in its order.

    The records come from the log's beginning. Those that are no JSON objects are left out.
    """
    needle = json.dumps(wanted.audit_id).encode() if wanted.audit_id else b""
    requests: dict[str, tuple[str, str]] = {}
    for position, octets in records:
        if needle not in octets:
            continue
        try:
            record = json.loads(octets)
        except (ValueError, RecursionError):
            continue
        if not isinstance(record, dict):
            continue
        row = _row(position, record, requests)
        if _matches(row, wanted):
            yield row


def _row(position: int, record: dict[str, Any], requests: dict[str, tuple[str, str]]) -> Row:
    kind, audit_id = record.get("type"), text(record, "audit_id")
    known = text(record, "caller", "identity"), text(record, "request", "operation")
    if kind == "received" and len(requests) < _MOST_OPEN:
        requests[audit_id] = known
    elif kind == "completed":
        known = requests.pop(audit_id, known)
    decision = text(record, "decision") or text(record, "decision", "result")
    if kind == "denied":
        decision = decision or "reject"
    return Row(position, record, *known, decision)


def _matches(row: Row, wanted: Wanted) -> bool:
    time = text(row.record, "time")
    if time < wanted.begin or (wanted.end and time >= wanted.end):
        return False
    about = {text(row.record, "audit_id"), text(row.record, "details", "audit_id")}
    return (
        wanted.merchant in ("", text(row.record, "merchant"))
        and wanted.identity in ("", row.identity)
        and wanted.operation in ("", row.operation)
        and wanted.decision in ("", row.decision)
        and (not wanted.audit_id or wanted.audit_id in about)
    )


def text(record: Mapping[str, Any], *names: str) -> str:
    """Return a member, or a member's member, that is text; empty where there is none."""
    value: object = record
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
