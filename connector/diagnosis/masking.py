"""What is left of a request when its secrets are taken out.

Values of fields and of query parameters whose names say that they are secret are masked. An
Idempotency-Key is shown: it is scoped to who signed, and opens nothing for anybody else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from connector.diagnosis.vectors import WireRequest

MASK: Final = "[masked]"
# What fields that carry credentials are called, or have as a part of their names.
_SECRET: Final = re.compile(
    r"authorization|cookie|token|secret|passw(?:or)?d|credential|api[-_.]?key|jwt|bearer"
    r"|(?:^|[-_.])(?:auth|session|sessionid|sid|sig|key|pwd|otp|pin)(?:$|[-_.])"
    r"|(?:^|[-_.])(?:access|amz|goog|shared)[-_.].*signature",
    re.IGNORECASE,
)
# Names of this protocol in which one of those words is no secret.
_SHOWN: Final = frozenset({"@authority", "idempotency-key", ":authority"})
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# A mistaken signer's base may lack the quotes, have others, or be one long line.
_IDENTIFIER: Final = re.compile(r"([A-Za-z0-9_@.\-]{1,200})\\?[\"']?(;[^:\s]{1,200})? ?:")
_NAMED_PARAMETER: Final = re.compile(r';name=\\?"([^"\\]+)')
_QUERY_PARAMETER: Final = re.compile(r"((?:^|[?& ])([^?&=\s\"]{1,200})=)[^&\s\"]+")


def is_secret(name: str) -> bool:
    """Whether the values of a field, or of a query parameter, are never shown."""
    return name.lower() not in _SHOWN and _SECRET.search(name) is not None


def mask_query(text: str) -> str:
    """Mask the values of secret query parameters, wherever in a text a query stands."""
    return _QUERY_PARAMETER.sub(_masked_parameter, text)


def head_lines(request: WireRequest) -> tuple[str, ...]:
    """Show request line and headers; octets that are not ASCII are escaped."""
    lines = [visible(f"{request.method} {mask_query(request.target)} HTTP/1.1")]
    for name, value in request.headers:
        secret = is_secret(name.decode("latin-1"))
        shown = MASK if secret else mask_query(escaped(value))
        lines.append(f"{escaped(name)}: {shown}")
    return tuple(lines)


def base_lines(base: bytes) -> tuple[str, ...]:
    """Show a signature base line by line."""
    return tuple(map(base_line, base.decode("ascii").split("\n")))


def base_line(line: str) -> str:
    """Show one line of a base, the signer's own included; what follows a secret is masked."""
    for match in _IDENTIFIER.finditer(line):
        parameter = _NAMED_PARAMETER.search(match[2] or "")
        if is_secret(match[1]) or (parameter is not None and is_secret(parameter[1])):
            return f"{mask_query(line[: match.end()])} {MASK}"
    return mask_query(line)


def escaped(octets: bytes) -> str:
    """Show octets as visible ASCII text, the others as escapes: a terminal obeys some."""
    return visible(octets.decode("ascii", "backslashreplace"))


def visible(text: str) -> str:
    """Escape control characters."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def _masked_parameter(match: re.Match[str]) -> str:
    return match[1] + MASK if is_secret(unquote(match[2])) else match[0]
