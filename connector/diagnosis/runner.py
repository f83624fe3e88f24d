"""Runs vector files through the gateway's rooms, offline."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from connector.diagnosis.document_table import DocumentTable
from connector.diagnosis.judging import Judge, merchant_settings, offline_discovery
from connector.diagnosis.receiving import Receiver
from connector.diagnosis.vectors import VectorFileError
from connector.diagnosis.verdicts import Outcome, brief, difference
from connector.settings.loading import ConfigurationError

if TYPE_CHECKING:
    from connector.diagnosis.vectors import Accept, Case, VectorFile
    from connector.diagnosis.verdicts import Refused
    from connector.settings.schema import Settings


async def run_file(name: str, file: VectorFile) -> list[Outcome]:
    """Run every case of a file; ``name`` is what the outcomes call it.

    Each case has a merchant, a clock and a cache of profiles of its own. Raises VectorFileError
    for settings that no merchant can have.
    """
    table = DocumentTable(file.documents)
    known: dict[str, Settings] = {}
    return [await _run(name, case, table, _settings(case, known)) for case in file.cases]


def _settings(case: Case, known: dict[str, Settings]) -> Settings:
    """Cases share most settings, and a model takes longer to check than a signature."""
    text = json.dumps(case.settings, sort_keys=True)
    if text not in known:
        try:
            known[text] = merchant_settings(case.settings)
        except ConfigurationError as error:
            raise VectorFileError(f'case "{case.id}": {"; ".join(error.problems)}') from error
    return known[text]


async def _run(name: str, case: Case, table: DocumentTable, settings: Settings) -> Outcome:
    started = time.perf_counter()
    decided = await _decide(case, table, settings)
    return Outcome(
        name,
        case.id,
        case.description,
        case.rule,
        brief(case.expect),
        brief(decided),
        difference(case.expect, decided),
        time.perf_counter() - started,
    )


async def _decide(case: Case, table: DocumentTable, settings: Settings) -> Accept | Refused:
    if case.kind == "request":
        judge = Judge(settings, table, case.now)
        try:
            return await judge.decide(case.request)
        finally:
            await judge.aclose()
    discovery = offline_discovery(table, case.now)
    (merchant,) = settings.merchants
    try:
        receiver = Receiver(discovery, case.now, bound=merchant.responses.bind_request)
        return await receiver.decide(case)
    finally:
        await discovery.aclose()
