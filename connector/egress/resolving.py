"""Names to addresses, on threads of our own that strangers cannot use up.

The C library's resolver cannot be cancelled, and a slow name server holds its thread long after
the fetch gave up. A pool would queue behind such threads (uvloop's shared one most of all); here
each look-up has a thread of its own, their number is bounded, and one more is refused at once.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Final

from connector.egress.addresses import Address
from connector.errors import Refusal

Resolve = Callable[[str, int], Awaitable[list[Address]]]
"""(host, port) to every address of that name; raises ``UnresolvableError`` or ``Refusal``."""
Lookup = Callable[[str, int], list[Address]]

OUR_FAULTS: Final = frozenset({"resolver_busy", "resolver_failed"})
"""Reasons of refusals that say something of our resolver and nothing of the name."""

# What getaddrinfo(3) says when the name, rather than our resolver, is at fault.
_NO_SUCH_NAME: Final = frozenset({socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_FAIL})


class UnresolvableError(Exception):
    """The name has no address."""


def system_lookup(host: str, port: int) -> list[Address]:
    """Ask the C library, blocking; raises ``OSError``."""
    # Bytes: a str would go through Python's own IDNA codec, and the name is ASCII already.
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    # str(): typeshed allows an int there, for builds without IPv6.
    return [ip_address(str(sockaddr[0])) for *_, sockaddr in found]


class Resolver:
    """Looks up names, at most ``limit`` at a time, counting those that nobody waits for any more.

    ``lookup`` blocks and runs on a thread. Calling raises ``UnresolvableError`` for a name without
    addresses, and ``Refusal("discovery_pending")`` where our own resolver is at fault or busy.
    """

    def __init__(self, limit: int, *, lookup: Lookup = system_lookup) -> None:
        self._free = limit
        self._lookup = lookup

    async def __call__(self, host: str, port: int) -> list[Address]:
        if self._free == 0:
            raise Refusal("discovery_pending", "resolver_busy", "too many names are being resolved")
        loop = asyncio.get_running_loop()
        result: asyncio.Future[list[Address]] = loop.create_future()
        # A daemon: a name server that never answers must not hold up the end of the process.
        threading.Thread(
            target=self._run, args=(loop, result, host, port), name="resolver", daemon=True
        ).start()
        self._free -= 1  # given back on the loop, so never before it was taken
        try:
            return await result
        except socket.gaierror as error:
            if error.errno in _NO_SUCH_NAME:
                raise UnresolvableError(error.strerror) from error
            raise _fault(error) from error
        except OSError as error:
            raise _fault(error) from error

    def _run(
        self,
        loop: asyncio.AbstractEventLoop,
        result: asyncio.Future[list[Address]],
        host: str,
        port: int,
    ) -> None:
        found: list[Address] | Exception
        try:
            found = self._lookup(host, port)
        except Exception as error:  # noqa: BLE001 - it is handed on to the caller, whatever it is
            found = error
        try:
            loop.call_soon_threadsafe(self._finish, result, found)
        except RuntimeError:
            # The loop is closed: the process ends, and nobody waits for this name.
            return

    def _finish(
        self, result: asyncio.Future[list[Address]], found: list[Address] | Exception
    ) -> None:
        self._free += 1
        if result.done():
            return
        if isinstance(found, Exception):
            result.set_exception(found)
        else:
            result.set_result(found)


def _fault(error: OSError) -> Refusal:
    return Refusal(
        "discovery_pending", "resolver_failed", f"our resolver failed: {error}", retry_after=5
    )
