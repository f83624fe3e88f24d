"""The tables of the audit log's bench, and what they are judged by."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from bench.audit.results import FSYNC, MODES, PACE
from bench.verdicts import Verdict

if TYPE_CHECKING:
    from bench.audit.results import AuditResults

BEGIN: Final = "<!-- audit bench: begin -->"
END: Final = "<!-- audit bench: end -->"
MOST_ADDED: Final = 3.0
"""Times the disk's own fdatasync that the paced run's p99 may add."""
LEAST_VERIFIED: Final = 50_000
"""Records per second."""


def tables(results: AuditResults) -> str:
    """Return everything as Markdown."""
    parts = [_appended(results), _verified(results)]
    parts.append("\n".join(f"- {verdict.text}" for verdict in audit_verdicts(results)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _appended(results: AuditResults) -> str:
    if not results.disks:
        return ""
    p50, p99 = results.disk(lambda d: d.p50), results.disk(lambda d: d.p99)
    rows = [
        (
            "| Requests | Each waits for its record | requests/s | p50 | p99 | p99 ÷ the disk's |"
            " requests to a commit |"
        ),
        "|---|---|---|---|---|---|---|",
        (
            "| one after the other | the disk alone: fdatasync of one record |"
            f" {results.disk(lambda d: d.rate):,.0f} | {_ms(p50)} | {_ms(p99)} | 1 | 1 |"
        ),
    ]
    numbers = {each.waiters for each in results.appended}
    for waiters in sorted(numbers, key=lambda number: (not number, number)):
        title = f"{waiters} at a time" if waiters else f"{PACE:,} a second, at random"
        for mode in MODES:
            if results.of(mode, waiters):
                added = results.middle(mode, waiters, lambda a: a.p99)
                shared = results.middle(mode, waiters, lambda a: a.requests / max(a.commits, 1))
                rows.append(
                    f"| {title} | {mode} | {results.middle(mode, waiters, lambda a: a.rate):,.0f} |"
                    f" {_ms(results.middle(mode, waiters, lambda a: a.p50))} | {_ms(added)} |"
                    f" {added / p99:.2f} | {shared:.1f} |"
                )
    return "\n".join(rows)


def _verified(results: AuditResults) -> str:
    rows = [
        f"| {each.records:,} | {each.octets / each.records:,.0f} B | {each.written:.1f} s |"
        f" {each.seconds:.1f} s | {each.records / each.seconds:,.0f} |"
        for each in results.verified
    ]
    if not rows:
        return ""
    heading = "| `audit verify` of so many records | each, with its evidence | written in |"
    return "\n".join([f"{heading} verified in | records/s |", "|---|---|---|---|---|", *rows])


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms"


def audit_verdicts(results: AuditResults) -> list[Verdict]:
    """Return what must hold: what a record adds, how fast a log is verified, that it is good."""
    found = []
    if results.disks and results.of(FSYNC, 0):
        added = results.middle(FSYNC, 0, lambda a: a.p99)
        disk = results.disk(lambda d: d.p99)
        passed = added <= MOST_ADDED * disk
        found.append(
            Verdict(
                passed,
                f"At {PACE:,} requests a second the log adds {_ms(added)} at p99:"
                f" {added / disk:.2f} of the disk's own fdatasync at p99,"
                f" {added / results.disk(lambda d: d.p50):.2f} of its median"
                f" (at most {MOST_ADDED:.1f} at p99): {'kept' if passed else 'EXCEEDED'}.",
            )
        )
    if results.verified:
        good = all(each.good for each in results.verified)
        rate = median(each.records / each.seconds for each in results.verified)
        passed = good and rate >= LEAST_VERIFIED
        outcome = "reached" if passed else "MISSED" if good else "FOUND NOT TO BE GOOD"
        found.append(
            Verdict(
                passed,
                f"An untouched log is verified at {rate:,.0f} records a second"
                f" (at least {LEAST_VERIFIED:,}): {outcome}.",
            )
        )
    return found
