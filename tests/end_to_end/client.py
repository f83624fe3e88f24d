"""A client that sends octets as they are given, and reads answers strictly."""

from __future__ import annotations

import json
import socket
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

HOST: Final = "127.0.0.1"
_PATIENCE: Final = 60.0

Line = tuple[bytes, bytes]
"""A header line: (name as spelled, value without outer white space)."""


def header_lines(head: bytes) -> list[Line]:
    """Split a head, without its empty line, into its lines behind the first."""
    lines = []
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        assert colon == b":"
        lines.append((name, value.strip(b" \t")))
    return lines


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    phrase: str
    lines: list[Line]
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        wanted = name.lower().encode()
        return [value.decode("latin-1") for each, value in self.lines if each.lower() == wanted]

    def value(self, name: str) -> str:
        """Return the value of a header that stands there once."""
        (value,) = self.values(name)
        return value

    def document(self) -> dict[str, Any]:
        parsed = json.loads(self.body)
        assert isinstance(parsed, dict)
        return parsed


class Connection:
    """One connection, used for as many exchanges as the other side allows."""

    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext | None = None) -> None:
        self._socket = socket.create_connection(address, timeout=_PATIENCE)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname=address[0])
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def reset(self) -> None:
        """End the connection at once, whatever is on the way."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def exchange(self, octets: bytes, method: str = "GET") -> Answer:
        self.send(octets)
        return self.answer(method)

    def answer(self, method: str = "GET") -> Answer:
        """Read a whole answer; interim ones are skipped."""
        answer = self.head()
        while answer.status < 200:
            answer = self.head()
        if method == "HEAD" or answer.status in (204, 304):
            return answer
        if answer.values("Transfer-Encoding"):
            return answer._replace(body=b"".join(iter(self.chunk, b"")))
        length = int(answer.value("Content-Length"))
        body = self.read(length)
        return answer._replace(body=body)

    def head(self) -> Answer:
        """Read the head of an answer only."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._file.readline()
            assert line, f"the connection ended within a head: {head!r}"
            head += line
        version, status, phrase = head.partition(b"\r\n")[0].split(b" ", 2)
        assert version == b"HTTP/1.1"
        return Answer(int(status), phrase.decode(), header_lines(head[:-4]))

    def chunk(self) -> bytes:
        """Read one chunk and return its data; nothing at the end of the body."""
        size = int(self._file.readline(), 16)
        data = self.read(size)
        assert self._file.readline() == b"\r\n"
        return data

    def read(self, count: int) -> bytes:
        data = self._file.read(count)
        assert len(data) == count, "the connection ended within a body"
        return data

    def has_ended(self) -> bool:
        """Wait for the other side's next octet or its end; whether it was the end."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True
