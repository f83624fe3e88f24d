"""How a command ends when it cannot do what it was asked."""

from __future__ import annotations

from typing import Final

CHECK_FAILED: Final = 1
WRONG_USAGE: Final = 2


class CommandError(Exception):
    """What went wrong, in one line for whoever typed the command.

    ``status`` is the exit status: 1 where the thing that was asked for failed, 2 where the command
    was called with something it cannot use.
    """

    def __init__(self, text: str, *, status: int = WRONG_USAGE) -> None:
        super().__init__(text)
        self.status = status
