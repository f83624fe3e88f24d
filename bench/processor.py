"""Processor time of a tree of processes and of a core, read from /proc."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

_TICK: Final = 1.0 / os.sysconf("SC_CLK_TCK")


class CoreTime(NamedTuple):
    """Seconds since boot that a core spent: in processes, in soft interrupts, taken by the host."""

    processes: float
    interrupts: float
    stolen: float


def tree_seconds(root: int) -> float:
    """Return the processor seconds of a process, its descendants and their ended children."""
    rows = {}
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:  # ended between the listing and the reading
            continue
        parent, ticks = parse_stat(stat)
        rows[int(entry.name)] = ticks
        children.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        total += rows.get(pid, 0)
        waiting.extend(children.get(pid, ()))
    return total * _TICK


def parse_stat(text: str) -> tuple[int, int]:
    """Read parent and clock ticks (own and of ended children) from a line of /proc/PID/stat."""
    # The command stands in brackets and may itself hold any character: proc(5), from field 3 on.
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), sum(int(field) for field in fields[11:15])


def core_seconds(core: int) -> CoreTime:
    """Return what one core has done since boot."""
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _, _, hard, soft, stolen = map(int, line.split()[1:9])
            return CoreTime((user + nice + system) * _TICK, (hard + soft) * _TICK, stolen * _TICK)
    raise LookupError(f"no such core: {core}")
