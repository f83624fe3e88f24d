"""What a cause is, and what it means that one was found."""

from __future__ import annotations

from typing import Final, NamedTuple

PROVEN: Final = "proven"
"""Undoing this mistake, alone or with the others that are proven, makes the check succeed."""
LIKELY: Final = "likely"
"""The request looks as this mistake makes it look."""


class Cause(NamedTuple):
    """One known mistake."""

    id: str
    happened: str
    """One sentence."""
    repair: str
    """One sentence, for the side that made the mistake."""
    source: str
    """The section that the right way stands in."""


class Finding(NamedTuple):
    """A cause that was recognised; ``detail`` says what was seen, and holds no secret."""

    cause: str
    certainty: str
    detail: str = ""


def table(*rows: tuple[str, str, str, str]) -> dict[str, Cause]:
    """Make the part of the catalogue that stands beside the code that recognises it."""
    return {row[0]: Cause(*row) for row in rows}
