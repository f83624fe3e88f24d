"""``ucp-connector audit rotate-keys``: new keys for checkpoints or for hashes, in front of the old.

Old checkpoint keys go on signing, so whoever verifies with one of them still can. Old redaction
keys stay for looking values up: what is hashed from now on has another hash than before.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from connector.audit.key_document import AuditKeyError
from connector.audit.keys import VKEYS, rotate_keys
from connector.cli.failure import CHECK_FAILED, CommandError
from connector.settings.loading import ConfigurationError, load_settings

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "-c", "--config", required=True, metavar="FILE", help="the configuration (YAML)"
    )
    parser.add_argument(
        "--checkpoint", action="store_true", help="a new key that signs checkpoints, for each log"
    )
    parser.add_argument(
        "--redaction", action="store_true", help="a new key under which values are hashed"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Make the keys; 1 where the key folder stands against it."""
    if not (arguments.checkpoint or arguments.redaction):
        raise CommandError("say which keys: --checkpoint, --redaction or both")
    try:
        folder = load_settings(arguments.config, os.environ).audit.keys
        rotated = rotate_keys(
            folder, checkpoint=arguments.checkpoint, redaction=arguments.redaction
        )
    except ConfigurationError as error:
        raise CommandError("; ".join(error.problems), status=CHECK_FAILED) from error
    except AuditKeyError as error:
        raise CommandError(str(error), status=CHECK_FAILED) from error
    if arguments.json:
        sys.stdout.write(f"{json.dumps(rotated._asdict(), indent=2)}\n")
        return 0
    lines = [f"{vkey} signs, too" for vkey in rotated.made]
    if rotated.made:
        lines.append(f"{folder / VKEYS} has it: give it to whoever verifies")
    if rotated.redaction is not None:
        lines.append(f"{rotated.redaction} hashes; the older keys stay for audit hash-value")
    lines.append("a gateway uses them from its next start on")
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0
