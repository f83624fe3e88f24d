"""Octets to messages: the form in which seeds are written and mutated.

A line feed separates lines, so that a value can hold CR LF and with it obsolete folding. The first
line is the target's own; then come ``METHOD TARGET``, header lines, an empty line, and the body::

    ("@method" "@path");created=1
    POST /checkout-sessions
    Host: shop.example.com

    {"a":1}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from canonical import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINE_END: Final = re.compile(rb"(?<!\r)\n")


class MessageInput(NamedTuple):
    """The first line, and the message that follows it."""

    first: bytes
    request: Request


def read_message(data: bytes) -> MessageInput:
    """Read any octets as a message; whatever is missing is empty."""
    first, start, rest = _cut(data, 2)
    method, _, target = start.partition(b" ")
    headers: list[tuple[bytes, bytes]] = []
    while rest:
        line, rest = _cut(rest, 1)
        if not line:
            break
        name, _, value = line.partition(b":")
        headers.append((name, value))
    return MessageInput(first, Request(method=method, target=target, headers=headers, body=rest))


def write_message(
    first: bytes, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes
) -> bytes:
    """Write a message in the form that :func:`read_message` reads."""
    lines = [first, f"{method} {target}".encode()]
    lines += [f"{name}: {value}".encode() for name, value in headers]
    return b"\n".join([*lines, b"", body])


def _cut(data: bytes, parts: int) -> tuple[bytes, ...]:
    """Cut ``parts`` lines off; what is left comes last, and always."""
    cut = _LINE_END.split(data, parts)
    return (*cut, *([b""] * (parts + 1 - len(cut))))


def resent(request: Request, headers: list[tuple[bytes, bytes]]) -> Request:
    """Return the request with other headers."""
    return Request(method=request.method, target=request.target, headers=headers, body=request.body)
