"""Whether this process should be sent requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Health:
    """Starts as not ready; is ready between ``serving`` and ``draining``.

    ``warnings`` are shown on the health page while the gateway is ready: what an operator should
    know of and not only at start, such as ``insecure_observe``. ``problem`` says what keeps the
    process from being ready all the same, and ``passing`` what is to be looked at just now.
    """

    def __init__(
        self,
        warnings: list[str],
        *,
        problem: Callable[[], str | None] = lambda: None,
        passing: Callable[[], Iterable[str]] = lambda: (),
    ) -> None:
        self._warnings = warnings
        self._passing = passing
        self._problem = problem
        self._state = "starting"

    @property
    def warnings(self) -> list[str]:
        """What an operator should know of."""
        return [*self._warnings, *self._passing()]

    def serving(self) -> None:
        """Every listener is up."""
        self._state = "serving"

    def draining(self) -> None:
        """The process was told to stop: it finishes what runs and takes nothing new."""
        self._state = "draining"

    def reasons(self) -> list[str]:
        """Why the process is not ready; empty when it is."""
        problem = self._problem()
        state = [] if self._state == "serving" else [self._state]
        return state if problem is None else [*state, problem]
