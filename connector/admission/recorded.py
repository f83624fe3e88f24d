"""A merchant's answer as it is recorded for repetitions: its octets in, the same octets out."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from connector.steps import Answer

if TYPE_CHECKING:
    from connector.steps import RawHeaders

_HEAD: Final = struct.Struct(">BHH")
_LINE: Final = struct.Struct(">HI")
_FORMAT: Final = 1

# ucp-rules section 8 and design, Claims. What these say holds for one answer only.
_NOT_REPLAYED: Final = frozenset(
    {b"set-cookie", b"date", b"audit-id", b"content-digest", b"mcp-session-id"}
)
_PREFIXES_NOT_REPLAYED: Final = (b"signature", b"ratelimit")


class Unreadable(ValueError):  # noqa: N818 - it says what became of the answer
    """What is recorded is none of ours."""


def record(status: int, headers: RawHeaders, body: bytes) -> bytes:
    """Return what is kept of an answer: ``headers`` are those that go back to the caller."""
    lines = [line for line in headers if is_replayed(line[0])]
    parts = [_HEAD.pack(_FORMAT, status, len(lines))]
    for name, value in lines:
        parts += (_LINE.pack(len(name), len(value)), name, value)
    parts.append(body)
    return b"".join(parts)


@lru_cache(maxsize=1024)
def is_replayed(name: bytes) -> bool:
    """Tell whether a header of this name goes out with every repetition."""
    lower = name.lower()
    return lower not in _NOT_REPLAYED and not lower.startswith(_PREFIXES_NOT_REPLAYED)


def recall(kept: bytes) -> Answer:
    """Return the answer that was recorded; raises Unreadable."""
    try:
        form, status, count = _HEAD.unpack_from(kept)
        if form != _FORMAT:
            raise Unreadable("another format")
        at, headers = _HEAD.size, []
        for _ in range(count):
            name_length, value_length = _LINE.unpack_from(kept, at)
            middle = at + _LINE.size + name_length
            at = middle + value_length
            if at > len(kept):
                raise Unreadable("cut short")
            headers.append((kept[middle - name_length : middle], kept[middle:at]))
    except struct.error as error:
        raise Unreadable("cut short") from error
    return Answer(status, headers, kept[at:])
