from __future__ import annotations

from tests.oracles.agreement import Count, Row, count, enough, problems
from tests.oracles.explanations import Entry, Explanations
from tests.oracles.verdicts import CANNOT, REFUSED, VERIFIED, Verdict

NOTHING = Explanations(frozenset(), (), (), ())
DIFFERS = Entry(("case",), "it is lax", ("go",), VERIFIED, "vectors")
FEW = Entry(("case",), "it is hard to say")


def row(expected: str, **words: str) -> Row:
    return Row("file.json", "case", expected, {name: Verdict(w, "") for name, w in words.items()})


def lines(given: Row, explained: Explanations = NOTHING, *, all_there: bool = True) -> list[str]:
    return problems([given], explained, all_there=all_there)


def test_two_that_agree_beside_one_that_cannot_be_asked_are_no_problem() -> None:
    assert lines(row(REFUSED, python=REFUSED, node=REFUSED, go=CANNOT)) == []


def test_one_that_says_otherwise_is_a_problem() -> None:
    found = lines(row(REFUSED, python=REFUSED, node=REFUSED, go=VERIFIED))
    assert found == ["file.json case: go says verified, expected is refused"]


def test_an_explanation_settles_it_for_that_oracle_and_that_verdict_alone() -> None:
    explained = NOTHING._replace(differs=(DIFFERS,))
    assert lines(row(REFUSED, python=REFUSED, node=REFUSED, go=VERIFIED), explained) == []
    assert lines(row(REFUSED, python=REFUSED, node=VERIFIED, go=VERIFIED), explained) == [
        "file.json case: node says verified, expected is refused",
        "file.json case: fewer than two say refused: python",
    ]


def test_a_case_that_one_alone_judges_is_a_problem_until_it_is_left_to_few() -> None:
    given = row(VERIFIED, python=VERIFIED, node=CANNOT, go=CANNOT)
    assert lines(given) == ["file.json case: fewer than two say verified: python"]
    assert lines(given, NOTHING._replace(few=(FEW,))) == []


def test_an_explanation_that_no_longer_holds_is_a_problem() -> None:
    agreed = row(REFUSED, python=REFUSED, node=REFUSED, go=REFUSED)
    assert lines(agreed, NOTHING._replace(differs=(DIFFERS,))) == [
        "explanations: go says refused of case, not verified"
    ]
    assert lines(agreed, NOTHING._replace(few=(FEW,))) == [
        "explanations: case is not left to few: python, node, go"
    ]


def test_an_explanation_of_a_case_that_there_is_not_is_a_problem() -> None:
    agreed = row(REFUSED, python=REFUSED, node=REFUSED, go=REFUSED)
    gone = NOTHING._replace(few=(FEW._replace(cases=("gone",)),))
    assert lines(agreed, gone) == ["explanations: there is no case gone"]


def test_without_one_of_the_oracles_only_disagreement_is_a_problem() -> None:
    explained = NOTHING._replace(differs=(DIFFERS,))
    given = row(VERIFIED, python=VERIFIED, node=CANNOT)
    assert lines(given, explained, all_there=False) == []
    assert lines(row(VERIFIED, python=VERIFIED, node=REFUSED), all_there=False) == [
        "file.json case: node says refused, expected is verified"
    ]


def test_counts_tell_what_was_expected_from_what_was_not() -> None:
    rows = [
        row(REFUSED, python=REFUSED, node=VERIFIED),
        row(VERIFIED, python=VERIFIED, node=VERIFIED),
        row(VERIFIED, python=CANNOT, node=VERIFIED),
    ]
    assert count(rows, "python") == Count(2, 1, 0)
    assert count(rows, "node") == Count(2, 0, 1)
    assert enough(rows) == 1
