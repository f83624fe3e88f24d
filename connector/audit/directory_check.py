"""Checks a folder of logs, or one log's: pure over files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connector.audit.files import Folder
from connector.audit.inventory import split_logs
from connector.audit.problems import Problem
from connector.audit.verification import origin_of, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector.audit.checkpoint import Checkpoint, NoteVerifier
    from connector.audit.files import Files
    from connector.audit.verification import Progress, Report


class DirectoryReport(NamedTuple):
    """What became of the check of all logs."""

    reports: dict[str, Report]
    """By the name of the log's folder; ``""`` where there is one log, without folders."""
    problems: tuple[Problem, ...]
    """What is wrong in no log, or between them."""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong, and there is a log."""
        return not self.problems and all(report.good for report in self.reports.values())


def logs_of(files: Files) -> tuple[dict[str, Files], list[str]]:
    """Return the logs of a folder by name, and the paths that are in none of them."""
    found = split_logs(files.paths())
    logs: dict[str, Files] = {}
    for name, paths in sorted(found.paths.items(), key=lambda each: int(each[0] or 0)):
        logs[name] = Folder(files, name, paths) if name else files
    return logs, found.strays


def verify_directory(
    files: Files,
    verifiers: Sequence[NoteVerifier],
    *,
    since: Sequence[Checkpoint] = (),
    progress: Progress | None = None,
) -> DirectoryReport:
    """Check every log of a folder; ``since`` are checkpoints of theirs that were saved before.

    Raises OSError where the folder itself cannot be read.
    """
    logs, strays = logs_of(files)
    problems = [Problem(path, None, "a file that no log has") for path in strays]
    if not logs:
        problems.append(Problem("", None, "there is no log here"))
    reports: dict[str, Report] = {}
    for name, log in logs.items():
        origin = origin_of(log)
        mine = [saved for saved in since if saved.origin == origin]
        report = verify(log, verifiers, since=mine, progress=progress)
        reports[name] = report
        if name and report.origin and report.origin.rpartition("/")[2] != name:
            problems.append(Problem(name, None, f"the log {report.origin} is in another's folder"))
    origins = {report.origin for report in reports.values()}
    problems += [
        Problem("", None, f"the log {saved.origin} is gone, of which there is a checkpoint")
        for saved in since
        if saved.origin not in origins
    ]
    return DirectoryReport(reports, tuple(problems))
