"""``ucp-connector audit prove``: a receipt of one request, to give to somebody else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from connector.audit.directory_check import logs_of
from connector.audit.files import Directory
from connector.audit.receipts import ReceiptError, prove
from connector.cli.failure import CHECK_FAILED, CommandError

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("audit_id", metavar="ID", help="the request's Audit-ID")
    parser.add_argument("directory", metavar="DIR", help="a log, or a folder of logs")


def run(arguments: argparse.Namespace) -> int:
    """Print the receipt; 1 where no log has the request, or none can prove it."""
    logs, _ = logs_of(Directory(Path(arguments.directory)))
    faults = []
    for log in logs.values():
        try:
            receipt, behind = prove(log, arguments.audit_id)
        except ReceiptError as error:
            faults.append(str(error))
            continue
        sys.stdout.write(f"{json.dumps(receipt, indent=2)}\n")
        if behind:
            sys.stderr.write(
                f"records that no checkpoint covers yet, and are not in it: {behind}\n"
            )
        return 0
    raise CommandError("; ".join(faults) or "there is no log", status=CHECK_FAILED)
