"""Sends one request octet for octet and reads the answer: no client that could change a target.

The answer is read by the same strict reader as a merchant's (connector/upstream/reader.py). One
connection, one request, no redirects, nothing tried again.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.upstream.reader import AnswerReader
from connector.upstream.states import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.steps import RawHeaders

_READ: Final = 64 * 1024
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class SendError(Exception):
    """No answer; the text says in one line how far it came."""


class Place(NamedTuple):
    """Where a connection leads."""

    host: str
    """A name, or an address without brackets."""
    port: int


class Answer(NamedTuple):
    """A whole answer, its body without framing."""

    status: int
    headers: RawHeaders
    body: bytes


def place_of(authority: str, scheme: str) -> Place:
    """Return where an authority leads, by default to the scheme's port; or ValueError."""
    host, colon, port = authority.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = authority, ""
    bracketed = host.startswith("[") and host.endswith("]")
    if not host or (":" in host.strip("[]") and not bracketed):
        raise ValueError(f"{authority!r} is not HOST:PORT")
    if not port:
        return Place(host.strip("[]"), _DEFAULT_PORTS[scheme])
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{authority!r} has no port from 1 to 65535")
    return Place(host.strip("[]"), int(port))


def framed(
    method: str, headers: Sequence[tuple[str, str]], body: bytes
) -> Sequence[tuple[str, str]]:
    """Return the headers with what ends the body and the connection.

    ValueError for a Content-Length that is not the body's, or a Transfer-Encoding.
    """
    given = {name.lower(): value for name, value in headers}
    if "transfer-encoding" in given:
        raise ValueError("--send frames the body itself: leave Transfer-Encoding out")
    length = str(len(body))
    if given.get("content-length", length) != length:
        raise ValueError(f"Content-Length is not that of the body, {length}")
    lines = list(headers)
    # RFC 9110 section 8.6: a method that gives content a meaning says that there is none.
    if "content-length" not in given and (body or method in {"POST", "PUT", "PATCH"}):
        lines.append(("Content-Length", length))
    if "connection" not in given:
        lines.append(("Connection", "close"))
    return lines


def octets(method: str, target: str, lines: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """Return the request as it goes over the wire."""
    head = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in lines), "", ""]
    return "\r\n".join(head).encode() + body


def send(
    place: Place,
    data: bytes,
    *,
    server_name: str | None,
    to_head: bool,
    timeout: float,
    limit: int,
) -> Answer:
    """Send ``data`` to ``place`` and return the answer; raises SendError.

    With ``server_name`` over TLS, verified against that name. ``timeout`` is in seconds and for
    all of it, the look-up of the name excepted; ``limit`` bounds the answer's body, in octets.
    """
    exchange = _Exchange(time.monotonic() + timeout, limit, to_head=to_head)
    where = f"{place.host}:{place.port}"
    try:
        with socket.create_connection(place, timeout) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if server_name is None:
                return exchange.run(plain, data)
            context = ssl.create_default_context()
            context.set_alpn_protocols(["http/1.1"])
            plain.settimeout(exchange.left())
            with context.wrap_socket(plain, server_hostname=server_name) as secured:
                return exchange.run(secured, data)
    except TimeoutError:
        raise SendError(f"{where}: no whole answer within {timeout:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise SendError(f"{where}: the certificate: {error.verify_message}") from error
    except OSError as error:
        raise SendError(f"{where}: {error.strerror or error}") from error


class _Exchange:
    """One request and its answer on a connection."""

    def __init__(self, deadline: float, limit: int, *, to_head: bool) -> None:
        self._deadline = deadline
        self._limit = limit
        self._events: set[Event] = set()
        self._reader = AnswerReader(self._events.add, buffer_limit=limit)
        self._reader.expect(to_head=to_head)
        self._pieces: list[bytes] = []
        self._size = 0

    def left(self) -> float:
        """Return the seconds that are left; TimeoutError where there are none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def run(self, connection: socket.socket, data: bytes) -> Answer:
        try:
            connection.settimeout(self.left())
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It may have answered before it had read everything.
        while Event.END not in self._events:
            connection.settimeout(self.left())
            received = connection.recv(_READ)
            if received:
                self._reader.feed(received)
            else:
                self._reader.end_of_input()
            self._judge()
        return Answer(self._reader.status, self._reader.headers, b"".join(self._pieces))

    def _judge(self) -> None:
        """Take what has come; raises SendError where it cannot become an answer."""
        if Event.MALFORMED in self._events:
            raise SendError(f"the answer cannot be read: {self._reader.problem}")
        if Event.EOF in self._events:
            raise SendError("the connection ended before the answer did")
        pieces = self._reader.take()
        self._pieces += pieces
        self._size += sum(map(len, pieces))
        if max(self._size, self._reader.length or 0) > self._limit:
            raise SendError(f"the answer has more than {self._limit} octets")
