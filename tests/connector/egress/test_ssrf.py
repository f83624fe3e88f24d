"""No URL of a stranger leads inwards: seen by a socket spy (issue: What it must show, 4)."""

from __future__ import annotations

import asyncio
import json
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connector.egress.fetch import Fetcher
from connector.egress.urls import normalise
from connector.errors import Refusal
from tests.connector.egress.loopback import (
    Authority,
    DivertingNetwork,
    answering,
    document,
    resolving_to,
    serving,
    socket_spy,
)
from tests.connector.egress.test_addresses import SPECIAL

if TYPE_CHECKING:
    from connector.egress.addresses import Address
    from connector.egress.resolving import Resolve

VECTORS = Path(__file__).parents[3].parent / "shared/vectors/payloadsallthethings/ssrf_urls.json"

TLS = ssl.create_default_context()


def load_cases() -> list[dict[str, Any]]:
    if not VECTORS.exists():
        return []
    cases: list[dict[str, Any]] = json.loads(VECTORS.read_bytes())["cases"]
    return cases


CASES = load_cases()


@pytest.fixture
def cases() -> list[dict[str, Any]]:
    if not CASES:
        pytest.skip("the public vectors (../shared/vectors) are not beside this checkout")
    return CASES


def guarded(resolve: Resolve, **changes: Any) -> Fetcher:
    settings: dict[str, Any] = {
        "tls": TLS,
        "max_document": 1024,
        "connect_timeout": 10.0,
        "timeout": 20.0,
        "least_delay": 0.0,
    }
    return Fetcher(resolve=resolve, **{**settings, **changes})


async def refusal_of(text: str, resolve: Resolve) -> str:
    """The code that a request with this profile URL would end with."""
    with pytest.raises(Refusal) as caught:
        await guarded(resolve)(normalise(text))
    return caught.value.code.name


def test_every_url_that_points_inwards_is_refused_without_a_look_up(
    cases: list[dict[str, Any]],
) -> None:
    inwards = [case["url"] for case in cases if case["expect"] == "refuse"]
    assert len(inwards) > 80
    for text in inwards:
        for spelling in {text, text.replace("http://", "https://", 1)}:
            with pytest.raises(Refusal) as caught:
                normalise(spelling)
            assert caught.value.code.name == "invalid_profile_url"


def test_the_loopback_switch_lets_none_of_them_out_but_those_to_loopback(
    cases: list[dict[str, Any]],
) -> None:
    admitted = set()
    for case in cases:
        if case["expect"] == "refuse":
            try:
                admitted.add(normalise(case["url"], allow_loopback=True).host)
            except Refusal:
                continue
    assert all(ip_address(host).is_loopback for host in admitted)
    assert admitted


def test_every_name_is_judged_by_its_addresses_and_none_is_connected_to(
    cases: list[dict[str, Any]],
) -> None:
    names = [case["url"] for case in cases if case["expect"] == "resolve-then-check"]
    assert len(names) > 20

    async def scenario() -> None:
        for text in names:
            for spelling in {text, text.replace("http://", "https://", 1)}:
                for inside in ("127.0.0.1", "169.254.169.254", "::1"):
                    code = await refusal_of(spelling, resolving_to(inside))
                    assert code == "invalid_profile_url"

    with socket_spy() as seen:
        asyncio.run(scenario())
    assert seen == []


@pytest.mark.parametrize("address", SPECIAL)
def test_a_name_that_resolves_to_a_special_use_range_is_refused_without_a_connection(
    address: str,
) -> None:
    with socket_spy() as seen:
        code = asyncio.run(refusal_of("https://platform.example/", resolving_to(address)))
    assert (code, seen) == ("invalid_profile_url", [])


@pytest.mark.parametrize("order", [("93.184.216.34", "10.0.0.1"), ("10.0.0.1", "93.184.216.34")])
def test_one_inner_address_among_public_ones_refuses_the_name(order: tuple[str, str]) -> None:
    with socket_spy() as seen:
        code = asyncio.run(refusal_of("https://platform.example/", resolving_to(*order)))
    assert (code, seen) == ("invalid_profile_url", [])


def test_a_name_that_changes_its_address_is_connected_to_at_the_address_that_was_checked(
    tmp_path: Path,
) -> None:
    """DNS rebinding: a second look-up would lead to loopback, and there is no second look-up."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    authority = Authority()

    async def rebinding(_host: str, _port: int) -> list[Address]:
        return [ip_address(next(answers))]

    async def scenario() -> None:
        tls = authority.server(tmp_path, "rebinding.example")
        outer, inner = serving(answering(document(b"outside")), tls), serving(answering())
        async with outer as outside, inner as inside:
            network = DivertingNetwork(outside.port)
            fetch = guarded(rebinding, network=network, tls=authority.trusting())
            url = normalise(f"https://rebinding.example:{inside.port}/")
            assert (await fetch(url)).body == b"outside"
            assert network.asked == [("93.184.216.34", inside.port)]
            with pytest.raises(Refusal) as caught:
                await fetch(url)
            assert caught.value.code.name == "invalid_profile_url"
            assert len(network.asked) == 1
            assert inside.connections == 0

    asyncio.run(scenario())


def test_loopback_is_not_reached_without_the_switch() -> None:
    async def scenario() -> tuple[str, int]:
        async with serving(answering(document(b"{}"))) as server:
            url = f"https://localhost:{server.port}/"
            code = await refusal_of(url, resolving_to("127.0.0.1"))
            return code, server.connections

    assert asyncio.run(scenario()) == ("invalid_profile_url", 0)


def test_under_the_switch_plain_http_to_a_public_address_is_refused_without_a_connection() -> None:
    async def scenario() -> str:
        fetch = guarded(resolving_to("93.184.216.34"), allow_loopback=True)
        with pytest.raises(Refusal) as caught:
            await fetch(normalise("http://platform.example/", allow_loopback=True))
        return caught.value.code.name

    with socket_spy() as seen:
        assert asyncio.run(scenario()) == "invalid_profile_url"
    assert seen == []


def test_the_spy_sees_a_connection() -> None:
    """The negative control of every test above."""

    async def scenario() -> int:
        async with serving(answering(document(b"{}"))) as server:
            fetch = guarded(resolving_to("127.0.0.1"), allow_loopback=True)
            await fetch(normalise(f"http://localhost:{server.port}/", allow_loopback=True))
            return server.port

    with socket_spy() as seen:
        port = asyncio.run(scenario())
    assert ("socket.connect", ("127.0.0.1", port)) in seen
