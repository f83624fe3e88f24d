"""A gateway whose wall clock is ahead of the machine's, or behind it: time passes for it alone.

``python -m tests.end_to_end.moved_gateway SECONDS serve -c FILE`` is ``serve`` by that clock.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from connector.cli.main import main
from tests.end_to_end.gateway import ROOT, RunningGateway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.store_servers import StoreServer


@contextmanager
def moved_gateway(
    folder: Path, settings: dict[str, Any], seconds: float
) -> Iterator[RunningGateway]:
    """Run a gateway that believes it is ``seconds`` later; it must end well."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "connector.yaml"
    path.write_text(json.dumps(settings))
    command = [sys.executable, "-m", __name__, str(seconds), "serve", "-c", str(path)]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and command
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            gateway = RunningGateway(process)
            yield gateway
            assert gateway.stop() == 0
            gateway.check_decisions()
            assert not [line for line in gateway.stderr if "Traceback" in line or " ERROR " in line]
        finally:
            if process.poll() is None:
                process.kill()


def age(store: StoreServer, seconds: float) -> None:
    """Have so much time passed for all that the store keeps for a time."""
    for key in store.ask("KEYS", "*"):
        left = store.ask("PTTL", key)
        if left >= 0:
            # No time left removes the key.
            store.ask("PEXPIRE", key, max(left - round(seconds * 1000), 0))


def _run(seconds: float) -> int:
    real = time.time
    time.time = lambda: real() + seconds
    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(_run(float(sys.argv.pop(1))))
