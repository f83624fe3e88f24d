"""``ucp-connector audit prune``: removes records that are older than they have to be kept.

Whole bundles of 256 go, the oldest first, and what is left can be verified and proven as before.
It works beside a running gateway, which writes down that it was done, and without one: then the
next start does.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connector.audit.checkpoint import NoteVerifier
from connector.audit.directory_check import logs_of
from connector.audit.files import Directory
from connector.audit.key_document import AuditKeyError
from connector.audit.keys import load_signers
from connector.audit.pruning import PruneError, origin_in, prunable
from connector.audit.removal import alone, remove
from connector.cli.audit_input import time_in_records
from connector.cli.failure import CHECK_FAILED, CommandError
from connector.cli.table import printable
from connector.settings.loading import ConfigurationError, load_settings

if TYPE_CHECKING:
    import argparse

    from connector.audit.checkpoint import NoteSigner
    from connector.audit.pruning import Prunable

_PROGRESS: Final = 256 * 40
"""Records between two words about how far it is."""


class _Log(NamedTuple):
    name: str
    folder: Path
    signers: list[NoteSigner]
    found: Prunable


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Remove the records of whole bundles (256 each) that are all older than a time, from the"
        " oldest on. What a segment still has stays: up to some 80,000 of the newest records."
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("directory", nargs="?", metavar="DIR", help="a log, or a folder of logs")
    source.add_argument("-c", "--config", metavar="FILE", help="the configuration (YAML)")
    add = parser.add_argument
    add("--keys", metavar="FOLDER", help="with DIR: the folder of the audit log's keys")
    add("--before", required=True, type=time_in_records, metavar="TIME", help="older than it (UTC)")
    add("--dry-run", action="store_true", help="say what would go, and leave it there")
    add("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Remove records; 1 where a log is not what it should be: then nothing is removed of any."""
    folder, keys = _folders(arguments)
    with ExitStack() as held:
        logs = []
        for name in logs_of(Directory(folder))[0]:
            try:
                logs.append(_looked_at(name, folder / name, keys, arguments.before, held))
            except (PruneError, AuditKeyError) as error:
                raise CommandError(f"{folder / name}: {error}", status=CHECK_FAILED) from error
            finally:
                if sys.stderr.isatty():
                    sys.stderr.write("\r\x1b[K")
        if not logs:
            raise CommandError(f"{folder}: there is no log", status=CHECK_FAILED)
        for log in logs:
            if not arguments.dry_run:
                remove(log.folder, log.found, log.signers)
            if not arguments.json:
                sys.stdout.write(f"{_line(log.found, dry=arguments.dry_run)}\n")
    if arguments.json:
        document = {
            "removed": not arguments.dry_run,
            "logs": {log.name: _shown(log) for log in logs},
        }
        sys.stdout.write(f"{json.dumps(document, indent=2)}\n")
    return 0


def _folders(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """Return the folder of logs, and that of their keys."""
    if arguments.config is None:
        if arguments.keys is None:
            raise CommandError("say where the audit log's keys are, which sign: --keys or --config")
        return Path(arguments.directory), Path(arguments.keys)
    if arguments.keys is not None:
        raise CommandError("the configuration has the folder of the keys: --keys is for DIR")
    try:
        audit = load_settings(arguments.config, os.environ).audit
    except ConfigurationError as error:
        raise CommandError("; ".join(error.problems), status=CHECK_FAILED) from error
    return audit.directory, audit.keys


def _looked_at(name: str, folder: Path, keys: Path, before: str, held: ExitStack) -> _Log:
    held.enter_context(alone(folder))
    files = Directory(folder)
    signers = load_signers(keys, origin_in(files))
    verifiers = [NoteVerifier.parse(each.vkey) for each in signers]
    return _Log(name, folder, signers, prunable(files, verifiers, before, _progress))


def _progress(index: int) -> None:
    if index % _PROGRESS == 0 and sys.stderr.isatty():
        sys.stderr.write(f"\r{index} records looked at")
        sys.stderr.flush()


def _line(found: Prunable, *, dry: bool) -> str:
    would = "would be " if dry else ""
    origin = printable(found.origin)
    if not found.bundles and found.first == found.before:
        return f"{origin}: nothing {would}removed: the first record is {found.first}"
    count = found.first - found.before
    return f"{origin}: {count} records {would}removed: the first one is {found.first} then"


def _shown(log: _Log) -> dict[str, Any]:
    return {
        "origin": log.found.origin,
        "records": log.found.first - log.found.before,
        "bundles": len(log.found.bundles),
        "first": log.found.first,
    }
