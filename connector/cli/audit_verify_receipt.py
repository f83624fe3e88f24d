"""``ucp-connector audit verify-receipt``: what a receipt proves, without the log."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from connector.audit.receipts import MOST_RECEIPT, ReceiptError, verify_receipt
from connector.cli.audit_input import KEY_HELP, read_octets, read_verifiers
from connector.cli.failure import CHECK_FAILED, CommandError
from connector.cli.table import printable

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("receipt", metavar="FILE", help="what audit prove printed")
    parser.add_argument(
        "--key",
        action="append",
        required=True,
        metavar="VKEY",
        help=f"{KEY_HELP}; not the receipt's",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print what is proven; 1 where nothing is."""
    verifiers = read_verifiers(arguments.key)
    octets = read_octets(Path(arguments.receipt), MOST_RECEIPT)
    try:
        proven = verify_receipt(octets, verifiers)
    except ReceiptError as error:
        raise CommandError(f"{arguments.receipt}: {error}", status=CHECK_FAILED) from error
    origin, size, _ = proven.checkpoint
    if arguments.json:
        records = [{"index": at, "record": record} for at, record in proven.records.items()]
        document = {
            "audit_id": proven.audit_id, "origin": origin, "size": size, "records": records
        }  # fmt: skip
        sys.stdout.write(f"{json.dumps(document, indent=2)}\n")
        return 0
    sys.stdout.write(
        f"proven: {len(proven.records)} records of {printable(proven.audit_id)}"
        f" in the log {printable(origin)} of {size} records\n"
    )
    for index, record in proven.records.items():
        # As ASCII, it cannot steer the terminal.
        sys.stdout.write(f"{index}  {json.dumps(record)}\n")
    return 0
