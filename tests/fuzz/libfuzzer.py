"""What libFuzzer says: the figures in its log, and where a finding begins."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_EXECUTIONS: Final = re.compile(r"^stat::number_of_executed_units: +(\d+)", re.MULTILINE)
_COVERAGE: Final = re.compile(r"^#\d+\t.* cov: (\d+) ft: (\d+) corp: (\d+)/", re.MULTILINE)
_ARTIFACT: Final = re.compile(r"Test unit written to (\S+)")
_FINDING: Final = re.compile(r"=== Uncaught Python exception: ===\n(.*?)(?===\d+==)", re.DOTALL)


class Figures(NamedTuple):
    """The figures of one run; coverage is in branches of the instrumented Python."""

    executions: int
    coverage: int
    features: int
    corpus: int
    artifact: str | None
    exception: str
    """The uncaught exception and its traceback, where there was one."""


def figures(log: str) -> Figures:
    """Read a log; figures that are not there are 0."""
    executions = _EXECUTIONS.search(log)
    covered = _COVERAGE.findall(log) or [("0", "0", "0")]
    coverage, features, corpus = map(int, covered[-1])
    artifact = _ARTIFACT.search(log)
    exception = _FINDING.search(log)
    return Figures(
        0 if executions is None else int(executions[1]),
        coverage,
        features,
        corpus,
        None if artifact is None else artifact[1],
        "" if exception is None else exception[1].strip(),
    )
