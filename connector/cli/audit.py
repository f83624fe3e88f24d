"""``ucp-connector audit``: checks and shows the audit log. Each action is a module of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from connector.cli import (
    audit_hash_value,
    audit_prove,
    audit_prune,
    audit_reverify,
    audit_rotate_keys,
    audit_show,
    audit_verify,
    audit_verify_receipt,
)

if TYPE_CHECKING:
    import argparse


class _Module(Protocol):
    """What an action's module offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit status; raises CommandError."""


class _Action(NamedTuple):
    module: _Module
    summary: str


ACTIONS: Final = {
    "verify": _Action(audit_verify, "check that nothing in a log was changed"),
    "show": _Action(audit_show, "show the records of a log"),
    "prove": _Action(audit_prove, "make a receipt of one request, which proves its records"),
    "verify-receipt": _Action(audit_verify_receipt, "check a receipt, without the log"),
    "reverify": _Action(audit_reverify, "verify the callers' signatures again, from the log"),
    "hash-value": _Action(audit_hash_value, "print what stands in the log in place of a value"),
    "prune": _Action(audit_prune, "remove records that are older than a time"),
    "rotate-keys": _Action(audit_rotate_keys, "make new keys for checkpoints or hashes"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, action in ACTIONS.items():
        action.module.configure(actions.add_parser(name, help=action.summary, allow_abbrev=False))


def run(arguments: argparse.Namespace) -> int:
    """Do one of the actions."""
    return ACTIONS[arguments.action].module.run(arguments)
