from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connector.diagnosis.checks import FAULT, NOT_REACHED, OK, Explanation
from connector.diagnosis.document_table import DocumentTable
from connector.diagnosis.explanation import explain
from connector.diagnosis.explanation_report import as_text
from connector.diagnosis.judging import Judge, merchant_settings
from connector.diagnosis.older_explanation import OLDER_STEPS
from connector.diagnosis.vectors import Accept, Case, VectorFile, read_vectors

VECTORS = Path(__file__).parents[3] / "vectors"
BY_ID = {
    case.id: (file, case)
    for name in ("detached_jws.json", "talos.json")
    for file in [read_vectors((VECTORS / name).read_bytes())]
    for case in file.cases
}
# With headers of RFC 9421 beside it, a JWS is not looked at.
NEWER = {b"signature", b"signature-input"}
OLDER = [
    pytest.param(file, case, id=name)
    for name, (file, case) in BY_ID.items()
    if NEWER.isdisjoint(field.lower() for field, _ in case.request.headers)
]


def _explain(file: VectorFile, case: Case, **changed: Any) -> Explanation:
    async def explained() -> Explanation:
        judge = Judge(merchant_settings(case.settings), DocumentTable(file.documents), case.now)
        try:
            return await explain(case.request._replace(**changed), judge)
        finally:
            await judge.aclose()

    return asyncio.run(explained())


@pytest.mark.parametrize(("file", "case"), OLDER)
def test_every_step_is_told_and_no_body_is_shown(file: VectorFile, case: Case) -> None:
    explanation = _explain(file, case)
    (candidate,) = explanation.candidates

    assert tuple(check.step for check in candidate.checks) == OLDER_STEPS
    assert candidate.label == ""
    fault = next((check for check in candidate.checks if check.outcome == FAULT), None)
    assert (fault is None) is (
        isinstance(explanation.decision, Accept)
        or explanation.decision.code == "operation_not_permitted"
    )
    assert "item_123" not in as_text(explanation)


def test_what_a_jws_is_over_is_said_by_its_digest() -> None:
    (candidate,) = _explain(*BY_ID["jws-unencoded"]).candidates

    assert (candidate.scheme, candidate.keyid) == ("detached-jws", "platform-2026")
    header, payload = candidate.base
    assert header.startswith('protected header: {"alg": "ES256"')
    assert payload.startswith("payload: the body, 56 octets, sha-256=:")
    assert {check.outcome for check in candidate.checks} == {OK}


def test_the_members_of_an_envelope_are_shown() -> None:
    (candidate,) = _explain(*BY_ID["talos-write"]).candidates

    assert candidate.scheme == "talos"
    names = [line.partition(": ")[0] for line in candidate.base]
    assert names == ["protected header", "body", "headers", "meta", "method", "path", "query"]
    assert candidate.base[1].startswith("body: a JSON value whose canonical form has sha-256=:")


def test_a_scheme_that_is_not_allowed_is_told_first() -> None:
    explanation = _explain(*BY_ID["jws-not-allowed"])
    (candidate,) = explanation.candidates

    assert [check.outcome for check in candidate.checks[:2]] == [FAULT, NOT_REACHED]
    assert [finding.cause for finding in candidate.causes] == ["older-scheme"]
    assert "causes, signature, detached-jws" in as_text(explanation).split("\n")


def test_a_header_that_cannot_be_read_is_said_to_be() -> None:
    file, case = BY_ID["jws-unencoded"]
    headers = [
        (name, b"x" if name.lower() == b"request-signature" else value)
        for name, value in case.request.headers
    ]
    (candidate,) = _explain(file, case, headers=headers).candidates

    assert candidate.base == ()
    assert candidate.base_fault
    assert candidate.checks[1].outcome == FAULT
    headers = [(name, value * 9999 if value == b"x" else value) for name, value in headers]
    (candidate,) = _explain(file, case, headers=headers).candidates
    assert candidate.base_fault == "Request-Signature is too long"
