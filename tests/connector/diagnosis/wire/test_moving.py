"""Cases that are moved onto loopback and to the present are what they were, faults included."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from connector.diagnosis.document_table import DocumentTable
from connector.diagnosis.judging import Judge, merchant_settings
from connector.diagnosis.vectors import Accept, Case, Reject, VectorFile, read_vectors
from connector.diagnosis.wire.moving import Mover
from connector.diagnosis.wire.places import PROFILES_PORT, Surroundings
from connector.diagnosis.wire.runner import not_sent

if TYPE_CHECKING:
    from connector.diagnosis.vectors import WireRequest
    from connector.diagnosis.verdicts import Refused

VECTORS: Final = Path(__file__).parents[4] / "vectors"
NOW: Final = 1_800_000_000
FILES: Final = {
    path.stem: read_vectors(path.read_bytes())
    for path in sorted(VECTORS.glob("*.json"))
    if path.stem != "schema"
}
# Where profiles on loopback are taken plain HTTP is, too, and the name is what is wrong.
_OTHER_REASON: Final = {"agent-http"}
CASES: Final = [
    pytest.param(file, case, id=case.id)
    for file in FILES.values()
    for case in file.cases
    if not not_sent(file, case)
]


def decide(around: Surroundings, request: WireRequest) -> Accept | Refused:
    """Judge what would be sent as a gateway with the printed configuration would."""
    settings = merchant_settings(
        {"authorities": [around.with_authority("shop.example.com")], **around.settings},
        discovery={"insecure_allow_loopback_profiles": True},
    )
    documents = {place.url: place.document for place in around.places.values()}

    async def judged() -> Accept | Refused:
        judge = Judge(settings, DocumentTable(documents), NOW)
        try:
            return await judge.decide(request)
        finally:
            await judge.aclose()

    return asyncio.run(judged())


@pytest.mark.parametrize(("file", "case"), CASES)
def test_a_moved_case_is_decided_as_it_was_and_for_the_same_reason(
    file: VectorFile, case: Case
) -> None:
    around = Surroundings(file, case, PROFILES_PORT)

    decided = decide(around, Mover(file).move(case, around, NOW))

    if isinstance(case.expect, Reject):
        assert not isinstance(decided, Accept)
        assert decided.code == case.expect.code
        assert case.id in _OTHER_REASON or decided.reason == case.expect.reason
    else:
        assert isinstance(decided, Accept)
        assert (decided.keyid, decided.label) == (case.expect.keyid, case.expect.label)


def test_no_two_cases_lead_to_one_place() -> None:
    urls = []
    for file in FILES.values():
        mover = Mover(file)
        for case in file.cases:
            around = Surroundings(file, case, PROFILES_PORT)
            named = around.named_in(mover.move(case, around, NOW))
            urls += [each.url for each in named if each.document.error != "special_use"]

    assert len(urls) > 300
    assert len(set(urls)) == len(urls)


def test_only_cases_with_settings_have_another_merchant() -> None:
    for file in FILES.values():
        for case in file.cases:
            around = Surroundings(file, case, PROFILES_PORT)
            assert bool(around.label) == bool(case.settings)
