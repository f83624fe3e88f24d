from __future__ import annotations

from pathlib import Path

import pytest

from connector.diagnosis.vectors import SCHEMA, Case, Reject, read_vectors
from tests.oracles.explanations import ExplanationError, read_explanations
from tests.oracles.programs import MAKERS
from tests.oracles.verdicts import REFUSED, VERIFIED

ORACLES = frozenset(MAKERS)
OWN = Path(__file__).with_name("explanations.toml").read_text(encoding="utf-8")
VECTORS = Path(__file__).parents[2] / "vectors"
CASES = {
    case.id: case
    for path in VECTORS.glob("*.json")
    if path.name != SCHEMA
    for case in read_vectors(path.read_bytes()).cases
}
DIFFERS = """
[[differs]]
oracles = ["go"]
verdict = "verified"
right = "vectors"
cases = ["a"]
text = "RFC 9421 section 2.2.3"
"""


def accepted() -> Case:
    return next(case for case in CASES.values() if not isinstance(case.expect, Reject))


def test_the_table_names_only_cases_that_there_are() -> None:
    table = read_explanations(OWN, ORACLES)
    entries = (*table.judged, *table.differs, *table.few)
    assert {case for entry in entries for case in entry.cases} - CASES.keys() == set()


def test_every_reason_that_it_calls_a_fault_of_the_signature_occurs() -> None:
    reasons = {case.expect.reason for case in CASES.values() if isinstance(case.expect, Reject)}
    assert read_explanations(OWN, ORACLES).signature - reasons == set()


def test_every_disagreement_cites_a_section() -> None:
    table = read_explanations(OWN, ORACLES)
    assert [entry.text for entry in table.differs if "ection" not in entry.text] == []


def test_what_is_accepted_must_verify() -> None:
    assert read_explanations("", ORACLES).expected(accepted()) == VERIFIED


def test_a_refusal_for_a_fault_of_the_signature_must_be_refused_and_others_verify() -> None:
    table = read_explanations('[signature]\nreasons = ["malformed"]', ORACLES)
    case = accepted()
    fault = case._replace(expect=Reject("signature_invalid", "malformed"))
    policy = case._replace(expect=Reject("signature_invalid", "expired"))
    assert (table.expected(fault), table.expected(policy)) == (REFUSED, VERIFIED)


def test_a_case_can_be_judged_otherwise_than_its_reason_says() -> None:
    case = accepted()._replace(expect=Reject("signature_invalid", "expired"))
    text = f'[[judged]]\nverdict = "refused"\ncases = ["{case.id}"]\ntext = "why"'
    assert read_explanations(text, ORACLES).expected(case) == REFUSED


def test_a_difference_is_found_by_oracle_case_and_verdict() -> None:
    table = read_explanations(DIFFERS, ORACLES)
    assert table.difference("go", "a", VERIFIED) is not None
    assert table.difference("go", "a", REFUSED) is None
    assert table.difference("go", "b", VERIFIED) is None
    assert table.difference("node", "a", VERIFIED) is None


@pytest.mark.parametrize(
    "text",
    [
        "[[differs",
        "[other]",
        DIFFERS.replace('"go"', '"rust"'),
        DIFFERS.replace('"verified"', '"fine"'),
        DIFFERS.replace('"vectors"', '"nobody"'),
        DIFFERS.replace("text", "texts"),
        DIFFERS + DIFFERS,
        '[[judged]]\nverdict = "cannot"\ncases = []\ntext = ""',
    ],
)
def test_a_table_with_a_mistake_is_refused(text: str) -> None:
    with pytest.raises(ExplanationError):
        read_explanations(text, ORACLES)
