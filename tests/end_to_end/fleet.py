"""Gateways that run side by side at one store, for whom time passes when a test says so."""

from __future__ import annotations

import json
import mmap
import os
import struct
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from connector.cli.main import main
from tests.end_to_end.gateway import ROOT, RunningGateway, configuration
from tests.end_to_end.moved_gateway import age

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.store_servers import StoreServer

FLEET_KEY: Final = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
_AHEAD: Final = struct.Struct("d")
_METRIC: Final = "ucp_connector_fleet_profiles"


class Fleet:
    """The gateways, their store, and a file that says how far ahead their clocks are."""

    def __init__(self, gateways: list[RunningGateway], store: StoreServer, ahead: Path) -> None:
        self.gateways = gateways
        self.store = store
        self._ahead = ahead
        self._seconds = 0.0

    def pass_time(self, seconds: float) -> None:
        """Have so much time passed for all gateways, and for what the store keeps for a time."""
        self._seconds += seconds
        # In one write into the page that they all have mapped.
        with self._ahead.open("r+b") as file, mmap.mmap(file.fileno(), _AHEAD.size) as page:
            page[:] = _AHEAD.pack(self._seconds)
        age(self.store, seconds)

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
    store: StoreServer,
    *merchants: dict[str, Any],
    count: int = 3,
    **sections: Any,
) -> Iterator[Fleet]:
    """Run gateways until the block ends; they must end well, and tell of no error."""
    ahead = folder / "ahead"
    ahead.write_bytes(_AHEAD.pack(0.0))
    discovery = {"insecure_allow_loopback_profiles": True, "fleet_key": FLEET_KEY}
    given = {**discovery, **sections.pop("discovery", {})}
    with ExitStack() as stack:
        processes = []
        for number in range(count):
            home = folder / f"replica{number}"
            home.mkdir()
            settings = configuration(
                *merchants, store={"url": store.unix_url}, discovery=given, **sections
            )
            processes.append(stack.enter_context(_running(home, settings, ahead)))
        gateways = [RunningGateway(process) for process in processes]
        yield Fleet(gateways, store, ahead)
        for gateway in gateways:
            gateway.tell_to_stop()
        for gateway in gateways:
            assert gateway.wait() == 0
            gateway.check_decisions()
            assert not [line for line in gateway.stderr if "Traceback" in line or " ERROR " in line]


@contextmanager
def _running(
    folder: Path, settings: dict[str, Any], ahead: Path
) -> Iterator[subprocess.Popen[str]]:
    path = folder / "connector.yaml"
    path.write_text(json.dumps(settings))
    command = [sys.executable, "-m", __name__, str(ahead), "serve", "-c", str(path)]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and command
        command,
        cwd=ROOT,
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


def _run(ahead: str) -> int:
    real = time.time
    descriptor = os.open(ahead, os.O_RDONLY)
    page = mmap.mmap(descriptor, _AHEAD.size, prot=mmap.PROT_READ)

    def moved() -> float:
        seconds: float = _AHEAD.unpack_from(page)[0]
        return real() + seconds

    time.time = moved
    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(_run(sys.argv.pop(1)))
