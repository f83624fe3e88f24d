"""The command ``ucp-connector``: picks the subcommand and turns every error into one line."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from connector.cli.failure import WRONG_USAGE, CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM: Final = "ucp-connector"
_INTERRUPTED: Final = 130
"""128 + SIGINT, as shells report it."""


class _Command(NamedTuple):
    """A subcommand: its module is imported only when it is called, so that help stays quick."""

    module: str
    summary: str


COMMANDS: Final = {
    "serve": _Command("serve", "run the gateway"),
    "demo": _Command("demo", "run a sample merchant, the gateway and a sample platform"),
    "check-config": _Command("check_config", "check a configuration file and sum it up"),
    "claims": _Command("claims", "list, show or resolve writes whose outcome nobody knows"),
    "audit": _Command("audit", "verify, show and prove what stands in the audit log"),
    "keys": _Command("keys", "make, list, rotate, retire, revoke or export our signing keys"),
    "sign": _Command("sign", "sign a request; print it, or send it and verify the answer"),
    "explain": _Command("explain", "tell why a request is accepted or refused, check by check"),
    "doctor": _Command("doctor", "tell what is right and wrong with a profile, as it is served"),
    "vectors": _Command("vectors", "run, list or generate conformance vectors"),
}


class _Module(Protocol):
    """What a subcommand's module offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit status; raises CommandError."""


class _Version(argparse.Action):
    """``--version``: the package's metadata is read only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        try:
            number = version(PROGRAM)
        except PackageNotFoundError:
            number = "(not installed)"
        sys.stdout.write(f"{PROGRAM} {number}\n")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status: 0 good, 1 failed, 2 wrong usage."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _run(given)
        sys.stdout.flush()
    except CommandError as error:
        return _complain(str(error), error.status)
    except BrokenPipeError:
        # Whoever read our output has gone. The interpreter flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except OSError as error:
        return _complain(_os_error(error), WRONG_USAGE)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SystemExit as end:  # argparse ends this way, and tests call main
        return end.code if isinstance(end.code, int) else 0
    return status


def _run(given: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="A signed-request security gateway for merchants who sell through AI agents.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    chosen: _Module | None = None
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(
            name, help=command.summary, description=_sentence(command.summary), allow_abbrev=False
        )
        if given and given[0] == name:
            chosen = _load(command.module)
            chosen.configure(subparser)
    arguments = parser.parse_args(given)
    if chosen is None:  # argparse has ended the program: help, version or wrong usage
        raise CommandError("no command")
    return chosen.run(arguments)


def _load(name: str) -> _Module:
    module: Any = import_module(f"connector.cli.{name}")
    loaded: _Module = module
    return loaded


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


def _os_error(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return reason if error.filename is None else f"{error.filename}: {reason}"


def _complain(text: str, status: int) -> int:
    # An operator reads one line; whatever broke it came from outside.
    sys.stderr.write(f"{PROGRAM}: {' '.join(text.split())}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
