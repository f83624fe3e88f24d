"""Runs the tests of ``tests/canonical`` against one mutant, in a process of its own.

The process is a fork of one that has everything imported but ``canonical`` and its tests, so that
a mutant costs little more than the tests that it fails. The tests of the mutant's own module come
first, and the first failure ends the run.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from tests.mutation.mutants import Mutant

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = Path("tests") / "canonical"
KILLED: Final = "killed"
SURVIVED: Final = "survived"
TIMED_OUT: Final = "timed out"

_PATIENCE: Final = 60.0
"""Seconds; all the tests together take about a tenth of it."""
_MEMORY: Final = 2 << 30
_OPTIONS: Final = (
    *("-x", "-q", "--no-header", "-p", "no:cacheprovider"),
    # Plugins that were imported before pytest could rewrite them: that is the point of forking.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
_OWN_TESTS: Final = {"component_values": "components", "field_types": "components"}


class Run(NamedTuple):
    """A run under way."""

    mutant: Mutant
    process: int
    deadline: float


def start(mutant: Mutant | None) -> int:
    """Fork a run; None runs the unchanged package. Returns the process id."""
    process = os.fork()
    if process == 0:
        _run(mutant)
    return process


def outcome(run: Run) -> str | None:
    """Say how a run ended; None while it goes on."""
    ended, status = os.waitpid(run.process, os.WNOHANG)
    if ended:
        return SURVIVED if status == 0 else KILLED
    if time.monotonic() < run.deadline:
        return None
    os.killpg(run.process, signal.SIGKILL)
    os.waitpid(run.process, 0)
    return TIMED_OUT


def begin(mutant: Mutant) -> Run:
    """Start the run of a mutant."""
    return Run(mutant, start(mutant), time.monotonic() + _PATIENCE)


def _run(mutant: Mutant | None) -> NoReturn:
    status = 3
    try:
        os.setpgid(0, 0)
        os.chdir(ROOT)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        # A mutant may loop for ever or fill the memory.
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        os.environ["HYPOTHESIS_PROFILE"] = "mutation"
        if mutant is not None:
            sys.meta_path.insert(0, _Finder(mutant))
        failed = 0
        for paths in _stages(mutant):
            failed = failed or int(pytest.main([*_OPTIONS, *paths]))
        status = failed
    finally:
        os._exit(status)


def _stages(mutant: Mutant | None) -> list[list[str]]:
    """The tests of the module itself, then all others."""
    every = sorted(str(path) for path in TESTS.glob("test_*.py"))
    if mutant is None:
        return [every]
    name = _OWN_TESTS.get(mutant.module, mutant.module)
    own = [path for path in every if Path(path).name.startswith(f"test_{name}")]
    return [stage for stage in (own, [path for path in every if path not in own]) if stage]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the mutant in its module's place."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = f"canonical.{mutant.module}"
        self._source = mutant.source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def get_source(self, fullname: str) -> str:
        del fullname
        return self._source
