"""What is wrong with a configuration, for whoever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ConfigurationError(Exception):
    """A configuration that cannot be used.

    ``problems`` has one line each, ``config.yaml: listen.port: ...``; the text is all of them.
    No line ever holds the value of a secret, nor a character that cannot be seen: a file's name or
    a key could forge lines in logs and terminals with it, and is shown with escapes.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(map(_visible, problems))
        super().__init__("\n".join(self.problems))


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
