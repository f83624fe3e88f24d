"""One gateway with a fleet key, its store, the world around it, and floods of strangers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import multiprocessing
import secrets
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client.parser import text_string_to_metric_families

from bench.discovery.results import Flood
from bench.discovery.traffic import flood, known
from bench.discovery.world import (
    AUTHORITY,
    address_of,
    loaded,
    profile_url,
    serve,
    signed_request,
)
from bench.servers import HOST, free_port, pinned, running
from bench.stores import store
from canonical.base64 import encode_url
from connector.platforms.fleet_document import FleetSeal
from connector.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from bench.contenders import Place
    from bench.stores import Store
    from canonical import Key

_FLEET_KEY: Final = secrets.token_bytes(32)
_KNOWN: Final = ("127.9.0.1", "127.9.0.2")
"""The registered platform and the one that verified before."""


class Plan(NamedTuple):
    """What to measure."""

    profiles: int
    rate: int
    """Strangers a second."""
    rounds: int
    cap: int
    """``cache_entries``."""


class _Site(NamedTuple):
    """Everything that runs, and how to talk to it."""

    port: int
    admin: int
    profiles_port: int
    key: Key
    world: Connection
    sender: Connection
    store: Store


def measure(place: Place, plan: Plan, budget: str, tell: Callable[[str], None]) -> Flood:
    """Measure known platforms while it is calm and during the flood, in turns."""
    with _site(place, plan, budget) as site:
        now = int(time.time())
        asked = [
            signed_request(site.key, profile_url(address, site.profiles_port), "198.51.100.9", now)
            for address in _KNOWN
        ]
        asyncio.run(known(site.port, asked, 1.0))
        each, calm, flooded, codes = plan.profiles // plan.rounds, [], [], dict[str, int]()
        seconds = each / plan.rate
        before = _fetches(site)
        for number in range(plan.rounds):
            tell(f"discovery, budget {budget}: round {number + 1} of {plan.rounds}")
            strangers = _strangers(site, range(number * each, (number + 1) * each), now)
            calm.append(asyncio.run(known(site.port, asked, min(seconds, 10.0))))
            site.sender.send((strangers, seconds))
            flooded.append(asyncio.run(known(site.port, asked, seconds)))
            for code, count in site.sender.recv().items():
                codes[code] = codes.get(code, 0) + count
        in_store, store_octets = asyncio.run(_kept(site.store))
        in_memory, memory_octets = _in_memory(site.admin)
        return Flood(
            budget=budget,
            profiles=each * plan.rounds,
            calm=calm,
            flooded=flooded,
            codes=codes,
            fetches=_fetches(site) - before,
            cap=plan.cap,
            in_store=in_store,
            store_octets=store_octets,
            in_memory=in_memory,
            memory_octets=memory_octets,
        )


def _strangers(site: _Site, numbers: range, now: int) -> list[bytes]:
    return [
        signed_request(
            site.key,
            profile_url(address_of(number), site.profiles_port),
            f"198.18.{number // 250}.{number % 250 + 1}",
            now,
        )
        for number in numbers
    ]


@contextlib.contextmanager
def _site(place: Place, plan: Plan, budget: str) -> Iterator[_Site]:
    private = _jwk()
    with contextlib.ExitStack() as stack:
        world = _child(stack, place, serve, _public(private), _public(_jwk()))
        merchant_port, profiles_port = world.recv()
        kept = stack.enter_context(store(place))
        port, admin = free_port(), free_port()
        home = place.folder / f"discovery-{budget.replace('/', '-')}"
        home.mkdir()
        (home / "profile.json").write_text('{"ucp": {"version": "2026-08-25"}}', encoding="utf-8")
        config = home / "connector.yaml"
        settings = _settings(home, plan, budget, port, admin, merchant_port, profiles_port)
        settings["store"] = {"url": kept.unix_url}
        config.write_text(json.dumps(settings), encoding="utf-8")
        command = [sys.executable, "-m", "connector.cli.main", "serve", "-c", str(config)]
        stack.enter_context(running("gateway", command, port, [place.cores.contender], home))
        sender = _child(stack, place, flood, port)
        yield _Site(port, admin, profiles_port, loaded(private), world, sender, kept)


def _settings(
    home: Path, plan: Plan, budget: str, port: int, admin: int, merchant: int, profiles: int
) -> dict[str, Any]:
    plenty = "1000000/s"
    return {
        "listen": {"host": HOST, "port": port},
        "admin": {"host": HOST, "port": admin},
        "trusted_proxies": [f"{HOST}/32"],
        # What is measured is not the disk.
        "audit": {
            "directory": str(home / "audit"),
            "keys": str(home / "audit-keys"),
            "durability": "os",
        },
        "discovery": {
            "insecure_allow_loopback_profiles": True,
            "budget": budget,
            "cache_entries": plan.cap,
            "fleet_key": base64.b64encode(_FLEET_KEY).decode("ascii"),
        },
        "rates": {"reads": plenty, "writes": plenty, "per_peer": plenty},
        "merchants": [
            {
                "id": "flower-shop",
                "authorities": [AUTHORITY],
                "upstream": {"url": f"http://{HOST}:{merchant}"},
                "profile": {"source": "file", "file": str(home / "profile.json")},
                "platforms": {"registered": [{"profile": profile_url(_KNOWN[0], profiles)}]},
            }
        ],
    }


def _child(
    stack: contextlib.ExitStack, place: Place, work: Callable[..., None], *arguments: Any
) -> Connection:
    """Run a function of this package in a process of its own, which ends with the stack."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=work, args=(*arguments, theirs), daemon=True)
    with pinned(place.cores.others):
        process.start()

    def end() -> None:
        process.terminate()
        process.join()

    stack.callback(end)
    return ours


def _fetches(site: _Site) -> int:
    site.world.send("fetches")
    fetches: int = site.world.recv()
    return fetches


async def _kept(server: Store) -> tuple[int, int]:
    """Return how many documents the store has, and their octets."""
    seal = FleetSeal(_FLEET_KEY, nested_keys=False, allow_loopback=True, max_document=262_144)
    client = open_store(server.unix_url, directory=server.path.parent, timeout=10.0)
    await client.start()
    try:
        documents = await client.fields(seal.profiles)
    finally:
        await client.aclose()
    return len(documents), sum(map(len, documents.values()))


def _in_memory(admin: int) -> tuple[int, int]:
    """Return how many profiles the gateway has in memory, and their octets."""
    with urllib.request.urlopen(f"http://{HOST}:{admin}/metrics") as answer:
        text = answer.read().decode()
    values = {
        sample.name: int(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }
    return values["ucp_connector_profiles"], values["ucp_connector_profiles_bytes"]


def _jwk() -> dict[str, Any]:
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    point = numbers.public_numbers
    texts = {
        name: encode_url(value.to_bytes(32))
        for name, value in (("x", point.x), ("y", point.y), ("d", numbers.private_value))
    }
    return {"kty": "EC", "crv": "P-256", "kid": "key", **texts}


def _public(jwk: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name != "d"}
