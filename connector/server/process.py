"""One gateway process: its listeners, its signals, its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import sys
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import uvicorn
import uvloop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

_logger = logging.getLogger(__name__)

_YOUNG_OBJECTS: Final = 20_000
"""Containers that may pile up before the youngest are looked at for cycles: a few megabytes.

At Python's own 700 that happens every twenty requests under load, and finds nothing: what a
request leaves is freed by its reference counts. Measured: one request costs 5 % less.
"""


class StartError(Exception):
    """The gateway cannot start; the text is one line for whoever started it."""


class Listener(uvicorn.Server):
    """A uvicorn server whose signals are the process's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signal handlers alone."""
        yield

    def address(self) -> str:
        """The host and port it listens on."""
        name = self.servers[0].sockets[0].getsockname()
        return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def bind(host: str, port: int, what: str) -> socket.socket:
    """Open a listening socket; StartError says which address is taken and what it was for."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2048)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartError(f"cannot listen on {host}:{port} ({what}): {reason}") from error
    listener.setblocking(False)
    return listener


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on is this machine's alone."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ip_address(each[4][0]).is_loopback for each in found)


async def run_listeners(
    ingress: tuple[uvicorn.Config, socket.socket],
    admin: tuple[uvicorn.Config, socket.socket],
    *,
    started: Callable[[str, str], Awaitable[None] | None],
    draining: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what runs.

    ``started`` is called with the two addresses once both accept; ``draining`` at the signal. The
    admin listener goes on answering (not ready) until the last request is done.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    servers = [Listener(ingress[0]), Listener(admin[0])]
    tasks = [
        asyncio.create_task(server.serve(sockets=[listening]))
        for server, (_, listening) in zip(servers, (ingress, admin), strict=True)
    ]
    stopping = asyncio.create_task(stop.wait())
    while not all(server.started for server in servers):
        await asyncio.sleep(0.005)
        _raise_if_ended(tasks)
    outcome = started(servers[0].address(), servers[1].address())
    if outcome is not None:
        await outcome
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    draining()
    servers[0].should_exit = True
    try:
        await tasks[0]
    finally:
        servers[1].should_exit = True
        await tasks[1]


def _raise_if_ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()
            raise StartError("a listener ended before it had started")


def calm_collector() -> None:
    """Take all that start-up made out of the collector's sight, and let it look less often.

    Otherwise it goes through every module and setting again and again, and requests wait for it:
    measured, the slowest of a hundred took three times as long.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a process's main coroutine on uvloop."""

    async def entry() -> None:
        await main()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(entry())


def allow_open_files() -> None:
    """Take as many file descriptors as the system grants: each connection needs one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS refuses what it calls unlimited; what we have is then enough to start with.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def log_to_standard_error(level: int = logging.INFO) -> None:
    """Send the program's own messages to standard error; decisions go to standard output."""
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


def uvicorn_options(**overrides: Any) -> dict[str, Any]:
    """The options both listeners share: nothing of uvicorn's own shows on the wire."""
    return {
        "lifespan": "off",
        "loop": "none",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "log_config": None,
        "ws": "none",
        "interface": "asgi3",
        "log_level": "warning",
        **overrides,
    }
