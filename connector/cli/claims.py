"""``ucp-connector claims``: find writes of unknown outcome, look at one, say what became of it.

It talks to the store of the configuration, beside the gateways that use it.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import logging
import math
import os
import sys
from typing import TYPE_CHECKING, Final

from connector.admission.claim_record import STATES, NotAClaim, claim_name, shown_time
from connector.admission.desk import MOST_CLAIMS, ClaimDesk
from connector.admission.told import MOST_LINES, Told
from connector.cli.failure import CHECK_FAILED, CommandError
from connector.cli.table import printable, table
from connector.settings.loading import ConfigurationError, load_settings
from connector.store.errors import StoreUnavailable
from connector.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from connector.admission.claim_record import ClaimRecord
    from connector.settings.schema import Settings

_ACTIONS: Final = {
    "list": "list claims, by default those whose outcome nobody knows",
    "show": "show one claim",
    "resolve": "say that a write of unknown outcome was executed, or was not",
}
_ALL: Final = "all"
_DEFAULT_LIMIT: Final = 100
_MOST_NAMES: Final = 100_000_000
"""More than a gateway looks at: it has nothing else to do, and can be told to stop."""
_PROGRESS: Final = 10_000
"""Names between two words about how far it is."""
_COLUMNS: Final = ("since", "state", "merchant", "operation", "audit id", "claim")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in _ACTIONS.items():
        action = actions.add_parser(name, help=summary, allow_abbrev=False)
        if name != "list":
            action.add_argument("claim", metavar="ID", type=_claim_id, help="the claim's id")
        action.add_argument(
            "-c", "--config", required=True, metavar="FILE", help="the configuration (YAML)"
        )
        if name == "list":
            _configure_list(action)
        if name == "resolve":
            _configure_resolve(action)
        action.add_argument("--json", action="store_true", help="print JSON, an object in a line")


def _configure_list(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--state",
        choices=(*STATES, _ALL),
        default="unknown",
        help="default: unknown, which a claim is whose gateway is gone, too",
    )
    action.add_argument("--merchant", metavar="ID", help="of this merchant")
    action.add_argument("--operation", metavar="NAME", help="of this operation")
    action.add_argument("--audit-id", metavar="ID", help="of the request with this Audit-ID")
    action.add_argument(
        "--claim", metavar="TOKEN", help="that the merchant got with this UCP-Verified-Claim"
    )
    action.add_argument(
        "--limit",
        metavar="N",
        type=_limit,
        default=_DEFAULT_LIMIT,
        help=f"at most so many (default: {_DEFAULT_LIMIT}, most: {MOST_CLAIMS})",
    )


def _configure_resolve(action: argparse.ArgumentParser) -> None:
    outcome = action.add_mutually_exclusive_group(required=True)
    outcome.add_argument(
        "--executed",
        dest="outcome",
        action="store_const",
        const="executed",
        help="the merchant has carried it out: it never runs again",
    )
    outcome.add_argument(
        "--not-executed",
        dest="outcome",
        action="store_const",
        const="not_executed",
        help="the merchant has not, and will not: a repetition may run",
    )
    action.add_argument("--reason", required=True, metavar="TEXT", help="how you know")
    action.add_argument("--by", metavar="NAME", help="who says so (default: the login name)")
    action.add_argument(
        "--claim",
        dest="token",
        metavar="TOKEN",
        help="only of the attempt that the merchant got with this UCP-Verified-Claim",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do one of the actions; 1 where there is no such claim, or it can't be resolved."""
    try:
        settings = load_settings(arguments.config, os.environ)
    except ConfigurationError as error:
        raise CommandError("; ".join(error.problems), status=CHECK_FAILED) from error
    # What the store's client would log, the command says itself.
    logging.getLogger("connector.store").addHandler(logging.NullHandler())
    return asyncio.run(_at_desk(settings, arguments))


async def _at_desk(settings: Settings, arguments: argparse.Namespace) -> int:
    store = settings.store
    url = store.url.get_secret_value()
    try:
        client = open_store(url, directory=store.directory, timeout=store.timeout)
    except ValueError as error:
        raise CommandError(f"store.url: {error}", status=CHECK_FAILED) from error
    desk = ClaimDesk(
        client,
        keep=store.idempotency_ttl,
        tombstone=store.tombstone_ttl,
        most_names=_MOST_NAMES,
        looked=_progress if sys.stderr.isatty() else None,
    )
    try:
        await client.start()
        if arguments.action == "resolve":
            return await _resolve(desk, Told(client, b"claims"), arguments)
        return await _LOOK[arguments.action](desk, arguments)
    except StoreUnavailable as error:
        text = error.explanation
        if error.applied and arguments.action == "resolve":
            text += " It may have been resolved all the same: show the claim."
        if url == "embedded:":
            text += f" The gateway runs the embedded store in {store.directory}: does it run?"
        raise CommandError(text, status=CHECK_FAILED) from error
    finally:
        await client.aclose()


