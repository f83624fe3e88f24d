"""``python -m tests.faults.order``: kill gateways at any moment; what was sent was written before.

Under load a gateway is killed (SIGKILL) at a moment that nobody chose. Every request that the
merchant saw must then have a whole ``received`` record in the log, and the log must be one that the
next gateway goes on with; in the end it must verify.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.audit.checkpoint import NoteVerifier
from connector.audit.files import Directory
from connector.audit.keys import VKEYS
from connector.audit.reading import read_records
from connector.audit.verification import verify
from tests.end_to_end.gateway import RunningGateway, configuration
from tests.end_to_end.merchant import Merchant
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Platform
from tests.faults.site import end_well, gateway
from tests.store_servers import running_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.store_servers import StoreServer

_CALLERS: Final = 4
_LONGEST: Final = 0.3
"""Seconds of load, at most, before the end."""
_LANES: Final = 2
_IN_ONE_LOG: Final = 50
"""Kills that one log outlives: all of it is read after each of them."""
_BUDGET: Final = 2400.0
"""Seconds after which nobody is killed any more; what is missing then is a failure."""
_PLENTY: Final = "100000/s"


class Kills(NamedTuple):
    """What one log has shown."""

    kills: int
    sent: int
    """Requests that the merchant saw."""
    records: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if no request was sent that the log does not have; AssertionError says which."""
    parser = argparse.ArgumentParser(prog="tests.faults.order", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="in all (default: 1000)")
    options = parser.parse_args(arguments)
    began, kills = time.monotonic(), options.kills
    with (
        TemporaryDirectory(prefix="order-") as folder,
        running_server(Path(folder) / "store") as store,
        ThreadPoolExecutor(_LANES) as pool,
    ):
        logs = [
            pool.submit(play, Path(folder) / f"log{first}", store, min(_IN_ONE_LOG, kills - first))
            for first in range(0, kills, _IN_ONE_LOG)
        ]
        shown = [each.result() for each in logs]
    killed, sent, records = (sum(each[place] for each in shown) for place in range(3))
    sys.stdout.write(
        f"{killed} gateways killed under load: the merchant saw {sent} requests, all of them"
        f" written down before; {records} records verify ({time.monotonic() - began:.0f} s)\n"
    )
    return 0 if killed >= kills and sent > killed else 1


def play(folder: Path, store: StoreServer, kills: int) -> Kills:
    """Kill so many gateways that write one log, one after the other."""
    folder.mkdir()
    platform, deadline = Platform(), time.monotonic() + _BUDGET
    sent = done = 0
    with Merchant() as merchant:
        rates = {"reads": _PLENTY, "writes": _PLENTY}
        registered = [platform.registration(rates=rates)]
        settings = configuration(
            merchant.settings(platforms={"registered": registered}),
            store={"url": store.url, "timeout": "5s"},
            rates={"per_peer": _PLENTY},
            audit={"instance": folder.name},
        )
        path = folder / "connector.yaml"
        path.write_text(json.dumps(settings))
        for _ in range(kills):
            if time.monotonic() > deadline:
                break
            merchant.forget()
            with gateway(path, {}, folder / "audit") as running:
                _load_and_kill(running, platform)
            seen = {each.values("Audit-ID")[0] for each in merchant.requests}
            missing = seen - _received(folder)
            assert not missing, f"sent, and not written down: {missing}"
            sent, done = sent + len(seen), done + 1
        with gateway(path, {}, folder / "audit") as running:
            end_well(running)
    return Kills(done, sent, _verified(folder))


def _load_and_kill(running: RunningGateway, platform: Platform) -> None:
    stop = threading.Event()
    callers = [
        threading.Thread(target=_call, args=(running, platform, stop, number))
        for number in range(_CALLERS)
    ]
    for each in callers:
        each.start()
    # Any moment will do, the first ones of a process's life too.
    time.sleep(random.random() * _LONGEST)  # noqa: S311 - chooses a moment, keeps no secret
    running.process.kill()
    running.process.wait()
    stop.set()
    for each in callers:
        each.join()


def _call(running: RunningGateway, platform: Platform, stop: threading.Event, number: int) -> None:
    """Ask again and again, reads and writes, until the gateway is gone."""
    with contextlib.suppress(OSError, EOFError, AssertionError), running.connect() as connection:
        while not stop.is_set():
            if number % 2:
                draft = platform.signed("POST", CHECKOUTS, b'{"lines": []}')
            else:
                draft = platform.signed("GET", f"{ORDERS}/1")
            connection.exchange(draft.wire())


def _received(folder: Path) -> set[str]:
    found = set()
    for _, record in read_records(_log(folder)):
        document = json.loads(record)
        if document["type"] == "received":
            found.add(document["audit_id"])
    return found


def _verified(folder: Path) -> int:
    vkeys = (folder / "audit-keys" / VKEYS).read_text().split()
    report = verify(_log(folder), [NoteVerifier.parse(vkey) for vkey in vkeys])
    assert not report.problems, report.problems[:3]
    return report.size


def _log(folder: Path) -> Directory:
    return Directory(folder / "audit" / "0")


if __name__ == "__main__":
    os.environ.pop("MAKEFLAGS", None)
    sys.exit(main())
