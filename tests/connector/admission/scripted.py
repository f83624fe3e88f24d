"""The room's scripts on a real server, by a clock that the test sets."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from hiredis import Reader

from connector.admission.scripts import ADMIT, SETTLE
from connector.store.connection import pack
from connector.store.scripts import Script
from tests.store_servers import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_CLOCK: Final = b"redis.call('TIME')"
START: Final = 1_795_000_000_000_000
"""Microseconds of UNIX time at which histories begin."""


def by_given_clock(script: Script) -> Script:
    """Return the script with its one look at the clock replaced by its last argument."""
    assert script.source.count(_CLOCK) == 1
    source = script.source.replace(_CLOCK, b"cjson.decode(ARGV[#ARGV])")
    return Script(script.name, source.decode())


class ScriptedStore:
    """A connection to a server on which the scripts run at any time."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(path)
        self._reader = Reader()
        self._admit, self._settle = by_given_clock(ADMIT), by_given_clock(SETTLE)
        for script in (self._admit, self._settle):
            assert self.ask(b"SCRIPT", b"LOAD", script.source) == script.digest

    def close(self) -> None:
        self._socket.close()

    def ask(self, *words: bytes | str | int) -> Any:
        self._socket.sendall(pack(*words))
        while (reply := self._reader.gets()) is False:
            data = self._socket.recv(65536)
            assert data
            self._reader.feed(data)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def admit(self, now: int, keys: Sequence[bytes], arguments: Sequence[bytes]) -> list[Any]:
        return self._run(self._admit, now, keys, arguments)

    def settle(self, now: int, keys: Sequence[bytes], arguments: Sequence[bytes]) -> list[Any]:
        return self._run(self._settle, now, keys, arguments)

    def _run(
        self, script: Script, now: int, keys: Sequence[bytes], arguments: Sequence[bytes]
    ) -> list[Any]:
        clock = json.dumps([str(now // 1_000_000), str(now % 1_000_000)])
        reply: list[Any] = self.ask(
            b"EVALSHA", script.digest, len(keys), *keys, *arguments, clock.encode()
        )
        return reply


@contextmanager
def scripted_store(folder: Path, binary: str) -> Iterator[ScriptedStore]:
    """Run a server, and scripts on it."""
    with running_server(folder, binary=binary) as server:
        store = ScriptedStore(str(server.unix_path))
        try:
            yield store
        finally:
            store.close()
