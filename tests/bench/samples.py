"""Measurements that nobody made, for the arithmetic and the table."""

from __future__ import annotations

from bench.report import Report
from bench.results import Control, Results, Sample


def sample(contender: str, rate: float, *, number: int = 0, method: str = "GET") -> Sample:
    return Sample(
        round=number,
        contender=contender,
        method=method,
        requests=int(rate),
        rate=rate,
        p50=0.001,
        p99=0.002,
        cpu=1 / rate,
        core_busy=1.0,
        core_foreign=0.0,
        core_stolen=0.0,
        generator_busy=0.1,
        merchant_busy=0.1,
        errors={},
        repeated=0,
        reached=int(rate),
    )


def control(statuses: dict[str, int], *, reached: int = 0) -> Control:
    return Control(
        round=0,
        contender="gateway-unix",
        method="POST",
        statuses=statuses,
        errors={},
        reached=reached,
    )


def report(results: Results) -> Report:
    return Report(
        date="2026-11-20",
        rounds=3,
        seconds=4,
        connections=32,
        versions={"processor": "a processor"},
        other_cores=1,
        skipped={},
        results=results,
    )
