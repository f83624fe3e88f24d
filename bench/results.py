"""What a run found, and the arithmetic over it."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Sample(NamedTuple):
    """One contender, one method, one round."""

    round: int
    contender: str
    method: str
    requests: int
    rate: float
    """Answers per second."""
    p50: float
    """Seconds."""
    p99: float
    cpu: float
    """Processor seconds of the contender's processes per request."""
    core_busy: float
    """Share of the contender's core that was not idle."""
    core_foreign: float
    """Share of the contender's core that other processes took: noise."""
    core_stolen: float
    """Share of the contender's core that the hypervisor took: noise."""
    generator_busy: float
    """The generator's processor time as a share of one core."""
    merchant_busy: float
    errors: dict[str, int]
    repeated: int
    """How often the generator began the pool again."""
    reached: int
    """Requests that the merchant received."""
    store: float = 0.0
    """Processor seconds of the store per request."""

    @property
    def store_busy(self) -> float:
        """Return the store's processor time as a share of one core."""
        return self.store * self.rate


class Control(NamedTuple):
    """A run in which every request was altered after signing."""

    round: int
    contender: str
    method: str
    statuses: dict[str, int]
    errors: dict[str, int]
    reached: int

    @property
    def sent(self) -> int:
        """Return how many requests were answered."""
        return sum(self.statuses.values())

    @property
    def refused(self) -> int:
        """Return how many were answered with 4xx."""
        return sum(n for status, n in self.statuses.items() if status.startswith("4"))

    @property
    def holds(self) -> bool:
        """Whether everything was refused and nothing came through."""
        return self.sent > 0 and self.refused == self.sent and not self.reached and not self.errors


class Step(NamedTuple):
    """A part of the gateway's main path."""

    name: str
    seconds: dict[str, float]
    """Processor time per request, by method."""


class Called(NamedTuple):
    """One script, called through one client over one kind of socket, by pass."""

    script: str
    client: str
    way: str
    """``unix`` or ``TCP``."""
    rates: list[float]
    """Calls per second."""
    cpu: list[float]
    """Processor seconds of the calling process per call."""
    store: list[float]
    """Processor seconds of the store per call."""


class Overhead(NamedTuple):
    """A whole operation of ours beside the signature operation in it, by pass."""

    name: str
    beside: str
    whole: list[float]
    """Processor seconds of one operation."""
    bare: list[float]
    most: float
    """The ratio that is not to be exceeded."""


class Range(NamedTuple):
    """Median, least and greatest of the rounds."""

    median: float
    least: float
    greatest: float


class Results(NamedTuple):
    """Everything that one run measured."""

    ecdsa: list[float]
    """P-256 verifications per second of ``openssl speed``, by round."""
    samples: list[Sample]
    controls: list[Control]
    parts: list[Step]
    """Whole requests to the gateway, under load, that end before they are forwarded."""
    steps: list[Step]
    """Single steps, without load."""
    overheads: list[Overhead]
    calls: list[Called]
    """Scripts by themselves, without any request around them."""

    def of(self, contender: str, method: str) -> list[Sample]:
        """Return one contender's samples in the order of the rounds."""
        return [s for s in self.samples if s.contender == contender and s.method == method]

    def range(self, contender: str, method: str, value: Callable[[Sample], float]) -> Range | None:
        """Return median, least and greatest of a value over the rounds; None if not measured."""
        return spread([value(sample) for sample in self.of(contender, method)])

    def limits(self, method: str) -> list[float]:
        """Return the limit of each round: one proxy hop and one ECDSA check, nothing else."""
        hops = self.of("nginx", method)
        return [limit(hop.rate, checks) for hop, checks in zip(hops, self.ecdsa, strict=bool(hops))]

    def to_json(self) -> dict[str, Any]:
        """Return the measurements as plain values."""
        return {
            "ecdsa": self.ecdsa,
            "samples": [sample._asdict() for sample in self.samples],
            "controls": [control._asdict() for control in self.controls],
            "parts": [part._asdict() for part in self.parts],
            "steps": [step._asdict() for step in self.steps],
            "overheads": [overhead._asdict() for overhead in self.overheads],
            "calls": [called._asdict() for called in self.calls],
        }


def limit(proxied: float, checks: float) -> float:
    """Return what nothing on one core can exceed that forwards and checks one signature.

    ``proxied`` are requests per second through nginx, ``checks`` P-256 verifications per second.
    """
    return 1.0 / (1.0 / proxied + 1.0 / checks)


def spread(values: list[float]) -> Range | None:
    """Return median, least and greatest; None of nothing."""
    return Range(median(values), min(values), max(values)) if values else None


def quotients(above: list[float], below: list[float]) -> Range | None:
    """Return the ratio of the medians, and the least and greatest ratio within one round."""
    if not above or not below:
        return None
    rounds = [a / b for a, b in zip(above, below, strict=True)]
    return Range(median(above) / median(below), min(rounds), max(rounds))
