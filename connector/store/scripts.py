"""A script as the store knows it: by the SHA-1 of its text."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final


class Script:
    """A Lua script. ``digest`` is what EVALSHA calls it by: 40 lower-case hexadecimal digits."""

    __slots__ = ("digest", "name", "source")

    def __init__(self, name: str, source: str) -> None:
        self.name: Final = name
        self.source: Final = source.encode("ascii")
        # The store's own choice of a name; nothing rests on its strength.
        self.digest: Final = hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()


def packaged_script(package: str, name: str) -> Script:
    """Return the script that a package has as ``<name>.lua``."""
    text = files(package).joinpath(f"{name}.lua").read_text("utf-8")
    # Comments are for people: what goes to the store is ASCII and short.
    lines = (line.partition("-- ")[0].rstrip() for line in text.splitlines())
    return Script(name, "\n".join(line for line in lines if line and not line.startswith("--")))
