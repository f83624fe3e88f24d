"""A store whose every reply the test decides, on a unix socket."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hiredis import Reader

from connector.store.targets import Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MASTER: Final = b"$11\r\nrole:master\r\n"
REPLICA: Final = b"$10\r\nrole:slave\r\n"


class ScriptedServer:
    """Says what ``says`` has for a command's name, ``+OK`` where it has nothing.

    A None is silence, and so is everything behind it until the test has ``say`` something.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.says: dict[bytes, bytes | None] = {b"INFO": MASTER}
        self.commands: list[list[bytes]] = []
        self.visits = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    def endpoint(self, *, login: tuple[str | None, str | None] = (None, None)) -> Endpoint:
        user, password = login
        return Endpoint("", 0, str(self.path), user, password, 0, tls=False)

    @property
    def names(self) -> list[bytes]:
        """What was asked, by the commands' names."""
        return [command[0] for command in self.commands]

    def forget(self) -> None:
        self.commands.clear()

    def say(self, octets: bytes) -> None:
        """Send something on the newest connection."""
        self._writers[-1].write(octets)

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def stop(self) -> None:
        """Listen no more, and end all connections."""
        assert self._server is not None
        self._server.close()
        self.path.unlink(missing_ok=True)
        self.hang_up()
        await asyncio.sleep(0)

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        self._writers.append(writer)
        parser = Reader()
        try:
            while data := await reader.read(65536):
                parser.feed(data)
                while (command := parser.gets()) is not False:
                    self.commands.append(command)
                    reply = self.says.get(command[0], b"+OK\r\n")
                    if reply is not None:
                        writer.write(reply)
        except ConnectionError:
            pass  # the test has hung up
        finally:
            writer.close()


@asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    """Run one until the block ends. Its folder's name is short, as a socket's path must be."""
    with tempfile.TemporaryDirectory() as folder:
        server = ScriptedServer(Path(folder) / "s")
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
