"""``ucp-connector audit show``: the records of a log, by what people ask for.

A log's records come in its order, and one log after the other. What stands at a cursor stays
there: whoever goes on behind the last one that was shown misses nothing of its log, and sees
nothing twice.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from connector.audit.directory_check import logs_of
from connector.audit.files import Directory
from connector.audit.listing import Wanted, find_rows, text
from connector.audit.reading import RecordsMissing, read_records
from connector.cli.audit_input import time_in_records
from connector.cli.failure import CHECK_FAILED, CommandError
from connector.cli.table import printable, table
from connector.settings.loading import ConfigurationError, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connector.audit.listing import Row

_COLUMNS: Final = (
    "time", "type", "decision", "status", "merchant", "operation", "identity", "audit id", "cursor",
)  # fmt: skip
_DEFAULT_LIMIT: Final = 100
_MOST: Final = 100_000
_CURSOR: Final = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,18})")
_PROGRESS: Final = 10_000
"""Records between two words about how far it is."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("directory", nargs="?", metavar="DIR", help="a log, or a folder of logs")
    source.add_argument("-c", "--config", metavar="FILE", help="the configuration (YAML)")
    add = parser.add_argument
    add("--from", dest="begin", type=time_in_records, metavar="TIME", help="not before it (UTC)")
    add("--to", dest="end", type=time_in_records, metavar="TIME", help="before it (UTC)")
    add("--merchant", default="", metavar="ID", help="of this merchant")
    add("--identity", default="", metavar="URL", help="of the caller with this profile")
    add("--operation", default="", metavar="NAME", help="of this operation")
    add("--decision", default="", metavar="WORD", help="accept, replay, reject; claimed, ...")
    add("--audit-id", default="", metavar="ID", help="of the request with this Audit-ID")
    add("--after", type=_cursor, default=(-1, -1), metavar="CURSOR", help="behind this record")
    add(
        "--limit",
        type=_limit,
        default=_DEFAULT_LIMIT,
        metavar="N",
        help=f"at most so many (default: {_DEFAULT_LIMIT}, most: {_MOST})",
    )
    add("--json", action="store_true", help="an object in each line, also on a terminal")


def run(arguments: argparse.Namespace) -> int:
    """Show records; 1 where some are missing."""
    wanted = Wanted(**{name: getattr(arguments, name) or "" for name in Wanted._fields})
    found = _found(_folder(arguments), wanted, arguments.after)
    try:
        rows = list(islice(found, arguments.limit + 1))
    except RecordsMissing as error:
        raise CommandError(f"{error}: see audit verify", status=CHECK_FAILED) from error
    finally:
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
    shown = rows[: arguments.limit]
    if arguments.json or not sys.stdout.isatty():
        for log, row in shown:
            document = {"cursor": _place(log, row), "record": row.record}
            sys.stdout.write(f"{json.dumps(document)}\n")
    else:
        cells = [_COLUMNS, *(_cells(log, row) for log, row in shown)]
        sys.stdout.write("".join(f"{line}\n" for line in table(cells)))
    if len(rows) > len(shown):
        sys.stderr.write(f"there are more: --after {_place(*shown[-1])}\n")
    return 0


def _folder(arguments: argparse.Namespace) -> Path:
    if arguments.config is None:
        return Path(arguments.directory)
    try:
        return load_settings(arguments.config, os.environ).audit.directory
    except ConfigurationError as error:
        raise CommandError("; ".join(error.problems), status=CHECK_FAILED) from error


def _found(folder: Path, wanted: Wanted, after: tuple[int, int]) -> Iterator[tuple[str, Row]]:
    logs, _ = logs_of(Directory(folder))
    if not logs:
        raise CommandError(f"{folder}: there is no log", status=CHECK_FAILED)
    for name, files in logs.items():
        number = int(name or 0)
        if number < after[0]:
            continue
        # From its beginning: who asked for something stands where that was received.
        for row in find_rows(_told(read_records(files)), wanted):
            if (number, row.position) > after:
                yield name, row


def _told(records: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Say how far it is, on a terminal."""
    terminal = sys.stderr.isatty()
    for index, record in records:
        if terminal and index % _PROGRESS == 0:
            sys.stderr.write(f"\r{index} records looked at")
            sys.stderr.flush()
        yield index, record


def _place(log: str, row: Row) -> str:
    return f"{log}:{row.position}" if log else str(row.position)


def _cells(log: str, row: Row) -> Sequence[str]:
    status = row.record.get("status")
    return (
        printable(text(row.record, "time")),
        printable(text(row.record, "type")),
        printable(row.decision or text(row.record, "action")),
        str(status) if isinstance(status, int) else "-",
        printable(text(row.record, "merchant")),
        printable(row.operation),
        printable(row.identity),
        printable(text(row.record, "audit_id")),
        _place(log, row),
    )


def _cursor(given: str) -> tuple[int, int]:
    match = _CURSOR.fullmatch(given)
    if match is None:
        raise argparse.ArgumentTypeError("not a cursor")
    return int(match[1] or 0), int(match[2])


def _limit(given: str) -> int:
    short = given.isascii() and given.isdigit() and len(given) <= len(str(_MOST))
    if not short or not 1 <= int(given) <= _MOST:
        raise argparse.ArgumentTypeError(f"not a number from 1 to {_MOST}")
    return int(given)
