"""The world around the gateway: a merchant, and a profile at every loopback address.

``127.1.*`` publish a profile that vouches, ``127.2.*`` none, ``127.3.*`` one with another key, and
``127.9.*`` are the known platforms. It runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from canonical import Request, load_key, sign

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from canonical import Key

AUTHORITY: Final = "shop.example.com"
PATH: Final = "/.well-known/ucp"
LIFE: Final = 60
"""Seconds for which a profile may be kept: known ones end within a run, too."""
_TARGET: Final = "/ucp/v1/orders/1"
_COMPONENTS: Final = ["@method", "@authority", "@path", "ucp-agent"]


def profile_url(address: str, port: int) -> str:
    """Return where a platform's profile is."""
    return f"http://{address}:{port}{PATH}"


def address_of(number: int) -> str:
    """Return a stranger's address: of eight, six vouch, one is not there, one has another key."""
    kind = {6: 2, 7: 3}.get(number % 8, 1)
    return f"127.{kind}.{number // 250}.{number % 250 + 1}"


def signed_request(key: Key, profile: str, peer: str, created: int) -> bytes:
    """Return a signed GET as it goes over the wire, said to come from ``peer``."""
    headers = [("Host", AUTHORITY), ("UCP-Agent", f'profile="{profile}"')]
    message = Request(method="GET", target=_TARGET, headers=headers)
    given, value = sign(message, key, _COMPONENTS, created=created, keyid="key")
    lines = [
        *headers,
        ("Signature-Input", given),
        ("Signature", value),
        ("X-Forwarded-For", peer),
    ]
    head = "".join(f"{name}: {text}\r\n" for name, text in lines)
    return f"GET {_TARGET} HTTP/1.1\r\n{head}\r\n".encode()


def serve(public: dict[str, Any], other: dict[str, Any], told: Connection) -> None:
    """Serve until the process is ended; tell the ports of the merchant and of the profiles."""
    asyncio.run(_World(public, other).serve(told))


def loaded(private: dict[str, Any]) -> Key:
    """Return the key that signs."""
    return load_key(private)


class _World:
    def __init__(self, public: dict[str, Any], other: dict[str, Any]) -> None:
        self._good = _document(public)
        self._other = _document(other)
        self._missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        self._order = _answer(b'{"id": "1"}', "")
        self._fetches = 0

    async def serve(self, told: Connection) -> None:
        everywhere = "0.0.0.0"  # noqa: S104 - all of 127/8, for the length of a run
        profiles = await asyncio.start_server(self._profile, everywhere, 0, backlog=512)
        merchant = await asyncio.start_server(self._merchant, "127.0.0.1", 0)
        told.send([each.sockets[0].getsockname()[1] for each in (merchant, profiles)])
        loop = asyncio.get_running_loop()
        # Whoever asks is told how many profiles were fetched.
        loop.add_reader(told.fileno(), self._tell, told)
        await asyncio.Event().wait()

    def _tell(self, told: Connection) -> None:
        try:
            told.recv()
            told.send(self._fetches)
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(told.fileno())

    async def _profile(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self._fetches += 1
        address = writer.get_extra_info("sockname")[0]
        kinds = {"127.2": self._missing, "127.3": self._other}
        writer.write(kinds.get(address[:5], self._good))
        writer.close()

    async def _merchant(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self._order)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _document(jwk: dict[str, Any]) -> bytes:
    body = json.dumps({"ucp": {"version": "2026-08-25"}, "keys": [jwk]}).encode()
    return _answer(body, f"Cache-Control: max-age={LIFE}\r\n")


def _answer(body: bytes, lines: str) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{lines}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
