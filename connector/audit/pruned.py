"""The note that says from which record on a log still has its records: pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from connector.audit.checkpoint import NoteError
from connector.audit.tiles import WIDTH

_MARK: Final = "pruned"
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class Pruned(NamedTuple):
    """The first record of a log that is still there. Whole bundles go, so it begins one."""

    origin: str
    first: int

    def text(self) -> str:
        """Return the text that is signed: no checkpoint's, whose second line is a number."""
        return f"{self.origin}\n{_MARK}\n{self.first}\n"

    @classmethod
    def parse(cls, text: str) -> Pruned:
        """Read the text of a note; raises NoteError."""
        origin, mark, first, *more = [*text.split("\n"), "", ""]
        if not origin or mark != _MARK or _INDEX.fullmatch(first) is None or any(more):
            raise NoteError("not a note about pruned records")
        if int(first) % WIDTH:
            raise NoteError("records are pruned by whole bundles")
        return cls(origin, int(first))
