"""Faults for tests: the process dies, or sleeps, at the end of a step of the pipeline.

Only ``UCP_CONNECTOR_INSECURE_TEST_FAULT`` turns them on, and it is no setting: it cannot come from
a configuration file. Its value is JSON: ``{"step": "admit", "action": "kill"}``, with ``stop`` for
a pause (SIGSTOP), ``after`` for the number of times that the step is passed first, and ``lease``
for a lease of so many seconds in place of ten.
"""

from __future__ import annotations

import json
import logging
import os
import signal
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SWITCH: Final = "UCP_CONNECTOR_INSECURE_TEST_FAULT"
_ACTIONS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

_logger: Final = logging.getLogger(__name__)


class Faults(NamedTuple):
    """What a test asked for: nothing, in all other cases."""

    at: Callable[[str], None] | None = None
    lease: float | None = None


def faults(environment: Mapping[str, str]) -> Faults:
    """Read the switch; ValueError where it makes no sense."""
    text = environment.get(SWITCH)
    if text is None:
        return Faults()
    asked = json.loads(text)
    step, left = asked.get("step"), int(asked.get("after", 0))
    number = _ACTIONS[asked.get("action", "kill")]
    _logger.warning("%s is set: this process is made to fail", SWITCH)

    def at(passed: str) -> None:
        nonlocal left
        if passed == step:
            left -= 1
            if left < 0:
                left = 1 << 60
                os.kill(os.getpid(), number)

    return Faults(at if step else None, asked.get("lease"))
