"""``ucp-connector serve``: run the gateway until SIGTERM or Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.cli.failure import CHECK_FAILED, CommandError
from connector.server.process import StartError
from connector.server.serve import serve
from connector.settings.loading import ConfigurationError

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("-c", "--config", metavar="FILE", help="the configuration (YAML)")


def run(arguments: argparse.Namespace) -> int:
    """Serve; return when the last request is answered."""
    try:
        return serve(arguments.config)
    except ConfigurationError as error:
        raise CommandError("; ".join(error.problems), status=CHECK_FAILED) from error
    except StartError as error:
        raise CommandError(str(error), status=CHECK_FAILED) from error
