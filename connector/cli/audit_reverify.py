"""``ucp-connector audit reverify``: the callers' signatures once more, from the log alone.

It says what the records prove of themselves. Whether they are what was written, ``audit verify``
says.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from connector.audit.files import Directory, Folder
from connector.audit.inventory import split_logs
from connector.audit.reading import RecordsMissing, read_records
from connector.audit.records import Received, RecordError, parse_record
from connector.audit.redaction import EvidenceSealer
from connector.audit.reverification import Result, reverify
from connector.cli.failure import CHECK_FAILED, CommandError
from connector.settings.fields import secret_octets
from connector.settings.loading import ConfigurationError, load_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_MOST_KEY_FILE: Final = 1 << 16
_PROGRESS: Final = 1000
"""Records between two words about how far it is."""


class _Finding(NamedTuple):
    """What came of one record."""

    log: str
    record: int
    audit_id: str | None
    result: str
    reason: str
    base_opened: bool


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("directory", metavar="DIR", help="a log, or a folder of logs")
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument(
        "--evidence-key-file",
        metavar="FILE",
        help="evidence keys in base64, one in a line, to open signature bases with",
    )
    keys.add_argument(
        "-c", "--config", metavar="FILE", help="the configuration (YAML), which has the key"
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON, an object in a line for each signature"
    )


def run(arguments: argparse.Namespace) -> int:
    """Verify every signature; 1 where one is wrong, or a record is missing or none."""
    sealer = _sealer(arguments)
    counts: Counter[str] = Counter()
    try:
        for finding in _findings(Path(arguments.directory), sealer):
            counts[finding.result] += 1
            if arguments.json:
                sys.stdout.write(f"{json.dumps(_shown(finding))}\n")
            elif finding.result != "verified":
                _clear()
                sys.stdout.write(f"{_line(finding)}\n")
    except RecordsMissing as error:
        raise CommandError(str(error), status=CHECK_FAILED) from error
    finally:
        _clear()
    if not arguments.json:
        total = sum(counts.values())
        parts = ", ".join(f"{counts[result]} {result}" for result in get_args(Result))
        sys.stdout.write(f"{total} signed requests: {parts}\n")
    return CHECK_FAILED if counts["wrong"] else 0


def _findings(directory: Path, sealer: EvidenceSealer) -> Iterator[_Finding]:
    files = Directory(directory)
    logs = split_logs(files.paths())
    if not logs.paths:
        raise CommandError(f"{directory}: there is no log")
    for name, paths in logs.paths.items():
        folder = Folder(files, name, paths) if name else files
        for index, octets in read_records(folder):
            _progress(index)
            finding = _finding(name, index, octets, sealer)
            if finding is not None:
                yield finding


def _finding(log: str, index: int, octets: bytes, sealer: EvidenceSealer) -> _Finding | None:
    """Judge one record; None where it is not about a request that was received."""
    try:
        record = parse_record(octets)
    except RecordError as error:
        return _Finding(log, index, None, "wrong", f"not a record: {error}", base_opened=False)
    if not isinstance(record, Received):
        return None
    return _Finding(log, index, record.audit_id, *reverify(record, sealer))


def _sealer(arguments: argparse.Namespace) -> EvidenceSealer:
    """Return what opens bases, as far as keys were given."""
    if arguments.evidence_key_file is not None:
        path = Path(arguments.evidence_key_file)
        with path.open("rb") as file:
            lines = file.read(_MOST_KEY_FILE).split()
        try:
            keys = [secret_octets(line.decode("ascii", "replace")) for line in lines]
        except ValueError as error:
            raise CommandError(f"{path}: a line {error}") from None
        if not keys:
            raise CommandError(f"{path}: has no key")
        return EvidenceSealer(*keys)
    if arguments.config is None:
        return EvidenceSealer(None)
    try:
        found = load_settings(arguments.config, os.environ).audit.evidence_key
    except ConfigurationError as error:
        raise CommandError("; ".join(error.problems), status=CHECK_FAILED) from error
    return EvidenceSealer(None if found is None else secret_octets(found.get_secret_value()))


def _shown(finding: _Finding) -> dict[str, Any]:
    return {name: value for name, value in finding._asdict().items() if value not in (None, "")}


def _line(finding: _Finding) -> str:
    place = f"{finding.log}/{finding.record}" if finding.log else str(finding.record)
    return f"{place}  {finding.audit_id or '-'}  {finding.result}: {finding.reason}"


def _progress(index: int) -> None:
    if index % _PROGRESS == 0 and sys.stderr.isatty():
        sys.stderr.write(f"\r{index} records read")
        sys.stderr.flush()


def _clear() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
