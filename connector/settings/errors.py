"""What is wrong with a configuration, for whoever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ConfigurationError(Exception):
    """A configuration that cannot be used.

    ``problems`` has one line each, ``config.yaml: listen.port: ...``; the text is all of them.
    No line ever holds the value of a secret.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
