"""Notices that records were removed from a log while, or before, its gateway runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from connector.audit.files import Directory
from connector.audit.inventory import PRUNED
from connector.audit.pruning import PruneError, read_pruned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from connector.audit.checkpoint import NoteVerifier

_logger: Final = logging.getLogger(__name__)


class PruneWatch:
    """Looks after the note in a log's folder: ``verifiers`` are those of the log's own keys."""

    def __init__(self, folder: Path, verifiers: Sequence[NoteVerifier]) -> None:
        self._folder = folder
        self._verifiers = verifiers
        self._seen: tuple[int, ...] | None = None
        self._told = 0

    def begin(self, told: int) -> None:
        """Take up where the log's own records say that it begins."""
        self._told = told

    def look(self) -> int | None:
        """Return the first record that is left, where no record says so yet; raises OSError."""
        try:
            found = (self._folder / PRUNED).lstat()
        except FileNotFoundError:
            return None
        seen = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
        if seen == self._seen:
            return None
        self._seen = seen
        try:
            first = read_pruned(Directory(self._folder), self._verifiers).first
        except PruneError as error:
            _logger.warning("the note of what was pruned is none: %s", error)
            return None
        if first == self._told:
            return None
        self._told = first
        return first
