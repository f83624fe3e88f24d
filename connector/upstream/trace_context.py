"""The W3C Trace Context headers on their way through (W3C Trace Context, level 1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# Sections 3.2.2.1 to 3.2.2.5: version ff, an id of zeros and upper case are not valid; only a
# later version may have more fields.
_IDS: Final = rb"-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_VALID: Final = re.compile(
    rb"00" + _IDS + rb"|(?!00|ff)[0-9a-f]{2}" + _IDS + rb"(?:-[\x21-\x7e]*)?"
)


def is_traceparent(value: bytes) -> bool:
    """Tell whether ``value`` may be passed on."""
    return _VALID.fullmatch(value) is not None


def new_traceparent(random_bytes: Callable[[int], bytes]) -> bytes:
    """Begin a trace from 24 random bytes.

    It is marked as sampled: a merchant's tracer that follows its parent would otherwise never
    record a request that comes through here.
    """
    seed = random_bytes(24).hex()
    return f"00-{seed[:32]}-{seed[32:48]}-01".encode("ascii")
