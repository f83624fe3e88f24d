"""One run of the load generator: wrk with one thread, replaying signed requests."""

from __future__ import annotations

import json
import resource
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bench.machine import BenchError
from bench.servers import HOST, pinned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.requests import Pool

CONNECTIONS: Final = 32
_SCRIPT: Final = Path(__file__).with_name("lua") / "replay.lua"
_MARK: Final = "RESULT "


class Load(NamedTuple):
    """What the generator saw."""

    requests: int
    seconds: float
    p50: float
    """Seconds."""
    p99: float
    errors: dict[str, int]
    """Failed connects, reads, writes, time-outs, and answers of 400 and above (``status``)."""
    statuses: dict[str, int]
    """Answers by status; empty unless asked for."""
    wraps: int
    """How often the pool was used up and begun again."""
    generator: float
    """Processor seconds of the generator itself."""


def generate(
    port: int, pool: Pool, seconds: int, cores: Iterable[int], *, statuses: bool = False
) -> Load:
    """Send the pool's requests over 32 connections for some seconds, as fast as answers come."""
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS)]
    command += ["--duration", f"{seconds}s", "--timeout", "5s", "--script", str(_SCRIPT)]
    command += [f"http://{HOST}:{port}", "--", str(pool.path), str(pool.length), str(pool.size)]
    if statuses:
        command.append("statuses")
    before = _children_seconds()
    with pinned(cores):
        try:
            done = subprocess.run(  # noqa: S603 - the command stands just above
                command, capture_output=True, timeout=seconds + 30, check=True, text=True
            )
        except subprocess.SubprocessError as error:
            raise BenchError(f"wrk failed: {error}") from error
    return parse(done.stdout, _children_seconds() - before)


def parse(output: str, generator: float) -> Load:
    """Read the line that ``replay.lua`` writes at its end."""
    lines = [line for line in output.splitlines() if line.startswith(_MARK)]
    if not lines:
        raise BenchError("wrk ended without a result")
    result: dict[str, Any] = json.loads(lines[-1].removeprefix(_MARK))
    kinds = ("connect", "read", "write", "timeout", "status")
    return Load(
        requests=result["requests"],
        seconds=result["microseconds"] / 1e6,
        p50=result["p50"] / 1e6,
        p99=result["p99"] / 1e6,
        errors={kind: result[kind] for kind in kinds if result[kind]},
        statuses=result["statuses"],
        wraps=result["wraps"],
        generator=generator,
    )


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
