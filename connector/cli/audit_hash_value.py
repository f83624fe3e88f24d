"""``ucp-connector audit hash-value``: what stands in the log in place of a value.

The value comes from standard input: on the command line, the shell's history and the list of
processes would have it, too.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Final

from connector.audit.key_document import AuditKeyError
from connector.audit.keys import load_redactors
from connector.audit.redaction import FIELDS
from connector.cli.failure import CHECK_FAILED, CommandError
from connector.settings.loading import ConfigurationError, load_settings

if TYPE_CHECKING:
    import argparse

_MOST: Final = 1 << 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Read a value from standard input, without the line end behind it,"
        " and print its hash under each redaction key, the newest first."
    )
    parser.add_argument(
        "field", metavar="FIELD", choices=FIELDS, help=f"one of {', '.join(FIELDS)}"
    )
    parser.add_argument(
        "-c", "--config", required=True, metavar="FILE", help="the configuration (YAML)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the hashes; 1 where there are no keys to hash with."""
    try:
        folder = load_settings(arguments.config, os.environ).audit.keys
        redactors = load_redactors(folder)
    except ConfigurationError as error:
        raise CommandError("; ".join(error.problems), status=CHECK_FAILED) from error
    except AuditKeyError as error:
        raise CommandError(str(error), status=CHECK_FAILED) from error
    if sys.stdin.isatty():
        sys.stderr.write(f"the value of {arguments.field}, and a line end:\n")
        value = sys.stdin.buffer.readline(_MOST + 1)
    else:
        value = sys.stdin.buffer.read(_MOST + 1)
    if len(value) > _MOST:
        raise CommandError(f"a value has at most {_MOST} octets")
    value = value.removesuffix(b"\n").removesuffix(b"\r")
    hashes = [redactor.hash(arguments.field, value) for redactor in redactors]
    if arguments.json:
        document = {"field": arguments.field, "hashes": hashes}
        sys.stdout.write(f"{json.dumps(document, indent=2)}\n")
    else:
        sys.stdout.write("".join(f"{each}\n" for each in hashes))
    return 0
