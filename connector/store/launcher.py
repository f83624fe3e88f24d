"""Becomes the embedded server: a script that the gateway runs, and that execs the server.

What has to happen between fork and exec happens here, in a fresh interpreter: the gateway has
threads, and Python code in the forked copy of a process with threads may wait for ever for a lock
that one of them held. It imports the standard library alone, and takes some 20 ms.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""From linux/prctl.h."""


def become(parent: int, lock: str, command: list[str]) -> None:
    """Replace this process by ``command``; ends with one line on standard error where it cannot.

    ``parent`` is the process that it must not outlive, ``lock`` the file whose record lock says
    that a server has the directory open: it belongs to the process (fcntl(2)), so exec keeps it,
    the children that the server forks do not inherit it, and its end gives it back.
    """
    # A session of its own: Ctrl-C in the gateway's terminal is the gateway's business.
    os.setsid()
    os.umask(0o077)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            sys.exit(f"The server cannot be tied to the gateway: {os.strerror(ctypes.get_errno())}")
    # The signal is not sent for a parent that was gone before it was asked for.
    if os.getppid() != parent:
        sys.exit("The gateway is gone.")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        sys.exit(f"Another server has the directory open: {error.strerror}")
    # To close it would give the lock back.
    os.set_inheritable(descriptor, True)
    try:
        os.execv(command[0], command)  # noqa: S606 - the server's binary, without a shell
    except OSError as error:
        sys.exit(f"{command[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
