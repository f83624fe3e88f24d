"""A server on loopback, a thread for each connection, whose every octet a test decides."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from tests.end_to_end.client import HOST, Line, header_lines

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from types import TracebackType

_PATIENCE: Final = 90.0


class Seen(NamedTuple):
    """One request as it arrived."""

    head: bytes
    """Without the empty line."""
    body: bytes

    @property
    def request_line(self) -> bytes:
        return self.head.partition(b"\r\n")[0]

    @property
    def target(self) -> bytes:
        return self.request_line.split(b" ")[1]

    @property
    def lines(self) -> list[Line]:
        return header_lines(self.head)

    def values(self, name: str) -> list[str]:
        wanted = name.lower().encode()
        return [value.decode("latin-1") for each, value in self.lines if each.lower() == wanted]


Behaviour = Callable[["Visit", Seen], None]
"""What a server does about one request."""


def answer(
    body: bytes = b'{"ok": true}', status: str = "200 OK", *lines: tuple[str, str]
) -> Behaviour:
    """Answer with a length-framed body; JSON unless a Content-Type is given."""
    given = [f"{name}: {value}\r\n" for name, value in lines]
    if not any(name == "Content-Type" for name, _ in lines):
        given.append("Content-Type: application/json\r\n")
    head = f"HTTP/1.1 {status}\r\n{''.join(given)}Content-Length: {len(body)}\r\n\r\n"
    octets = head.encode() + body

    def behave(visit: Visit, _: Seen) -> None:
        visit.say(octets)

    return behave


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """Hold a port at which nobody listens, and nobody else can, and give its origin."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        yield f"http://{HOST}:{held.getsockname()[1]}"


class Visit:
    """One connection, from the server's side."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE)
        self._connection = connection
        self._file = connection.makefile("rb")
        self.open = True

    def request(self) -> Seen | None:
        """Read a request; None at the end of the connection."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._file.readline()
            if not line:
                return None
            head += line
        seen = Seen(head[:-4], b"")
        if seen.values("Transfer-Encoding"):
            raise AssertionError(f"the connector must frame by length: {head!r}")
        lengths = seen.values("Content-Length") or ["0"]
        (length,) = lengths
        body = self._file.read(int(length))
        return seen._replace(body=body) if len(body) == int(length) else None

    def say(self, octets: bytes) -> None:
        self._connection.sendall(octets)

    def wait_for_end(self) -> None:
        """Return when the other side has ended the connection."""
        while self._file.read(65536):
            pass

    def has_ended_within(self, seconds: float) -> bool:
        """Wait so long for the other side to end the connection; whether it did."""
        self._connection.settimeout(seconds)
        try:
            return not self._connection.recv(1)
        except TimeoutError:
            return False
        finally:
            self._connection.settimeout(_PATIENCE)

    def end(self) -> None:
        """End the connection from outside its thread, which then finds it at its end."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """End the connection as a crash does: with RST instead of FIN."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.open = False
        self._file.close()
        self._connection.close()

    def close(self) -> None:
        self.open = False
        self._file.close()
        self.end()
        self._connection.close()


class RawServer:
    """Records every request and answers it as ``script`` says for its target, else ``default``."""

    def __init__(self, default: Behaviour | None = None) -> None:
        self.default = default or answer()
        self.script: dict[str, Behaviour] = {}
        self.tls: ssl.SSLContext | None = None
        """What connections are wrapped in from now on."""
        self.reading = threading.Event()
        """Cleared, nothing that comes is read."""
        self.reading.set()
        self._seen: list[Seen] = []
        self._changed = threading.Condition()
        self._visits: list[tuple[Visit, threading.Thread]] = []
        self._listening = socket.create_server((HOST, 0), backlog=512)
        self.port = self._listening.getsockname()[1]
        self.origin = f"http://{HOST}:{self.port}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.reading.set()
        # Wakes the thread that accepts; closing alone would not.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join(_PATIENCE)
        self.hang_up()

    def hang_up(self) -> None:
        """End all connections; the next request needs a new one."""
        with self._changed:
            open_visits = list(self._visits)
        for visit, thread in open_visits:
            visit.end()
            thread.join(_PATIENCE)

    @property
    def requests(self) -> list[Seen]:
        """All whole requests that have arrived, in order."""
        with self._changed:
            return list(self._seen)

    @property
    def visits(self) -> int:
        """How many connections were made."""
        return len(self._visits)

    def await_requests(self, count: int) -> list[Seen]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._seen) >= count, _PATIENCE)
            return list(self._seen)

    def await_visits(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._visits) >= count, _PATIENCE)

    def forget(self) -> None:
        """Begin a new test: nothing seen, nothing scripted."""
        with self._changed:
            self._seen.clear()
        self.script.clear()

    def record(self, seen: Seen) -> None:
        with self._changed:
            self._seen.append(seen)
            self._changed.notify_all()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            if self.tls is not None:
                # The handshake is for the thread that reads.
                connection = self.tls.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
            visit = Visit(connection)
            thread = threading.Thread(target=self._serve, args=(visit,), daemon=True)
            thread.start()
            with self._changed:
                self._visits.append((visit, thread))
                self._changed.notify_all()

    def _serve(self, visit: Visit) -> None:
        try:
            while visit.open:
                self.reading.wait(_PATIENCE)
                seen = visit.request()
                if seen is None:
                    return
                self.record(seen)
                self.script.get(seen.target.decode("latin-1"), self.default)(visit, seen)
        except (OSError, ValueError):
            pass  # the other side has gone, or the test is over
        finally:
            visit.close()
