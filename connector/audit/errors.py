"""What can be wrong with the log."""

from __future__ import annotations


class AuditUnavailable(Exception):  # noqa: N818 - a state of the log, not a mistake
    """A record is not known to be on disk; ``str`` says why, for operators."""


class AuditLogError(Exception):
    """The log cannot be opened; ``str`` is one line for whoever starts the process."""
