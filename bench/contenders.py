"""The servers that are compared, and the merchant behind them: commands and configuration."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.gateways import GATEWAYS, gateway_command
from bench.servers import HOST, exchange, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.machine import Cores
    from bench.requests import Platform
    from bench.servers import Server
    from bench.stores import Store

ROOT: Final = Path(__file__).resolve().parent.parent
CACHE: Final = ROOT / "bench" / ".cache"
_NODE: Final = ROOT / "bench" / "node"

GENERATOR: Final = "generator"
NGINX: Final = "nginx"
STARLETTE: Final = "starlette"
NODE: Final = "node"

TITLES: Final = {
    GENERATOR: "no proxy: the generator straight to the merchant",
    NGINX: "(a) nginx `proxy_pass`, verifies nothing",
    **GATEWAYS,
    STARLETTE: "(b) Starlette + httpx + http-message-signatures",
    NODE: "(c) Node + http-message-signatures + node:http",
}
VERIFYING: Final = (*GATEWAYS, STARLETTE, NODE)

_CHECKOUT: Final = json.dumps(
    {
        "ucp": {"version": "2026-08-25", "status": "success"},
        "id": "chk_1",
        "status": "incomplete",
        "currency": "EUR",
        "line_items": [{"id": "li_1", "item": {"id": "bouquet_roses", "price": 3500}}],
        "totals": [{"type": "total", "amount": 7000}],
    },
    separators=(",", ":"),
)

_NGINX_HEAD: Final = """\
daemon off;
master_process off;
worker_processes 1;
pid {folder}/{name}.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  tcp_nodelay on;
  client_body_temp_path {folder}/{name}-body;
  proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-fastcgi;
  uwsgi_temp_path {folder}/{name}-uwsgi;
  scgi_temp_path {folder}/{name}-scgi;
"""

_MERCHANT: Final = """\
  default_type application/json;
  server {{
    listen {host}:{port} reuseport;
    location /ucp/v1/ {{ return 200 '{checkout}'; }}
    location = /count {{ stub_status; }}
  }}
}}
"""

_PROXY: Final = """\
  upstream merchant {{
    server {host}:{merchant};
    keepalive 64;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }}
  server {{
    listen {host}:{port};
    location / {{
      proxy_pass http://merchant;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }}
  }}
}}
"""


class Place(NamedTuple):
    """Where a run keeps its files, and on which cores it puts what."""

    folder: Path
    cores: Cores


class Merchant(NamedTuple):
    """nginx in the merchant's place."""

    server: Server

    def requests(self) -> int:
        """Return how many requests it has received, not counting this one and those before it."""
        _, text = exchange(
            self.server, f"GET /count HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode("ascii")
        )
        # "server accepts handled requests", then the three numbers on the next line.
        return int(text.split(b"requests", 1)[1].split()[2])


@contextlib.contextmanager
def merchant(place: Place) -> Iterator[Merchant]:
    """Run nginx as the merchant on the cores that the contender does not have."""
    port = free_port()
    text = _NGINX_HEAD + _MERCHANT
    config = _write_nginx(place.folder, "merchant", text, host=HOST, port=port, checkout=_CHECKOUT)
    with running("merchant", config, port, place.cores.others, place.folder) as server:
        yield Merchant(server)


def contender(
    name: str, place: Place, merchant_port: int, platform: Platform, store: Store
) -> contextlib.AbstractContextManager[Server]:
    """Run one contender alone on its core, in front of the merchant and beside the store."""
    port = free_port()
    if name in GATEWAYS:
        command = gateway_command(name, place.folder, port, merchant_port, platform, store)
    else:
        make = {NGINX: _nginx_proxy, STARLETTE: _starlette, NODE: _node}[name]
        command = make(place.folder, port, merchant_port, platform)
    return running(name, command, port, {place.cores.contender}, place.folder)


def install_node_packages() -> str | None:
    """Install what contender (c) needs into the cache; return why it cannot be run, or None."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node or npm is not there (Debian packages nodejs and npm)"
    target = CACHE / "node"
    target.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "gateway.js"):
        source = (_NODE / name).read_bytes()
        if name != "package-lock.json":
            (target / name).write_bytes(source)
        elif not (target / name).exists() or (target / name).read_bytes() != source:
            shutil.rmtree(target / "node_modules", ignore_errors=True)
            (target / name).write_bytes(source)
    if (target / "node_modules").exists():
        return None
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(  # noqa: S603 - the command stands just above
        command, cwd=target, capture_output=True, timeout=300, check=False
    )
    if done.returncode:
        shutil.rmtree(target / "node_modules", ignore_errors=True)
        return f"npm ci failed with status {done.returncode}"
    return None


def _nginx_proxy(folder: Path, port: int, merchant_port: int, _: Platform) -> list[str]:
    text = _NGINX_HEAD + _PROXY
    return _write_nginx(folder, NGINX, text, host=HOST, port=port, merchant=merchant_port)


def _starlette(folder: Path, port: int, merchant_port: int, platform: Platform) -> list[str]:
    key = folder / "starlette.pem"
    key.write_text(platform.public_pem(), encoding="ascii")
    command = [sys.executable, "-m", "bench.baselines.starlette_gateway", "--port", str(port)]
    return [*command, "--upstream", f"http://{HOST}:{merchant_port}", "--public-key", str(key)]


def _node(folder: Path, port: int, merchant_port: int, platform: Platform) -> list[str]:
    key = folder / "node.pem"
    key.write_text(platform.public_pem(), encoding="ascii")
    script = CACHE / "node" / "gateway.js"
    return ["node", str(script), str(port), str(merchant_port), str(key)]


def _write_nginx(folder: Path, name: str, text: str, **values: object) -> list[str]:
    config = folder / f"{name}.conf"
    config.write_text(text.format(folder=folder, name=name, **values), encoding="ascii")
    return ["nginx", "-e", "stderr", "-c", str(config), "-p", str(folder)]
