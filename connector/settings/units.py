"""Units in the configuration: durations, sizes and rates, read and written.

A number without its unit is refused where it could be read two ways. Errors are ValueErrors
whose text says what was expected.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_DURATION: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_SIZE: Final = re.compile(r"([0-9]{1,15})(B|KiB|MiB|GiB)?")
_OCTETS: Final = {None: 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_MAX_SIZE: Final = 1 << 50

_RATE: Final = re.compile(r"([1-9][0-9]{0,8})/([smh])(?: +burst +([1-9][0-9]{0,8}))?")

_SHOWN: Final = 80


class Rate(NamedTuple):
    """``amount`` requests per ``period`` seconds, of which ``burst`` may come at once."""

    amount: int
    period: float
    burst: int

    @property
    def interval(self) -> float:
        """The emission interval of GCRA, in seconds."""
        return self.period / self.amount

    def __str__(self) -> str:
        unit = next(name for name, seconds in _SECONDS.items() if seconds == self.period)
        burst = "" if self.burst == self.amount else f" burst {self.burst}"
        return f"{self.amount}/{unit}{burst}"


def shown(value: object) -> str:
    """Return a value as it may stand in an error: text cut short, anything large only named."""
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")
    return "what stands there" if isinstance(value, (list, tuple, dict)) else repr(value)


def parse_duration(value: object) -> float:
    """Return the seconds in ``250ms``, ``2s``, ``10m``, ``48h`` or ``30d``."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{shown(value)} is not a duration such as 250ms, 2s, 10m, 48h or 30d")
    number, unit = match.groups()
    # Division is exact where a product with 0.001 is not.
    return int(number) / 1000 if unit == "ms" else int(number) * _SECONDS[unit]


def parse_size(value: object) -> int:
    """Return the octets in ``256KiB``, ``1MiB`` or a plain number of bytes."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{shown(value)} is not a size such as 256KiB, 1MiB or a number of bytes")
    number, unit = match.groups()
    octets = int(number) * _OCTETS[unit]
    if octets > _MAX_SIZE:
        raise ValueError(f"{shown(value)} is more than anything can hold")
    return octets


def parse_rate(value: object) -> Rate:
    """Return the Rate in ``N/s``, ``N/m`` or ``N/h``, with ``burst B`` behind it or B = N."""
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{shown(value)} is not a rate such as 20/s, 100/m or 5/s burst 10")
    amount, unit, burst = match.groups()
    return Rate(int(amount), _SECONDS[unit], int(burst or amount))


def format_duration(seconds: float) -> str:
    """Write seconds with the unit in which they are a whole number and people say it."""
    # Two days are 48h to most, thirty are 30d.
    for unit, least in (("d", 7 * 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= least and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds * 1000:.0f}ms" if seconds else "0s"


def format_size(octets: int) -> str:
    """Write octets with the largest unit that leaves a whole number."""
    for unit in ("GiB", "MiB", "KiB"):
        if octets and octets % _OCTETS[unit] == 0:
            return f"{octets // _OCTETS[unit]}{unit}"
    return str(octets)
