from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from connector.authentication.candidates import STEPS
from connector.diagnosis.checks import FAULT, NOT_REACHED, OK, Explanation
from connector.diagnosis.document_table import DocumentTable
from connector.diagnosis.explanation import explain
from connector.diagnosis.judging import Judge, merchant_settings
from connector.diagnosis.vectors import SCHEMA, Accept, Case, VectorFile, read_vectors
from connector.diagnosis.verdicts import Refused

VECTORS = Path(__file__).parents[3] / "vectors"
FILES = [
    read_vectors(path.read_bytes())
    for path in sorted(VECTORS.glob("*.json"))
    if path.name != SCHEMA
]
CASES = [
    pytest.param(case, id=case.id)
    for file in FILES
    for case in file.cases
    if case.kind == "request"
]
BY_ID = {case.id: (file, case) for file in FILES for case in file.cases}


def _explain(file: VectorFile, case: Case, **changed: Any) -> Explanation:
    async def explained() -> Explanation:
        judge = Judge(merchant_settings(case.settings), DocumentTable(file.documents), case.now)
        try:
            return await explain(case.request._replace(**changed), judge)
        finally:
            await judge.aclose()

    return asyncio.run(explained())


@cache
def _of_case(id_: str) -> Explanation:
    """Explain a case as it stands, once for all that is asked of every case."""
    return _explain(*BY_ID[id_])


def _outcomes(explanation: Explanation, number: int = 0) -> dict[str, str]:
    return {check.step: check.outcome for check in explanation.candidates[number].checks}


@pytest.mark.parametrize("case", CASES)
def test_it_decides_as_the_gateway_does_and_shows_why(case: Case) -> None:
    explanation = _of_case(case.id)
    faults = [
        check
        for checks in (explanation.checks, *(each.checks for each in explanation.candidates))
        for check in checks
        if check.outcome == FAULT
    ]

    if isinstance(case.expect, Accept):
        assert isinstance(explanation.decision, Accept)
        assert any(
            all(check.outcome == OK for check in candidate.checks)
            for candidate in explanation.candidates
        )
    else:
        assert isinstance(explanation.decision, Refused)
        assert case.expect.code in {check.code for check in faults}
        assert explanation.decision.reason in {check.reason for check in faults}


def test_the_steps_before_a_fault_went_well_and_none_behind_it_was_reached() -> None:
    outcomes = _outcomes(_explain(*BY_ID["key-stranger"]))

    assert list(outcomes) == list(STEPS)
    assert list(outcomes.values()) == [*[OK] * 10, FAULT, NOT_REACHED]


def test_the_body_is_checked_although_an_earlier_step_failed() -> None:
    outcomes = _outcomes(_explain(*BY_ID["time-future"], body=b'{"other":1}'))

    assert outcomes["times"] == FAULT
    assert outcomes["body"] == FAULT
    assert outcomes["signature"] == NOT_REACHED


@pytest.mark.parametrize(
    ("case", "alone"),
    [
        ("time-future", True),
        ("altered-body", True),
        ("coverage-method", True),
        ("key-keyid-unknown", None),
        ("profile-timeout", None),
        ("request-get-es256", None),
        ("key-stranger", None),
    ],
)
def test_it_says_whether_the_signature_as_such_verifies(case: str, *, alone: bool | None) -> None:
    (candidate,) = _explain(*BY_ID[case]).candidates

    assert candidate.alone is alone


def test_a_signature_that_is_wrong_twice_is_said_to_be() -> None:
    (candidate,) = _explain(*BY_ID["time-future"], target="/carts").candidates

    assert candidate.alone is False


def test_each_candidate_is_judged_as_if_alone() -> None:
    explanation = _explain(*BY_ID["several-good-last"])

    assert [candidate.label for candidate in explanation.candidates] == [
        "narrow",
        "unknown",
        "sig1",
    ]
    assert [
        next((check.step for check in candidate.checks if check.outcome == FAULT), "")
        for candidate in explanation.candidates
    ] == ["coverage", "key", ""]


def test_the_base_is_shown_line_by_line() -> None:
    file, case = BY_ID["request-get-es256"]
    (candidate,) = _explain(file, case).candidates

    assert isinstance(case.expect, Accept)
    assert "\n".join(candidate.base) == case.expect.signature_base
    assert candidate.base_fault == ""


def test_a_base_that_cannot_be_built_names_the_component() -> None:
    (candidate,) = _explain(*BY_ID["absent-covered-field"]).candidates

    assert candidate.base == ()
    assert "x-trace" in candidate.base_fault


@pytest.mark.parametrize("case", CASES)
def test_only_what_failed_has_causes(case: Case) -> None:
    explanation = _of_case(case.id)

    for candidate in explanation.candidates:
        failed = any(check.outcome == FAULT for check in (*candidate.checks, *explanation.checks))
        assert failed or not candidate.causes
    if isinstance(explanation.decision, Accept):
        assert explanation.causes == ()


def test_a_cause_is_found_although_the_wire_refused_the_request() -> None:
    file, case = BY_ID["twice-ucp-agent"]
    explanation = _explain(file, case)

    assert explanation.candidates == ()
    assert [finding.cause for finding in explanation.causes] == ["single-header-repeated"]


def test_a_request_without_signatures_has_no_candidates() -> None:
    explanation = _explain(*BY_ID["signature-missing"])

    assert explanation.candidates == ()
    assert [check.outcome for check in explanation.checks][:3] == [OK, OK, FAULT]


def test_secrets_are_masked_in_head_and_base() -> None:
    file, case = BY_ID["request-get-es256"]
    headers = [*case.request.headers, (b"Authorization", b"Bearer s3cret"), (b"X", b"\x00\xff")]
    explanation = _explain(file, case, headers=headers)

    assert "Authorization: [masked]" in explanation.head
    assert "X: \\x00\\xff" in explanation.head
    assert "s3cret" not in repr(explanation)
