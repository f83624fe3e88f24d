from __future__ import annotations

from tests.oracles.live import Exchange, disagreements
from tests.oracles.verdicts import CANNOT, REFUSED, VERIFIED, Verdict

EXCHANGE = Exchange("read", VERIFIED, {})


def said(**words: str) -> dict[str, Verdict]:
    return {name: Verdict(word, "why") for name, word in words.items()}


def test_two_that_verify_an_answer_are_enough() -> None:
    assert disagreements(EXCHANGE, said(one=VERIFIED, two=VERIFIED, three=CANNOT)) == []


def test_one_alone_is_too_few() -> None:
    found = disagreements(EXCHANGE, said(one=VERIFIED, two=CANNOT))
    assert found == ["read: fewer than two say verified"]


def test_one_that_refuses_a_good_answer_is_a_disagreement() -> None:
    found = disagreements(EXCHANGE, said(one=VERIFIED, two=VERIFIED, three=REFUSED))
    assert found == ["read: three says refused (why), expected verified"]
