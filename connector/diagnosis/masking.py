"""What is left of a request when its secrets are taken out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from connector.diagnosis.vectors import WireRequest

MASK: Final = "[masked]"
# Fields that carry credentials by their definition, and names that say that they do.
_SECRET: Final = re.compile(
    r"authorization|proxy-authorization|cookie|set-cookie"
    r"|.*(?:token|secret|password|passwd|credential|api-?key|session|auth)",
    re.IGNORECASE,
)
_IDENTIFIER: Final = re.compile(r'"([^"]+)"')


def is_secret(name: str) -> bool:
    """Whether the values of a field are never shown."""
    return _SECRET.fullmatch(name) is not None


def head_lines(request: WireRequest) -> tuple[str, ...]:
    """Show request line and headers; octets that are not ASCII are escaped."""
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    for name, value in request.headers:
        shown = MASK if is_secret(name.decode("latin-1")) else _escaped(value)
        lines.append(f"{_escaped(name)}: {shown}")
    return tuple(lines)


def base_lines(base: bytes) -> tuple[str, ...]:
    """Show a signature base line by line."""
    return tuple(map(_base_line, base.decode("ascii").split("\n")))


def _base_line(line: str) -> str:
    match = _IDENTIFIER.match(line)
    if match is None or not is_secret(match[1]):
        return line
    return f"{line.partition(': ')[0]}: {MASK}"


def _escaped(octets: bytes) -> str:
    return octets.decode("ascii", "backslashreplace").replace("\x00", "\\x00")
