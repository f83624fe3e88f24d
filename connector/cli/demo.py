"""``ucp-connector demo``: a merchant, the gateway and a platform on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.demo import story

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--once", action="store_true", help="end after the table of decisions")
    parser.add_argument(
        "--upstream",
        metavar="URL",
        help="put the gateway in front of this address and print a signed curl line to try",
    )


def run(arguments: argparse.Namespace) -> int:
    """Play the demo; 0 if every decision was as expected."""
    return story.run(once=arguments.once, upstream=arguments.upstream)
