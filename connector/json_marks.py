"""How many values JSON text may hold, found without reading it: reading costs time for each.

Whoever signs a body may send some, and nobody else is served while it is read. Counting octets
takes a millisecond for each MiB, and leaving strings out a few more.
"""

from __future__ import annotations

import re
from typing import Final

MAX_VALUES: Final = 10_000
"""Values in a body, arrays and objects included: each may be wrong, and each costs time."""

# A string, an open one to the end: whatever follows matches, so it never looks back.
_TEXT: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*"?+', re.DOTALL)


def is_crowded(text: bytes) -> bool:
    """Tell whether text holds certainly ``MAX_VALUES`` values or more, if it is JSON at all."""
    if len(text) < MAX_VALUES or _count(text, b",[{]}") < MAX_VALUES:
        return False
    # A value has at most one name, and is at most one string; a string has two quotes that are
    # not escaped. So many strings are not left out one by one.
    if _count(text, b'"') - text.count(b'\\"') > 4 * MAX_VALUES:
        return True
    marks = _TEXT.sub(b"", text)
    return any(_count(marks, kind) >= MAX_VALUES for kind in (b",", b"[{", b"]}"))


def _count(text: bytes, octets: bytes) -> int:
    """Count octets in a time that does not depend on how many there are, as that of ``count``."""
    return len(text) - len(text.translate(None, octets))
