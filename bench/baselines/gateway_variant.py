"""The gateway itself with some part exchanged: what that part costs shows beside the whole.

``unlogged`` writes no request to the audit log. ``forward`` leaves admission out, too: what
verifies is forwarded, and no store is asked. ``redis-py`` is ``unlogged`` and asks the store
through redis-py instead of its own connection.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bench.baselines.redis_py import RedisPyClient
from connector.admission.scripts import ADMIT, SETTLE
from connector.audit.ledger import Ledger
from connector.server import auditing, serve
from connector.server.admissions import Admissions
from connector.steps import Admission

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.admission.plans import Plan
    from connector.settings.gateway import Store
    from connector.settings.merchants import Merchant
    from connector.steps import Caller, Operation, Received
    from connector.store.client import StoreClient


class Everyone:
    """Admits whatever was verified."""

    async def admit(
        self, received: Received, caller: Caller, operation: Operation, audit_id: str
    ) -> Admission:
        """Admit it without a claim, counted nowhere."""
        del received, caller, operation, audit_id
        return Admission("admitted", [])

    def leave(self, admission: Admission) -> None:
        """Nothing is held."""

    def follow(self, by_identity: Mapping[str, Plan]) -> None:
        """Nobody has a plan."""


class Unasked:
    """What all merchants share, of which admission is not used."""

    def __init__(self, *terms: Any, **parts: Any) -> None:
        self._kept = Admissions(*terms, **parts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kept, name)

    def control(self, merchant: Merchant) -> Everyone:
        """Make what admits one merchant's requests."""
        del merchant
        return Everyone()


class Unwritten:
    """A ledger that writes down that it was opened and closed, and nothing in between."""

    def __init__(self, *log: Any, **parts: Any) -> None:
        self._kept = Ledger(*log, **parts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kept, name)

    async def receive(self, *request: object) -> None:
        """Go on at once; so nothing of this request is open, and nothing is closed."""

    def has(self, audit_id: str) -> bool:
        """Nothing is open."""
        del audit_id
        return False

    def deny(self, *refused: object, **by: object) -> None:
        """Note nothing."""


def redis_py(store: Store) -> StoreClient:
    """Return the client in the place of the gateway's own."""
    return RedisPyClient(store.url.get_secret_value(), (ADMIT, SETTLE))


def exchange(variant: str) -> None:
    """Put parts of the gateway in other ones' places, for this process.

    The modules in which they are looked up are none that mypyc compiles: what is compiled finds
    its own parts whatever a module's names stand for. The bench checks what came of it.
    """
    vars(auditing)["Ledger"] = Unwritten
    if variant == "forward":
        vars(serve)["Admissions"] = Unasked
    elif variant == "redis-py":
        vars(serve)["open_client"] = redis_py


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=["unlogged", "forward", "redis-py"])
    parser.add_argument("-c", "--config", required=True)
    arguments = parser.parse_args()
    exchange(arguments.variant)
    return serve.serve(arguments.config)


if __name__ == "__main__":
    raise SystemExit(main())
