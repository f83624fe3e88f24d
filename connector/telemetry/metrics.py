"""Counters kept as plain numbers, shown to Prometheus only when it asks.

A labelled counter of the client library costs more than a microsecond each time; a dictionary
entry does not. The label values are all from our own tables (merchant ids, operations, decisions,
codes, steps), so a stranger cannot make new series.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

BOUNDS: Final[Sequence[float]] = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
"""Upper bounds of the buckets of step durations, in seconds."""


class _Durations:
    """One histogram: how often, and how long altogether."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        rows, running = [], 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.counts, strict=True):
            running += count
            rows.append((bound, float(running)))
        return rows


class AuditFigures(Protocol):
    """What the audit log tells of itself."""

    commits: int
    records: int
    failures: int

    @property
    def problem(self) -> str | None:
        """Why it cannot be written."""

    @property
    def behind(self) -> int:
        """Records without a checkpoint."""


class Metrics:
    """What one process counts. It is a collector in the sense of ``prometheus_client``."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.observed: list[str] = []
        """Merchants whose unverified requests are forwarded (``insecure_observe``)."""
        self.dropped_lines: Callable[[], int] = lambda: 0
        self._requests: dict[tuple[str, str, str, str], int] = {}
        self._unsigned: dict[tuple[str, str], int] = {}
        self._invalid: dict[tuple[str, str, str], int] = {}
        self._admissions: dict[tuple[str, str], int] = {}
        self._settlements: dict[str, int] = {}
        self.store: Callable[[], tuple[bool, int, int, int, int]] | None = None
        """Up or not, failed calls, leases held, settlements that wait, the embedded's restarts."""
        self.audit: Callable[[], AuditFigures] | None = None
        self.profiles: Callable[[], tuple[int, int]] | None = None
        """Profiles in memory, and their octets."""
        self.fleet: Mapping[str, int] | None = None
        """How often each result of sharing profiles came out; None where they are not shared."""
        self._steps: dict[str, _Durations] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def count(self, merchant: str, operation: str, decision: str, code: str) -> None:
        """Count one decided request; ``code`` is empty for an accepted one."""
        key = (merchant, operation, decision, code)
        self._requests[key] = self._requests.get(key, 0) + 1

    def count_unsigned(self, merchant: str, reason: str) -> None:
        """Count one answer to a verified request that went back without a signature."""
        key = (merchant, reason)
        self._unsigned[key] = self._unsigned.get(key, 0) + 1

    def count_invalid(self, merchant: str, operation: str, rule: str) -> None:
        """Count one request whose body breaks a rule, refused or only told."""
        key = (merchant, operation, rule)
        self._invalid[key] = self._invalid.get(key, 0) + 1

    def count_admission(self, merchant: str, result: str) -> None:
        """Count one result of admission; ``over_rate`` beside another one where it is only told."""
        key = (merchant, result)
        self._admissions[key] = self._admissions.get(key, 0) + 1

    def count_settlement(self, word: str) -> None:
        """Count what the store said to the settling of a claim, or that it could not be asked."""
        self._settlements[word] = self._settlements.get(word, 0) + 1

    def observe(self, step: str, seconds: float) -> None:
        """Add one duration of a step of the pipeline."""
        durations = self._steps.get(step)
        if durations is None:
            durations = self._steps[step] = _Durations()
        durations.observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """Yield the families, as ``prometheus_client`` asks of a collector."""
        requests = CounterMetricFamily(
            "ucp_connector_requests",
            "Requests by merchant, operation, decision and error code.",
            labels=("merchant", "operation", "decision", "code"),
        )
        for labels, value in self._requests.copy().items():
            requests.add_metric(labels, value)
        yield requests
        unsigned = CounterMetricFamily(
            "ucp_connector_unsigned_answers",
            "Answers to verified requests that went back without a signature, by reason.",
            labels=("merchant", "reason"),
        )
        for pair, value in self._unsigned.copy().items():
            unsigned.add_metric(pair, value)
        yield unsigned
        invalid = CounterMetricFamily(
            "ucp_connector_invalid_bodies",
            "Verified requests whose body breaks a rule, refused or only told.",
            labels=("merchant", "operation", "rule"),
        )
        for broken, value in self._invalid.copy().items():
            invalid.add_metric(broken, value)
        yield invalid
        admissions = CounterMetricFamily(
            "ucp_connector_admissions",
            "Verified requests by the result of their admission.",
            labels=("merchant", "result"),
        )
        for pair, value in self._admissions.copy().items():
            admissions.add_metric(pair, value)
        yield admissions
        settlements = CounterMetricFamily(
            "ucp_connector_settlements",
            "Claims that were settled, by the store's word; delayed where it could not be asked.",
            labels=("word",),
        )
        for word, value in self._settlements.copy().items():
            settlements.add_metric((word,), value)
        yield settlements
        yield from self._store_families()
        yield from self._audit_families()
        yield from self._profile_families()
        steps = HistogramMetricFamily(
            "ucp_connector_step_seconds", "Time spent in a step.", labels=("step",)
        )
        for step, durations in self._steps.copy().items():
            steps.add_metric((step,), buckets=durations.buckets(), sum_value=durations.total)
        yield steps
        yield GaugeMetricFamily(
            "ucp_connector_in_flight", "Requests being decided or forwarded.", value=self.in_flight
        )
        yield CounterMetricFamily(
            "ucp_connector_dropped_decision_lines",
            "Decision lines that standard output did not take in time.",
            value=self.dropped_lines(),
        )

        observed = GaugeMetricFamily(
            "ucp_connector_insecure_observe",
            "1 for a merchant whose unverified requests are forwarded.",
            labels=("merchant",),
        )
        for merchant in self.observed:
            observed.add_metric((merchant,), 1)
        yield observed

    def _store_families(self) -> Iterator[Metric]:
        if self.store is None:
            return
        up, failures, leases, waiting, restarts = self.store()
        yield GaugeMetricFamily(
            "ucp_connector_store_up", "1 while the store answers and may be used.", value=int(up)
        )
        yield CounterMetricFamily(
            "ucp_connector_store_failures",
            "Calls to the store without a usable reply.",
            value=failures,
        )
        yield CounterMetricFamily(
            "ucp_connector_store_restarts", "Restarts of the embedded store.", value=restarts
        )
        yield GaugeMetricFamily(
            "ucp_connector_leases", "Claims whose merchant is at work.", value=leases
        )
        yield GaugeMetricFamily(
            "ucp_connector_settlements_waiting",
            "Claims whose outcome the store could not be told yet.",
            value=waiting,
        )

    def _audit_families(self) -> Iterator[Metric]:
        if self.audit is None:
            return
        log = self.audit()
        yield GaugeMetricFamily(
            "ucp_connector_audit_up",
            "1 while the audit log can be written.",
            value=int(log.problem is None),
        )
        yield CounterMetricFamily(
            "ucp_connector_audit_records", "Records on disk.", value=log.records
        )
        yield CounterMetricFamily(
            "ucp_connector_audit_commits",
            "Syncs of the audit log; each one holds the records of all who waited.",
            value=log.commits,
        )
        yield CounterMetricFamily(
            "ucp_connector_audit_failures",
            "Commits that failed or came too late, and records that were lost.",
            value=log.failures,
        )
        yield GaugeMetricFamily(
            "ucp_connector_audit_behind",
            "Records on disk that no checkpoint covers yet.",
            value=log.behind,
        )

    def _profile_families(self) -> Iterator[Metric]:
        if self.profiles is not None:
            entries, octets = self.profiles()
            yield GaugeMetricFamily(
                "ucp_connector_profiles", "Platforms' profiles in memory.", value=entries
            )
            yield GaugeMetricFamily(
                "ucp_connector_profiles_bytes",
                "Memory that platforms' profiles take, estimated.",
                value=octets,
            )
        if self.fleet is None:
            return
        shared = CounterMetricFamily(
            "ucp_connector_fleet_profiles",
            "Profiles shared by replicas, by result; refused and rolled_back are an alarm.",
            labels=("result",),
        )
        for result, value in dict(self.fleet).items():
            shared.add_metric((result,), value)
        yield shared

    def exposition(self) -> bytes:
        """Render the text format that Prometheus scrapes."""
        return generate_latest(self._registry)
