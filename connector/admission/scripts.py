"""The scripts of this room, as the store runs them."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from connector.store.scripts import Script


def _read(name: str) -> Script:
    text = files("connector.admission").joinpath(f"{name}.lua").read_text("utf-8")
    # Comments are for people: what goes to the store is ASCII and short.
    lines = (line.partition("-- ")[0].rstrip() for line in text.splitlines())
    return Script(name, "\n".join(line for line in lines if line and not line.startswith("--")))


ADMIT: Final = _read("admit")
SETTLE: Final = _read("settle")
TOLD: Final = _read("told")
