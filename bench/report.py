"""From results to the table that people read, and to a yes or no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from bench.contenders import GENERATOR, NGINX, NODE, STARLETTE, TITLES, VERIFYING
from bench.figures import rate, times
from bench.gateways import ADMITTING, FORWARD, REDIS_PY_TCP, REDIS_PY_UNIX, TCP, UNIX
from bench.results import quotients, spread
from bench.tables import METHODS, calls_table, overheads_table, processor_table
from bench.verdicts import verdicts

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.results import Results, Sample

BEGIN: Final = "<!-- bench: begin -->"
END: Final = "<!-- bench: end -->"
_BESIDE: Final = {
    NGINX: FORWARD,
    STARLETTE: FORWARD,
    NODE: FORWARD,
    REDIS_PY_UNIX: UNIX,
    REDIS_PY_TCP: TCP,
}
"""Which of ours does the same as one of the others."""
_NOISE: Final = 0.03


class Report(NamedTuple):
    """A run with what its figures depend on."""

    date: str
    rounds: int
    seconds: int
    connections: int
    versions: dict[str, str]
    other_cores: int
    """Cores that the contender does not have; 0 where it shares the only one."""
    skipped: dict[str, str]
    results: Results


def render(report: Report) -> str:
    """Return the whole report as Markdown."""
    parts = [_introduction(report)]
    results = report.results
    parts.extend(_table(results, method, title) for method, title in METHODS.items())
    parts.append(calls_table(results.calls))
    parts.extend([_controls(results), processor_table(results), overheads_table(results.overheads)])
    parts.append("\n".join(f"- {verdict.text}" for verdict in verdicts(report)))
    return "\n\n".join(part for part in parts if part) + "\n"


def insert_table(document: str, text: str, first: str = BEGIN, last: str = END) -> str:
    """Return the document with the text between the two marks; raises ValueError without them."""
    before, begin, rest = document.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"no {first} and {last} in the document")
    return f"{before}{first}\n{text}{last}{after}"


def _introduction(report: Report) -> str:
    results = report.results
    checks = spread(results.ecdsa)
    lines = [
        (
            f"Run of {report.date}: {report.rounds} interleaved rounds of {report.seconds} s each,"
            f" {report.connections} connections; medians (least to greatest)."
        ),
        "; ".join(f"{name} {version}" for name, version in report.versions.items()) + ".",
    ]
    if checks is not None:
        lines.append(f"`openssl speed`: {rate(checks)} P-256 verifications per second.")
    unverified = [s for s in results.samples if s.contender not in VERIFYING]
    if unverified:
        again = max(sample.repeated for sample in unverified)
        lines.append(
            "All requests were signed before the run and are different; only what verifies nothing"
            f" was given some of them again (up to {again} times)."
        )
    if not report.other_cores:
        lines.append("**One core serves everything: the figures are not comparable.**")
    for name, reason in report.skipped.items():
        lines.append(f"Not measured: {TITLES[name]}: {reason}.")
    noise = max((max(s.core_foreign, s.core_stolen) for s in results.samples), default=0.0)
    if noise > _NOISE:
        lines.append(
            f"**Noise: other work took up to {noise:.0%} of the contender's core in some round.**"
        )
    return "\n".join(lines)


def _table(results: Results, method: str, title: str) -> str:
    limits = spread(results.limits(method))
    rows = [
        (
            f"| {title} | requests/s | of the limit | connector ÷ it | CPU/request |"
            " store's CPU/request | p50 | p99 | its core | the other side | errors |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    if limits is not None:
        rows.append(
            f"| limit: 1 ÷ (1/nginx + 1/`openssl speed`) | {rate(limits)} | 1 | | | | | | | | |"
        )
    for name, label in TITLES.items():
        if not results.of(name, method):
            continue
        rows.append(_row(results, method, name, label))
    return "\n".join(rows) if len(rows) > 2 else ""


def _row(results: Results, method: str, name: str, label: str) -> str:
    def middle(value: Callable[[Sample], float]) -> float:
        found = results.range(name, method, value)
        return found.median if found else 0.0

    samples = results.of(name, method)
    rates = [sample.rate for sample in samples]
    part = quotients(rates, results.limits(method)) if name != GENERATOR else None
    errors = sum(sum(sample.errors.values()) for sample in samples)
    alone = name == GENERATOR
    cells = [
        label,
        rate(spread(rates)),
        times(part),
        _against(results, method, name),
        "" if alone else f"{middle(lambda s: s.cpu) * 1e6:.1f} µs",
        f"{middle(lambda s: s.store) * 1e6:.1f} µs" if name in ADMITTING else "",
        f"{middle(lambda s: s.p50) * 1e3:.2f} ms",
        f"{middle(lambda s: s.p99) * 1e3:.2f} ms",
        "" if alone else f"{middle(lambda s: s.core_busy):.0%}",
        f"{middle(lambda s: s.generator_busy + s.merchant_busy + s.store_busy):.0%}",
        str(errors),
    ]
    return f"| {' | '.join(cells)} |"


def _controls(results: Results) -> str:
    if not results.controls:
        return ""
    rows = [
        "| Every request altered after signing | sent | 4xx | other | reached the merchant |",
        "|---|---|---|---|---|",
    ]
    pairs = dict.fromkeys((control.contender, control.method) for control in results.controls)
    for name, method in sorted(pairs, key=lambda pair: (list(TITLES).index(pair[0]), pair[1])):
        some = [c for c in results.controls if (c.contender, c.method) == (name, method)]
        sent, refused = sum(c.sent for c in some), sum(c.refused for c in some)
        other = sent - refused + sum(sum(c.errors.values()) for c in some)
        reached = sum(c.reached for c in some)
        rows.append(f"| {TITLES[name]}, {method} | {sent:,} | {refused:,} | {other} | {reached} |")
    return "\n".join(rows)


def _against(results: Results, method: str, contender: str) -> str:
    """Return how often the gateway does what this one does once."""
    ours = [sample.rate for sample in results.of(_BESIDE.get(contender, ""), method)]
    return times(quotients(ours, [sample.rate for sample in results.of(contender, method)]))
