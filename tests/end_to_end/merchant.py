"""A merchant whose API is a raw socket: what it is sent is kept octet by octet."""

from __future__ import annotations

import json
from typing import Any, Final

from tests.end_to_end.raw_server import RawServer, Seen, answer

PROFILE_PATH: Final = "/.well-known/ucp"
AUTHORITY: Final = "shop.example.com"
PROFILE: Final = json.dumps(
    {
        "ucp": {
            "version": "2026-08-25",
            "services": {
                "dev.ucp.shopping": [
                    {"transport": "rest", "endpoint": f"https://{AUTHORITY}/ucp/v1"}
                ]
            },
        }
    }
).encode()


class Merchant(RawServer):
    """What platforms caused it to see is in ``requests``; what the connector asked is not."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_by_connector: list[Seen] = []
        self.forget()

    def forget(self) -> None:
        super().forget()
        self.script[PROFILE_PATH] = answer(PROFILE)

    def record(self, seen: Seen) -> None:
        own = seen.target == PROFILE_PATH.encode() and seen.values("User-Agent") == [
            "ucp-connector"
        ]
        if own:
            self.asked_by_connector.append(seen)
        else:
            super().record(seen)

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return this merchant as the configuration names it."""
        upstream = {"url": self.origin, "connect_timeout": "10s", **changes.pop("upstream", {})}
        return {"id": "shop", "authorities": [AUTHORITY], "upstream": upstream, **changes}
