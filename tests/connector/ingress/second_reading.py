"""A second, independent reading of a stream of requests: h11's, for comparison."""

from __future__ import annotations

from typing import NamedTuple

import h11


class Reading(NamedTuple):
    """One request as somebody read it."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def second_reading(stream: bytes) -> list[Reading]:
    """Return the whole requests that h11 finds in order, until it refuses or the end."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 22)
    connection.receive_data(stream)
    found: list[Reading] = []
    request: h11.Request | None = None
    body = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                request, body = event, b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                found.append(_reading(request, body))
                # Not 200, with which h11 would let CONNECT have the connection.
                connection.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                    return found
                connection.start_next_cycle()
            else:
                return found
    except h11.RemoteProtocolError:
        return found


def _reading(request: h11.Request, body: bytes) -> Reading:
    headers = tuple((bytes(name), bytes(value)) for name, value in request.headers.raw_items())
    return Reading(request.method.decode(), request.target.decode(), headers, bytes(body))
