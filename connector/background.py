"""Threads that work beside the event loop."""

from __future__ import annotations

import contextlib
import os


def give_way() -> None:
    """Have the calling thread not interrupt, when it wakes, whoever has its processor.

    Linux lets a thread that was woken go first. One of these would find the interpreter taken by
    the event loop that it interrupted, and sleep again: with SCHED_BATCH (sched(7)) it goes on when
    the loop waits, or has had its time. It is for work that nobody waits for: who writes the
    records that a request waits for does not give way. Where there is no such thing, or it is
    refused, all is as it was.
    """
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
