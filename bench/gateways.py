"""The gateway under test and its variants: their names, configuration and commands."""

from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING, Any, Final

import yaml

from bench.requests import AUTHORITY, PROFILE
from bench.servers import HOST, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from bench.requests import Platform
    from bench.stores import Store

WHOLE: Final = "gateway-whole"
WHOLE_OS: Final = "gateway-whole-os"
FORWARD: Final = "gateway-forward"
UNIX: Final = "gateway-unix"
TCP: Final = "gateway-tcp"
EMBEDDED: Final = "gateway-embedded"
REDIS_PY_UNIX: Final = "redis-py-unix"
REDIS_PY_TCP: Final = "redis-py-tcp"

GATEWAYS: Final = {
    WHOLE: "**UCP connector**, all of it: verify, admit, log (`fsync`), forward, sign the answer",
    WHOLE_OS: "**UCP connector**, all of it, the log with `durability: os`",
    FORWARD: "**UCP connector**, verify and forward: admission left out",
    UNIX: "**UCP connector**, verify, admit and forward: store on a unix socket",
    TCP: "**UCP connector**, verify, admit and forward: store on TCP",
    EMBEDDED: "**UCP connector**, verify, admit and forward: `embedded:`",
    REDIS_PY_UNIX: "(d) the same gateway over redis-py: store on a unix socket",
    REDIS_PY_TCP: "(d) the same gateway over redis-py: store on TCP",
}
ADMITTING: Final = frozenset(GATEWAYS) - {FORWARD}
THROUGH_REDIS_PY: Final = frozenset({REDIS_PY_UNIX, REDIS_PY_TCP})
LOGGING: Final = frozenset({WHOLE, WHOLE_OS})
"""Those that also write their audit log and sign their answers."""

_VARIANTS: Final = {
    FORWARD: "forward",
    **dict.fromkeys((UNIX, TCP, EMBEDDED), "unlogged"),
    **dict.fromkeys(THROUGH_REDIS_PY, "redis-py"),
}
_STORE: Final = "store"


def gateway_settings(
    port: int,
    admin_port: int,
    merchant_port: int,
    platform: Platform,
    folder: Path,
    url: str,
    *,
    signing: bool = False,
    durability: str = "fsync",
) -> dict[str, Any]:
    """Return the configuration of the gateway under test: the defaults, rates out of the way.

    ``url`` is the store's. Answers are signed where everything is measured, and not beside others,
    none of which signs them. The audit log keeps signature bases, which costs a little more than
    the default.
    """
    plenty = "1000000/s"
    return {
        "listen": {"host": HOST, "port": port, "workers": 1},
        "admin": {"host": HOST, "port": admin_port},
        "store": {"url": url, "directory": str(directory(folder))},
        "audit": {
            "directory": str(folder / "audit"),
            "keys": str(folder / "audit-keys"),
            "instance": "bench",
            "durability": durability,
            "evidence_key": base64.b64encode(b"e" * 32).decode("ascii"),
        },
        "rates": {"reads": plenty, "writes": plenty, "per_peer": plenty},
        "merchants": [
            {
                "id": "flower-shop",
                "authorities": [AUTHORITY],
                "scheme": "https",
                "upstream": {"url": f"http://{HOST}:{merchant_port}"},
                "profile": {"source": "file", "file": str(folder / "profile.json")},
                "responses": {"sign": signing},
                "platforms": {
                    "registered": [
                        {
                            "profile": PROFILE,
                            "keys": [platform.public_jwk()],
                            "version": "2026-08-25",
                            "rates": {"reads": plenty, "writes": plenty},
                        }
                    ]
                },
            }
        ],
    }


def directory(folder: Path) -> Path:
    """Return where a gateway's embedded store is, by the gateway's folder."""
    return folder / _STORE


def gateway_command(
    name: str, folder: Path, port: int, merchant_port: int, platform: Platform, store: Store
) -> list[str]:
    """Write one gateway's files into a folder of its own, and return its command."""
    home = folder / name
    home.mkdir()
    profile = json.dumps({"ucp": {"version": "2026-08-25"}})
    (home / "profile.json").write_text(profile, encoding="utf-8")
    if name == EMBEDDED:
        url = "embedded:"
    else:
        url = store.url if name in {TCP, REDIS_PY_TCP} else store.unix_url
    settings = gateway_settings(
        port,
        free_port(),
        merchant_port,
        platform,
        home,
        url,
        signing=name in LOGGING,
        durability="os" if name == WHOLE_OS else "fsync",
    )
    config = home / "gateway.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    variant = _VARIANTS.get(name)
    if variant is None:
        return [sys.executable, "-m", "connector.cli.main", "serve", "-c", str(config)]
    module = "bench.baselines.gateway_variant"
    return [sys.executable, "-m", module, variant, "-c", str(config)]
