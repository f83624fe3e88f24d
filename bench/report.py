"""From results to the table that people read, and to a yes or no."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.contenders import GATEWAY, GENERATOR, NODE, STARLETTE, TITLES, VERIFYING
from bench.results import Step, quotients, spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.results import Overhead, Range, Results, Sample

BEGIN: Final = "<!-- bench: begin -->"
END: Final = "<!-- bench: end -->"
_METHODS: Final = {"GET": "GET", "POST": "POST, 512 B of JSON"}
_NOISE: Final = 0.03
_GENERATOR_LIMIT: Final = 0.9


class Aim(NamedTuple):
    """What the gateway's rate should be, as a multiple of something measured beside it."""

    against: str
    floor: float
    aim: float


AIMS: Final = (
    Aim("limit", 0.38, 0.50),
    Aim(STARLETTE, 10.0, 15.0),
    Aim(NODE, 1.2, 1.5),
)
_AIM_NAMES: Final = {"limit": "the limit", STARLETTE: "(b)", NODE: "(c)"}


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


class Verdict(NamedTuple):
    """One thing that a run shows."""

    passed: bool
    text: str


def render(report: Report) -> str:
    """Return the whole report as Markdown."""
    parts = [_introduction(report)]
    parts.extend(_table(report.results, method, title) for method, title in _METHODS.items())
    parts.extend([_controls(report.results), _time(report.results), _overheads(report.results)])
    parts.append("\n".join(f"- {verdict.text}" for verdict in verdicts(report)))
    return "\n\n".join(part for part in parts if part) + "\n"


