"""Two gateways that share a store, as they run side by side, before one merchant."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from tests.end_to_end.gateway import RunningGateway, configuration, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.client import Answer
    from tests.end_to_end.load import Address
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform

_IN_FLIGHT: Final = 2000
"""More than a test sends at once, with some to spare for each gateway's share of one client."""


class Pair:
    """The gateways, and what they say together."""

    def __init__(self, gateways: list[RunningGateway]) -> None:
        self.gateways = gateways

    @property
    def addresses(self) -> list[Address]:
        return [gateway.address for gateway in self.gateways]

    def metric(self, name: str) -> float:
        """Return the sum of a metric that has no labels."""
        return sum(_metric(gateway.admin("/metrics"), name) for gateway in self.gateways)

    def await_metric(self, name: str, value: float) -> None:
        while self.metric(name) != value:
            pass

    def decisions(self) -> list[dict[str, Any]]:
        """Return what has been decided and told until now."""
        return [json.loads(line) for gateway in self.gateways for line in gateway.stdout]


def _metric(answer: Answer, name: str) -> float:
    for line in answer.body.decode().splitlines():
        if line.startswith(f"{name} "):
            return float(line.split(" ")[1])
    raise AssertionError(f"no metric {name}")


@contextmanager
def running_pair(
    folder: Path,
    merchant: Merchant,
    platform: Platform,
    *,
    errors: tuple[str, ...] = (),
    **store: Any,
) -> Iterator[Pair]:
    """Run both until the block ends; ``store`` is that section of their configuration.

    They must end well, and tell of no error that has none of the texts ``errors`` in it.
    """
    shop = merchant.settings(platforms={"registered": [platform.registration()]})
    settings = configuration(shop, store=store, limits={"in_flight": _IN_FLIGHT})
    with ExitStack() as stack:
        processes = []
        for name in ("first", "second"):
            home = folder / name
            home.mkdir()
            process = start(home, settings)
            processes.append(process)
            # Undone from the last to the first: a pipe is closed when nobody writes to it any more.
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    stack.callback(pipe.close)
            stack.callback(process.wait)
            stack.callback(process.kill)
        pair = Pair([RunningGateway(process) for process in processes])
        yield pair
        for gateway in pair.gateways:
            gateway.tell_to_stop()
        for gateway in pair.gateways:
            assert gateway.wait() == 0
            told = [line for line in gateway.stderr if "Traceback" in line or " ERROR " in line]
            unexpected = [line for line in told if not any(text in line for text in errors)]
            assert not unexpected, unexpected
