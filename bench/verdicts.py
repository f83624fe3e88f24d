"""What a run shows, as yes or no: the aims, the negative control, no errors, nothing repeated."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.contenders import NODE, STARLETTE, VERIFYING
from bench.figures import factor, times
from bench.gateways import ADMITTING, FORWARD, TCP, UNIX, WHOLE
from bench.results import quotients

if TYPE_CHECKING:
    from bench.report import Report
    from bench.results import Overhead, Results, Sample

_METHODS: Final = ("GET", "POST")
_GENERATOR_LIMIT: Final = 0.9


class Aim(NamedTuple):
    """What a gateway's rate should be, as a multiple of something measured beside it."""

    contender: str
    against: str
    floor: float
    aim: float


LIMIT: Final = "limit"
AIMS: Final = (
    Aim(WHOLE, LIMIT, 0.23, 0.33),
    Aim(FORWARD, LIMIT, 0.38, 0.50),
    Aim(FORWARD, STARLETTE, 10.0, 15.0),
    Aim(FORWARD, NODE, 1.2, 1.5),
    Aim(UNIX, LIMIT, 0.31, 0.42),
    Aim(TCP, LIMIT, 0.31, 0.42),
)
"""``embedded:`` has none: how long its disk takes decides."""
_NAMES: Final = {
    WHOLE: "all of it",
    FORWARD: "verify and forward",
    UNIX: "with admission, unix socket",
    TCP: "with admission, TCP",
    LIMIT: "the limit",
    STARLETTE: "(b)",
    NODE: "(c)",
}


class Verdict(NamedTuple):
    """One thing that a run shows."""

    passed: bool
    text: str


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
    found += _executed(results)
    return found


def _executed(results: Results) -> list[Verdict]:
    """Judge that every answer to a write was the merchant's, and none a repetition from the store.

    What was under way when the generator ended reached the merchant, too: up to one for each
    connection.
    """
    writes = [s for name in ADMITTING for s in results.of(name, "POST")]
    short = sorted({s.contender for s in writes if s.reached < s.requests})
    if not writes:
        return []
    if short:
        return [Verdict(passed=False, text=f"ANSWERED without the merchant: {', '.join(short)}.")]
    answered = sum(s.requests for s in writes)
    return [
        Verdict(
            passed=True, text=f"{answered:,} writes were claimed; each was sent to the merchant."
        )
    ]


def _aim_verdict(results: Results, aim: Aim, method: str) -> Verdict | None:
    ours = [sample.rate for sample in results.of(aim.contender, method)]
    theirs = (
        results.limits(method)
        if aim.against == LIMIT
        else [sample.rate for sample in results.of(aim.against, method)]
    )
    ratio = quotients(ours, theirs)
    if ratio is None:
        return None
    what, against = _NAMES[aim.contender], _NAMES[aim.against]
    shown = (
        f"{method}, {what}: {times(ratio)} {against}"
        f" (aim {factor(aim.aim)}, floor {factor(aim.floor)})"
    )
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
    """Return how busy the busiest of generator, merchant and store, or their only core, was."""
    parts = (sample.generator_busy, sample.merchant_busy, sample.store_busy)
    return sum(parts) if cores == 1 else max(parts)
