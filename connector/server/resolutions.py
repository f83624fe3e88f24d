"""Operators' words on claims: into decision lines, and into the audit log."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, Final

from connector.audit.errors import AuditUnavailable
from connector.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.admission.told import Told
    from connector.admission.watch import StoreWatch
    from connector.audit.ledger import Ledger
    from connector.telemetry.decisions import DecisionLog

_ACTION: Final = "resolve_claim"
_DETAILS: Final = (*("audit_id", "merchant", "operation", "claim", "outcome", "reason", "before"),)
"""Members of a resolution's decision line that go into the audit log."""
_MOST: Final = 512
_MOST_BY: Final = 256
"""Characters that the log has of one of them, and of who says so."""
_PAUSE: Final = 1.0
"""Seconds between two looks at what was said beside the gateways."""

_logger: Final = logging.getLogger(__name__)


def read_resolution(line: str | bytes) -> tuple[str, dict[str, object]]:
    """Return who said it and what the log has of a decision line; ValueError where it is none."""
    try:
        said: Any = json.loads(line)
        by = said["by"]
        details = {name: said[name][:_MOST] for name in _DETAILS}
        "".join((by, *details.values())).encode()
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise ValueError("not a resolution's decision line") from error
    if not 0 < len(by) <= _MOST_BY or not by.isprintable():
        raise ValueError("a resolution's decision line that does not say who it was")
    return by, details


def teller(log: DecisionLog, ledger: Ledger) -> Callable[[str], None]:
    """Return what tells of a resolution that this process made."""

    def tell(line: str) -> None:
        log.write(line)
        try:
            by, details = read_resolution(line)
            ledger.administer(_ACTION, by, details)
        except ValueError as error:
            _logger.warning("left out of the audit log: %s", error)

    return tell


async def keep_writing_down(told: Told, watch: StoreWatch, ledger: Ledger) -> None:
    """Write down what was said beside the gateways, for as long as the process runs."""
    while True:
        await asyncio.sleep(_PAUSE)
        if not watch.down and watch.policy is None:
            await write_down(told, ledger)


async def write_down(told: Told, ledger: Ledger) -> None:
    """Write down what waits; what cannot be written now is left to wait."""
    try:
        while lines := await told.take():
            for line in lines:
                await _write(line, ledger)
                await told.done(line)
    except StoreUnavailable:
        # The watch tells of it; the lines wait there.
        return
    except AuditUnavailable as error:
        _logger.warning("operators' words on claims wait for the audit log: %s", error)


async def _write(line: bytes, ledger: Ledger) -> None:
    try:
        by, details = read_resolution(line)
        await ledger.administer_durably(_ACTION, by, details)
    except ValueError as error:
        _logger.warning("left out of the audit log, and out of the store: %s", error)
