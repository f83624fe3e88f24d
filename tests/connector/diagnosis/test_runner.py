from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connector.diagnosis.runner import run_file
from connector.diagnosis.vectors import SCHEMA, Reject, VectorFile, VectorFileError, read_vectors

VECTORS = Path(__file__).parents[3] / "vectors"


def _file(name: str, *ids: str) -> VectorFile:
    file = read_vectors((VECTORS / name).read_bytes())
    return file._replace(cases=tuple(case for case in file.cases if case.id in ids))


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(VECTORS.glob("*.json")) if path.name != SCHEMA],
    ids=lambda path: path.name,
)
def test_every_case_is_decided_as_expected(path: Path) -> None:
    outcomes = asyncio.run(run_file(path.name, read_vectors(path.read_bytes())))

    assert [(outcome.id, outcome.problem) for outcome in outcomes if not outcome.good] == []


def test_a_wrong_expectation_is_told() -> None:
    file = _file("requests.json", "request-get-es256", "altered-path")
    flipped = file._replace(
        cases=tuple(case._replace(expect=Reject("key_not_found", None)) for case in file.cases)
    )
    outcomes = asyncio.run(run_file("x", flipped))

    assert [outcome.problem.partition(" (")[0] for outcome in outcomes] == [
        "accepted",
        "code is signature_invalid",
    ]
    assert [outcome.expected for outcome in outcomes] == ["key_not_found"] * 2


def test_cases_share_no_profile() -> None:
    """A document that one case has fetched is not at hand for the next one."""
    file = _file("requests.json", "request-get-es256")
    (case,) = file.cases
    without = file._replace(documents={})
    outcomes = asyncio.run(run_file("x", without._replace(cases=(case, case))))

    assert [outcome.decided for outcome in outcomes] == [
        "invalid_profile_url (unresolvable)",
        "invalid_profile_url (unresolvable)",
    ]


def test_settings_that_no_merchant_can_have_are_one_line() -> None:
    file = _file("requests.json", "request-get-es256")
    (case,) = file.cases
    broken = file._replace(cases=(case._replace(settings={"versions": "soon", "x": 1}),))

    with pytest.raises(VectorFileError, match=r'case "request-get-es256": .*versions') as caught:
        asyncio.run(run_file("x", broken))
    assert "\n" not in str(caught.value)
