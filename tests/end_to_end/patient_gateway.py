"""A gateway that gives its machine time: ``serve`` as it is, with one constant changed.

A request waits for its record a quarter of a second and is refused then, as it should be. A machine
that tests share with others takes that long now and again to write to its disk.

``python -m tests.end_to_end.patient_gateway serve -c FILE`` is such a ``serve``.
"""

from __future__ import annotations

import sys
from typing import Final

from connector.audit import log
from connector.cli.main import main

_DISK: Final = 15.0
"""Seconds that a record may take to the disk."""


def be_patient() -> None:
    """Have this process wait for its disk."""
    log.DEADLINE = _DISK  # type: ignore[misc]  # final to all others


if __name__ == "__main__":
    be_patient()
    sys.exit(main(sys.argv[1:]))
