from __future__ import annotations

import asyncio
import socket
import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from connector.egress.resolving import Resolver, UnresolvableError, system_lookup
from connector.errors import Refusal

if TYPE_CHECKING:
    from connector.egress.addresses import Address

PUBLIC = ip_address("93.184.216.34")


class Failing:
    def __init__(self, error: OSError) -> None:
        self.error = error

    def __call__(self, _host: str, _port: int) -> list[Address]:
        raise self.error


class Held:
    """A look-up that takes until it is let go."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.release = threading.Event()

    def __call__(self, _host: str, _port: int) -> list[Address]:
        self.started.release()
        assert self.release.wait(10)
        return [PUBLIC]


def test_every_address_of_a_name_is_returned() -> None:
    assert ip_address("127.0.0.1") in asyncio.run(Resolver(1)("localhost", 443))


def test_an_address_literal_needs_no_name_server() -> None:
    assert system_lookup("93.184.216.34", 443) == [PUBLIC]


@pytest.mark.parametrize("code", [socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_FAIL])
def test_a_name_without_addresses_is_unresolvable(code: int) -> None:
    resolver = Resolver(1, lookup=Failing(socket.gaierror(code, "no such name")))
    with pytest.raises(UnresolvableError):
        asyncio.run(resolver("missing.example", 443))


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_AGAIN, "try again"),
        socket.gaierror(socket.EAI_MEMORY, "out of memory"),
        OSError(24, "too many open files"),
    ],
)
def test_a_failure_of_our_own_resolver_is_ours(error: OSError) -> None:
    with pytest.raises(Refusal) as caught:
        asyncio.run(Resolver(1, lookup=Failing(error))("platform.example", 443))
    assert (caught.value.code.name, caught.value.reason) == ("discovery_pending", "resolver_failed")


def test_one_look_up_too_many_is_refused_at_once_and_the_place_is_given_back() -> None:
    async def scenario() -> None:
        held = Held()
        resolver = Resolver(2, lookup=held)
        both = [asyncio.create_task(resolver("slow.example", 443)) for _ in range(2)]
        for _ in both:
            await asyncio.to_thread(held.started.acquire)
        with pytest.raises(Refusal) as caught:
            await resolver("slow.example", 443)
        assert caught.value.reason == "resolver_busy"
        held.release.set()
        assert await asyncio.gather(*both) == [[PUBLIC], [PUBLIC]]
        assert await resolver("slow.example", 443) == [PUBLIC]

    asyncio.run(scenario())


def test_a_look_up_that_nobody_waits_for_still_counts() -> None:
    async def scenario() -> None:
        held = Held()
        resolver = Resolver(1, lookup=held)
        task = asyncio.create_task(resolver("slow.example", 443))
        await asyncio.to_thread(held.started.acquire)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(Refusal):
            await resolver("slow.example", 443)
        held.release.set()

    asyncio.run(scenario())


def test_a_look_up_may_outlive_its_loop() -> None:
    held = Held()
    resolver = Resolver(1, lookup=held)

    async def scenario() -> None:
        task = asyncio.create_task(resolver("slow.example", 443))
        await asyncio.to_thread(held.started.acquire)
        task.cancel()

    asyncio.run(scenario())
    threads = [thread for thread in threading.enumerate() if thread.name == "resolver"]
    held.release.set()
    for thread in threads:
        thread.join(10)
    # An exception on the thread would be a warning here, and warnings are errors.
    assert not any(thread.is_alive() for thread in threads)
