"""A script as the store knows it: by the SHA-1 of its text."""

from __future__ import annotations

import hashlib
from typing import Final


class Script:
    """A Lua script. ``digest`` is what EVALSHA calls it by: 40 lower-case hexadecimal digits."""

    __slots__ = ("digest", "name", "source")

    def __init__(self, name: str, source: str) -> None:
        self.name: Final = name
        self.source: Final = source.encode("ascii")
        # The store's own choice of a name; nothing rests on its strength.
        self.digest: Final = hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()
