"""The tables beside the main one: where processor time goes, and parts by themselves."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from bench.figures import microseconds, rate, times
from bench.gateways import FORWARD, UNIX, WHOLE
from bench.results import Step, quotients, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.results import Called, Overhead, Results

METHODS: Final = {"GET": "GET", "POST": "POST, 512 B of JSON"}
_WHOLE: Final = {
    FORWARD: "verified, forwarded and answered, admission left out",
    UNIX: "verified, admitted, forwarded, settled and answered, unix socket",
    WHOLE: "verified, admitted, written down, forwarded, settled, signed and answered: all of it",
}


def processor_table(results: Results) -> str:
    """Return where the gateway's processor time goes."""
    if not results.steps:
        return ""
    rows = [
        f"| Processor time per request in µs | {' | '.join(METHODS.values())} |",
        f"|---|{'---|' * len(METHODS)}",
        *(_row(part) for part in results.parts),
        *(_row(_whole(results, name, label)) for name, label in _WHOLE.items()),
        "| *single steps, repeated without load: they do not add up to the above* | | |",
        *(_row(step) for step in results.steps),
    ]
    return "\n".join(rows)


def _whole(results: Results, contender: str, label: str) -> Step:
    found = {
        method: spent.median
        for method in METHODS
        if (spent := results.range(contender, method, lambda s: s.cpu)) is not None
    }
    return Step(label, found)


def _row(step: Step) -> str:
    shown = [
        microseconds([step.seconds[method]]) if method in step.seconds else "" for method in METHODS
    ]
    return f"| {step.name} | {' | '.join(shown)} |"


def overheads_table(overheads: Sequence[Overhead]) -> str:
    """Return what our own code costs beside bare signature operations."""
    if not overheads:
        return ""
    rows = [
        "| One operation, without load | whole, µs | beside | bare, µs | ratio |",
        "|---|---|---|---|---|",
    ]
    for each in overheads:
        ratio = times(quotients(each.whole, each.bare))
        rows.append(
            f"| {each.name} | {microseconds(each.whole)} | {each.beside} |"
            f" {microseconds(each.bare)} | {ratio} |"
        )
    return "\n".join(rows)


def calls_table(calls: Sequence[Called]) -> str:
    """Return what one call of a script costs, over our own connection and over redis-py."""
    if not calls:
        return ""
    rows = [
        (
            "| One script, nothing around it | store on | over | calls/s |"
            " CPU/call | the first's CPU ÷ it | store's CPU/call |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for each in sorted(calls, key=lambda called: (called.script, called.way)):
        first = next(c for c in calls if (c.script, c.way) == (each.script, each.way))
        ratio = "" if first is each else f"{median(first.cpu) / median(each.cpu):.2f}"
        rows.append(
            f"| {each.script} | {each.way} | {each.client} | {rate(spread(each.rates))} |"
            f" {microseconds(each.cpu)} µs | {ratio} | {microseconds(each.store)} µs |"
        )
    return "\n".join(rows)
