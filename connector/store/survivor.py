"""A server that outlived its gateway: found, and ended before its directory is opened again.

On Linux there is none, for the kernel ends the server with its gateway; elsewhere a gateway that
is killed leaves its server behind. Who it is says the kernel, not a file that may be stale.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import signal
import socket
import struct
import sys
from typing import TYPE_CHECKING, Final

from connector.store.directory import EmbeddedStoreError

if TYPE_CHECKING:
    from pathlib import Path

_logger: Final = logging.getLogger(__name__)

_POLL: Final = 0.01
"""Seconds between two looks whether it is gone."""

UNSEEN: Final = 0
"""In place of a process id: somebody whom this process cannot see."""


async def end_survivor(lock: Path, path: Path, *, grace: float) -> None:
    """End whoever holds the server's lock or listens on its socket, and return once it is gone.

    First in order (SIGTERM: it flushes its file), after ``grace`` seconds at once (SIGKILL), and
    after as long again that is an :class:`EmbeddedStoreError`.
    """
    clock = asyncio.get_running_loop().time
    for number in (signal.SIGTERM, signal.SIGKILL):
        pid = survivor(lock, path)
        if pid is None:
            return
        if pid in (UNSEEN, os.getpid()):
            break
        _logger.warning(
            "process %d outlived its gateway with %s open; it gets %s",
            pid,
            lock.parent,
            number.name,
        )
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
        deadline = clock() + grace
        while clock() < deadline:
            if survivor(lock, path) is None:
                return
            await asyncio.sleep(_POLL)
    raise EmbeddedStoreError(f"{lock.parent} is held by a server that cannot be ended from here")


def survivor(lock: Path, path: Path) -> int | None:
    """Return the id of the process that has the directory open; None where nobody does."""
    holder = _holder(lock)
    return holder if holder is not None else _listener(path)


def _holder(lock: Path) -> int | None:
    """Return who holds the record lock on a file (fcntl(2), F_GETLK)."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        # struct flock of the 64-bit systems that there are binaries for.
        if sys.platform == "linux":
            asked = struct.pack("@hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(
                "@hhqqi4x", fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
            )
        else:
            asked = struct.pack("@qqihh", 0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET)
            _, _, pid, kind, _ = struct.unpack(
                "@qqihh", fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
            )
    finally:
        os.close(descriptor)
    # A holder on another machine is -1, one in another container 0.
    return None if kind == fcntl.F_UNLCK else max(pid, UNSEEN)


def _listener(path: Path) -> int | None:
    """Return who listens on a socket, whether it still answers or not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
            if sys.platform == "linux":
                # struct ucred: unix(7).
                size = struct.calcsize("@iII")
                credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
                return int(struct.unpack("@iII", credentials)[0])
            else:  # noqa: RET505 - so that mypy sees that it is for another system
                # SOL_LOCAL and LOCAL_PEERPID of sys/un.h, which Python does not name.
                return probe.getsockopt(0, 0x002)
        except OSError as error:
            # ENOTSOCK: what BSD says of a path that is a file.
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTSOCK):
                return None
            return UNSEEN