async def _list(desk: ClaimDesk, arguments: argparse.Namespace) -> int:
    listing = await desk.list(
        states=STATES if arguments.state == _ALL else (arguments.state,),
        merchant=arguments.merchant,
        operation=arguments.operation,
        audit_id=arguments.audit_id,
        token=arguments.claim,
        limit=arguments.limit,
    )
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    if arguments.json:
        for record in listing.claims:
            sys.stdout.write(f"{json.dumps(record.as_json())}\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _table(listing.claims)))
    if not listing.complete:
        sys.stderr.write("there may be more: not all of the store was looked at\n")
    if listing.skipped:
        sys.stderr.write(f"skipped, because they are not shaped as claims: {listing.skipped}\n")
    return 0


async def _show(desk: ClaimDesk, arguments: argparse.Namespace) -> int:
    record = await desk.show(arguments.claim)
    if record is None:
        raise CommandError("there is no such claim", status=CHECK_FAILED)
    if arguments.json:
        sys.stdout.write(f"{json.dumps(record.as_json())}\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _details(record)))
    return 0


async def _resolve(desk: ClaimDesk, told: Told, arguments: argparse.Namespace) -> int:
    by = _login_name() if arguments.by is None else arguments.by
    try:
        resolution = await desk.resolve(
            arguments.claim, arguments.outcome, by, arguments.reason, token=arguments.token
        )
    except ValueError as error:
        raise CommandError(str(error)) from error
    if resolution.word == "done":
        if arguments.json:
            sys.stdout.write(resolution.line())
        else:
            sys.stderr.write(resolution.line())
            sys.stdout.write(f"{resolution.claim_id}: {resolution.outcome}\n")
        sys.stdout.flush()
        await _leave(told, resolution.line())
        return 0
    if not arguments.json:
        raise CommandError(resolution.explanation, status=CHECK_FAILED)
    document = {
        "claim": resolution.claim_id,
        "error": resolution.word,
        "explanation": resolution.explanation,
        "retry_after": math.ceil(resolution.wait) if resolution.word == "early" else None,
    }
    sys.stdout.write(f"{json.dumps(document)}\n")
    return CHECK_FAILED


async def _leave(told: Told, line: str) -> None:
    """Have a gateway write it into its audit log."""
    try:
        left = await told.push(line)
    except StoreUnavailable as error:
        why = error.explanation
    else:
        if left:
            return
        why = f"{MOST_LINES} resolutions wait already: does a gateway run?"
    raise CommandError(f"it is resolved, but no audit log will have it: {why}", status=CHECK_FAILED)


_LOOK: Final[dict[str, Callable[[ClaimDesk, argparse.Namespace], Awaitable[int]]]] = {
    "list": _list,
    "show": _show,
}


def _progress(seen: int) -> None:
    if seen % _PROGRESS == 0:
        sys.stderr.write(f"\r{seen} names looked at")
        sys.stderr.flush()


def _table(records: Sequence[ClaimRecord]) -> Iterator[str]:
    if not records:
        yield "no such claims"
        return
    yield from table([_COLUMNS, *map(_row, records)])


def _row(record: ClaimRecord) -> tuple[str, ...]:
    return (
        shown_time(record.claimed or record.renewed) or "-",
        record.state,
        printable(record.merchant),
        printable(record.operation),
        printable(record.audit_id),
        record.claim_id,
    )


def _details(record: ClaimRecord) -> Iterator[str]:
    for name, value in record.as_json().items():
        if name == "note" and value is not None:
            for each, text in value.items():
                yield _detail(f"note.{each}", text)
        elif value or name == "state":
            yield _detail(name, value)


def _detail(name: str, value: object) -> str:
    text = "yes" if value is True else printable(str(value))
    return f"{printable(name):<14}  {text}"


def _claim_id(text: str) -> str:
    try:
        claim_name(text)
    except NotAClaim as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _limit(text: str) -> int:
    short = text.isascii() and text.isdigit() and len(text) <= len(str(MOST_CLAIMS))
    if not short or not 1 <= int(text) <= MOST_CLAIMS:
        raise argparse.ArgumentTypeError(f"not a number from 1 to {MOST_CLAIMS}")
    return int(text)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return f"uid {os.getuid()}"
