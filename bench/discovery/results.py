"""What was measured, and the table of it."""

from __future__ import annotations

from statistics import median, quantiles
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT: Final = "10/s"
"""The default of ``discovery.budget``."""
MOST: Final = 1.2
"""What a flood may make of a known platform's median latency under the default budget."""
PLATFORMS: Final = ("registered", "verified before")


class Flood(NamedTuple):
    """One flood beside as much quiet time; latencies in seconds, by round and platform."""

    budget: str
    profiles: int
    calm: list[list[list[float]]]
    flooded: list[list[list[float]]]
    codes: Mapping[str, int]
    fetches: int
    cap: int
    """``cache_entries``: the most profiles in the store, and in memory."""
    in_store: int
    store_octets: int
    in_memory: int
    memory_octets: int

    def ratio(self, platform: int) -> float:
        """Return the median over the rounds of the medians' ratio."""
        return median(
            median(flooded[platform]) / median(calm[platform])
            for calm, flooded in zip(self.calm, self.flooded, strict=True)
        )

    def within(self) -> bool:
        """Whether known platforms were hardly slower, and every bound held."""
        slowed = self.budget == DEFAULT and any(
            self.ratio(platform) > MOST for platform in range(len(PLATFORMS))
        )
        # The registered platform's has room of its own in the store.
        bounded = self.in_store <= self.cap + 1 and self.in_memory <= self.cap
        return bounded and not slowed


def table(floods: Sequence[Flood]) -> str:
    """Return the measurements as Markdown."""
    rows = [
        "| a flood of profiles that nobody knows |" + "".join(f" {_title(f)} |" for f in floods),
        "|---|" + "---|" * len(floods),
    ]
    for number, name in enumerate(PLATFORMS):
        for percent in (50, 99):
            cells = _milliseconds(floods, number, percent)
            rows.append(_row(f"{name}: p{percent} in ms, calm → flood", floods, cells))
        rows.append(
            _row(
                f"{name}: ratio of p50 (at most {MOST} with the default)",
                floods,
                [f"**{flood.ratio(number):.2f}**" for flood in floods],
            )
        )
    rows += [
        _row("strangers served", floods, [str(flood.codes.get("served", 0)) for flood in floods]),
        _row(
            "strangers told to come again (503)",
            floods,
            [str(flood.codes.get("discovery_pending", 0)) for flood in floods],
        ),
        _row("profiles fetched", floods, [str(flood.fetches) for flood in floods]),
        _row(
            "profiles in the store, and their KiB",
            floods,
            [f"{f.in_store} of {f.cap}, {f.store_octets / 1024:.0f}" for f in floods],
        ),
        _row(
            "profiles in memory, and their KiB",
            floods,
            [f"{f.in_memory} of {f.cap}, {f.memory_octets / 1024:.0f}" for f in floods],
        ),
    ]
    return "\n".join(rows)


def _title(flood: Flood) -> str:
    return f"{flood.profiles:,} profiles, budget {flood.budget}"


def _row(name: str, floods: Sequence[Flood], cells: Sequence[str]) -> str:
    if len(cells) != len(floods):
        raise ValueError("a row has a cell for each flood")
    return f"| {name} | {' | '.join(cells)} |"


def _milliseconds(floods: Sequence[Flood], platform: int, percent: int) -> list[str]:
    return [
        " → ".join(
            f"{_percentile(rounds, platform, percent) * 1000:.2f}"
            for rounds in (flood.calm, flood.flooded)
        )
        for flood in floods
    ]


def _percentile(rounds: list[list[list[float]]], platform: int, percent: int) -> float:
    return median(quantiles(each[platform], n=100)[percent - 1] for each in rounds)
