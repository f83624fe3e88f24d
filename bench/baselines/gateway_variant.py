"""The gateway itself with some part exchanged: what that part costs shows beside the whole.

``unlogged`` writes no request to the audit log. ``forward`` leaves admission out, too: what
verifies is forwarded, and no store is asked. ``redis-py`` is ``unlogged`` and asks the store
through redis-py instead of its own connection.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bench.baselines.redis_py import RedisPyClient
from connector.admission.control import AdmissionControl
from connector.admission.scripts import ADMIT, SETTLE
from connector.audit.ledger import Ledger
from connector.server import admissions, auditing
from connector.server.serve import serve
from connector.steps import Admission

if TYPE_CHECKING:
    from connector.errors import Refusal
    from connector.settings.gateway import Store
    from connector.steps import Caller, Operation, Received
    from connector.store.client import StoreClient


class Everyone(AdmissionControl):
    """Admits whatever was verified."""

    async def admit(
        self, received: Received, caller: Caller, operation: Operation, audit_id: str
    ) -> Admission:
        """Admit it without a claim, counted nowhere."""
        del received, caller, operation, audit_id
        return Admission("admitted", [])


class Unwritten(Ledger):
    """Writes down that it was opened and closed, and nothing in between."""

    async def receive(
        self,
        received: Received,
        caller: Caller,
        operation: Operation,
        admission: Admission,
        audit_id: str,
        template: str,
    ) -> None:
        """Go on at once; so nothing of this request is open, and nothing is closed."""

    def deny(
        self,
        audit_id: str,
        merchant: str,
        peer: str,
        status: int,
        refusal: Refusal,
        *,
        operation: str = "",
        caller: Caller | None = None,
    ) -> None:
        """Note nothing."""


def redis_py(store: Store) -> StoreClient:
    """Return the client in the place of the gateway's own."""
    return RedisPyClient(store.url.get_secret_value(), (ADMIT, SETTLE))


def exchange(variant: str) -> None:
    """Put parts of the gateway in other ones' places, for this process."""
    vars(auditing)["Ledger"] = Unwritten
    if variant == "forward":
        vars(admissions)["AdmissionControl"] = Everyone
    elif variant == "redis-py":
        vars(admissions)["open_client"] = redis_py


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=["unlogged", "forward", "redis-py"])
    parser.add_argument("-c", "--config", required=True)
    arguments = parser.parse_args()
    exchange(arguments.variant)
    return serve(arguments.config)


if __name__ == "__main__":
    raise SystemExit(main())
