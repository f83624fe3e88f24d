"""Whether this process should be sent requests."""

from __future__ import annotations


class Health:
    """Starts as not ready; is ready between ``serving`` and ``draining``.

    ``warnings`` are shown on the health page while the gateway is ready: what an operator should
    know of and not only at start, such as ``insecure_observe``.
    """

    def __init__(self, warnings: list[str]) -> None:
        self.warnings = warnings
        self._state = "starting"

    def serving(self) -> None:
        """Every listener is up."""
        self._state = "serving"

    def draining(self) -> None:
        """The process was told to stop: it finishes what runs and takes nothing new."""
        self._state = "draining"

    def reasons(self) -> list[str]:
        """Why the process is not ready; empty when it is."""
        return [] if self._state == "serving" else [self._state]
