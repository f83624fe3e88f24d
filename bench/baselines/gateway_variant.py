"""The gateway itself with one part exchanged: what that part costs shows beside the whole.

``forward`` leaves admission out: what verifies is forwarded, and no store is asked. ``redis-py``
asks the store through redis-py instead of its own connection.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bench.baselines.redis_py import RedisPyClient
from connector.admission.control import AdmissionControl
from connector.admission.scripts import ADMIT, SETTLE
from connector.server import admissions
from connector.server.serve import serve
from connector.steps import Admission

if TYPE_CHECKING:
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


def redis_py(store: Store) -> StoreClient:
    """Return the client in the place of the gateway's own."""
    return RedisPyClient(store.url.get_secret_value(), (ADMIT, SETTLE))


def exchange(variant: str) -> None:
    """Put one part of the gateway in another one's place, for this process."""
    if variant == "forward":
        vars(admissions)["AdmissionControl"] = Everyone
    else:
        vars(admissions)["open_client"] = redis_py


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=["forward", "redis-py"])
    parser.add_argument("-c", "--config", required=True)
    arguments = parser.parse_args()
    exchange(arguments.variant)
    return serve(arguments.config)


if __name__ == "__main__":
    raise SystemExit(main())