def insert_table(document: str, text: str) -> str:
    """Return the document with the text between the two marks; raises ValueError without them."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} and {END} in the document")
    return f"{before}{BEGIN}\n{text}{END}{after}"


def verdicts(report: Report) -> list[Verdict]:
    """Return what must hold: the aims, the negative control, no errors, requests all different."""
    results = report.results
    found = [
        verdict
        for aim in AIMS
        for method in _METHODS
        if (verdict := _aim_verdict(results, aim, method)) is not None
    ]
    found += [_overhead_verdict(overhead) for overhead in results.overheads]
    controls = results.controls
    if controls:
        held = all(control.holds for control in controls)
        sent = sum(control.sent for control in controls)
        reached = sum(control.reached for control in controls)
        outcome = "all refused with 4xx" if held else "NOT all refused"
        found.append(
            Verdict(
                held,
                f"Negative control: {sent:,} altered requests, {outcome};"
                f" {reached} reached the merchant.",
            )
        )
    verifying = [s for s in results.samples if s.contender in VERIFYING]
    if verifying and report.other_cores:
        busiest = max(_generator_load(sample, report.other_cores) for sample in verifying)
        found.append(
            Verdict(
                busiest <= _GENERATOR_LIMIT,
                f"The generator's side was at most {busiest:.0%} busy beside what verifies:"
                f" it was {'not ' if busiest <= _GENERATOR_LIMIT else ''}the bottleneck.",
            )
        )
    failed = [s for s in results.samples if s.errors]
    if failed:
        names = ", ".join(sorted({f"{s.contender} {s.method} {s.errors}" for s in failed}))
        found.append(Verdict(passed=False, text=f"ERRORS under load: {names}."))
    repeated = sorted({s.contender for s in verifying if s.repeated})
    if repeated:
        found.append(Verdict(passed=False, text=f"REPEATED requests: {', '.join(repeated)}."))
    return found


def _aim_verdict(results: Results, aim: Aim, method: str) -> Verdict | None:
    ours = [sample.rate for sample in results.of(GATEWAY, method)]
    theirs = (
        results.limits(method)
        if aim.against == "limit"
        else [sample.rate for sample in results.of(aim.against, method)]
    )
    ratio = quotients(ours, theirs)
    if ratio is None:
        return None
    name = _AIM_NAMES[aim.against]
    shown = f"{method}: {_times(ratio)} {name} (aim {_factor(aim.aim)}, floor {_factor(aim.floor)})"
    if ratio.median >= aim.aim:
        return Verdict(passed=True, text=f"{shown}: reached.")
    if ratio.median >= aim.floor:
        return Verdict(passed=True, text=f"{shown}: above the floor.")
    return Verdict(passed=False, text=f"{shown}: BELOW THE FLOOR.")


def _overhead_verdict(overhead: Overhead) -> Verdict:
    ratio = median(overhead.whole) / median(overhead.bare)
    passed = ratio <= overhead.most
    shown = f"{overhead.name}: {ratio:.2f} {overhead.beside} (at most {overhead.most:.2f})"
    outcome = "kept" if passed else "EXCEEDED"
    return Verdict(passed, f"{shown[0].upper()}{shown[1:]}: {outcome}.")


def _generator_load(sample: Sample, cores: int) -> float:
    """Return how busy the busier of generator and merchant, or their only core, was."""
    parts = (sample.generator_busy, sample.merchant_busy)
    return sum(parts) if cores == 1 else max(parts)


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
        lines.append(f"`openssl speed`: {_rate(checks)} P-256 verifications per second.")
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
            f"| {title} | requests/s | of the limit | connector ÷ it | CPU/request | p50 | p99 |"
            " its core | generator and merchant | errors |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    if limits is not None:
        ratio = _against(results, method, results.limits(method))
        rows.append(
            f"| limit: 1 ÷ (1/nginx + 1/`openssl speed`) | {_rate(limits)} | 1 | {ratio} |"
            " | | | | | |"
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
    against = "" if name in {GATEWAY, GENERATOR} else _against(results, method, rates)
    errors = sum(sum(sample.errors.values()) for sample in samples)
    alone = name == GENERATOR
    cells = [
        label,
        _rate(spread(rates)),
        _times(part),
        against,
        "" if alone else f"{middle(lambda s: s.cpu) * 1e6:.1f} µs",
        f"{middle(lambda s: s.p50) * 1e3:.2f} ms",
        f"{middle(lambda s: s.p99) * 1e3:.2f} ms",
        "" if alone else f"{middle(lambda s: s.core_busy):.0%}",
        f"{middle(lambda s: s.generator_busy + s.merchant_busy):.0%}",
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


def _time(results: Results) -> str:
    """Return where the gateway's processor time goes."""
    if not results.steps:
        return ""
    whole = {
        method: found.median
        for method in _METHODS
        if (found := results.range(GATEWAY, method, lambda s: s.cpu)) is not None
    }
    rows = [
        f"| Processor time per request in µs | {' | '.join(_METHODS.values())} |",
        f"|---|{'---|' * len(_METHODS)}",
        *(_microseconds(part) for part in results.parts),
        _microseconds(Step("verified, forwarded and answered: all of it", whole)),
        "| *single steps, repeated without load: they do not add up to the above* | | |",
        *(_microseconds(step) for step in results.steps),
    ]
    return "\n".join(rows)


def _overheads(results: Results) -> str:
    """Return what our own code costs beside bare signature operations."""
    if not results.overheads:
        return ""
    rows = [
        "| One operation, without load | whole, µs | beside | bare, µs | ratio |",
        "|---|---|---|---|---|",
    ]
    for each in results.overheads:
        whole, bare = median(each.whole), median(each.bare)
        rows.append(
            f"| {each.name} | {whole * 1e6:.1f} | {each.beside} | {bare * 1e6:.1f} |"
            f" {_times(quotients(each.whole, each.bare))} |"
        )
    return "\n".join(rows)


def _microseconds(step: Step) -> str:
    shown = [
        f"{step.seconds[method] * 1e6:.1f}" if method in step.seconds else "" for method in _METHODS
    ]
    return f"| {step.name} | {' | '.join(shown)} |"


def _against(results: Results, method: str, theirs: list[float]) -> str:
    return _times(quotients([sample.rate for sample in results.of(GATEWAY, method)], theirs))


def _rate(found: Range | None) -> str:
    if found is None:
        return ""
    if found.least == found.greatest:
        return f"{found.median:,.0f}"
    return f"{found.median:,.0f} ({found.least:,.0f} to {found.greatest:,.0f})"


def _times(found: Range | None) -> str:
    if found is None:
        return ""
    if found.least == found.greatest:
        return _factor(found.median)
    return f"{_factor(found.median)} ({_factor(found.least)} to {_factor(found.greatest)})"


def _factor(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
