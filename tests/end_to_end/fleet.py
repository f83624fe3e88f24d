"""Gateways that run side by side at one store, for whom time passes when a test says so."""

from __future__ import annotations

import json
import mmap
import os
import socket
import struct
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from connector.cli.main import main
from tests.end_to_end.client import HOST
from tests.end_to_end.gateway import ROOT, RunningGateway, configuration
from tests.end_to_end.moved_gateway import age

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.store_servers import StoreServer

FLEET_KEY: Final = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
ZONE: Final = ".platforms.example"
"""Names below it lead to this machine, for as long as the gateways' resolver works."""
_PAGE: Final = struct.Struct("dd")
_METRIC: Final = "ucp_connector_fleet_profiles"


class Fleet:
    """The gateways, their store, and a file that says what they believe of the world.

    That is how many seconds their clocks are ahead, and whether their resolver fails.
    """

    def __init__(self, gateways: list[RunningGateway], store: StoreServer, world: Path) -> None:
        self.gateways = gateways
        self.store = store
        self._world = world
        self._seconds = 0.0
        self._fails = 0.0

    def pass_time(self, seconds: float) -> None:
        """Have so much time passed for all gateways, and for what the store keeps for a time."""
        self._seconds += seconds
        self._tell()
        age(self.store, seconds)

    def break_resolver(self, *, broken: bool = True) -> None:
        """Have the resolver of every gateway fail from now on, or work again."""
        self._fails = float(broken)
        self._tell()

    def _tell(self) -> None:
        # In one write into the page that they all have mapped.
        with self._world.open("r+b") as file, mmap.mmap(file.fileno(), _PAGE.size) as page:
            page[:] = _PAGE.pack(self._seconds, self._fails)

    def results(self, *of: RunningGateway) -> dict[str, int]:
        """Return what came of sharing profiles, at these gateways or at all together."""
        total: dict[str, int] = {}
        for gateway in of or self.gateways:
            for result, number in gateway.counted(_METRIC, "result").items():
                total[result] = total.get(result, 0) + number
        return total


@contextmanager
def running_fleet(
    folder: Path,
    server: StoreServer,
    *merchants: dict[str, Any],
    count: int = 3,
    trusting: Path | None = None,
    **sections: Any,
) -> Iterator[Fleet]:
    """Run gateways until the block ends; they must end well, and tell of no error.

    ``trusting`` is the certificate of an authority that they trust in place of the system's.
    """
    world = folder / "world"
    world.write_bytes(_PAGE.pack(0.0, 0.0))
    environment = dict(os.environ)
    if trusting is not None:
        environment["SSL_CERT_FILE"] = str(trusting)
    discovery = {"insecure_allow_loopback_profiles": True, "fleet_key": FLEET_KEY}
    given = {**discovery, **sections.pop("discovery", {})}
    kept = {"url": server.unix_url, **sections.pop("store", {})}
    with ExitStack() as stack:
        processes = []
        for number in range(count):
            home = folder / f"replica{number}"
            home.mkdir()
            settings = configuration(*merchants, store=kept, discovery=given, **sections)
            processes.append(stack.enter_context(_running(home, settings, world, environment)))
        gateways = [RunningGateway(process) for process in processes]
        yield Fleet(gateways, server, world)
        for gateway in gateways:
            gateway.tell_to_stop()
        for gateway in gateways:
            assert gateway.wait() == 0
            gateway.check_decisions()
            assert not [line for line in gateway.stderr if "Traceback" in line or " ERROR " in line]


@contextmanager
def _running(
    folder: Path, settings: dict[str, Any], world: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    path = folder / "connector.yaml"
    path.write_text(json.dumps(settings))
    command = [sys.executable, "-m", __name__, str(world), "serve", "-c", str(path)]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and command
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _run(world: str) -> int:
    real_time, real_lookup = time.time, socket.getaddrinfo
    descriptor = os.open(world, os.O_RDONLY)
    page = mmap.mmap(descriptor, _PAGE.size, prot=mmap.PROT_READ)

    def moved() -> float:
        seconds, _ = _PAGE.unpack_from(page)
        return real_time() + float(seconds)

    def lookup(host: Any, *arguments: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if not str(name).endswith(ZONE):
            return real_lookup(host, *arguments, **named)
        _, fails = _PAGE.unpack_from(page)
        if fails:
            # What getaddrinfo(3) says when no name server answers.
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real_lookup(HOST, *arguments, **named)

    time.time, socket.getaddrinfo = moved, lookup
    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(_run(sys.argv.pop(1)))
