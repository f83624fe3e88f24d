from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connector.diagnosis.vectors import Accept, Case, Reject, WireRequest
from tests.oracles.verdicts import CANNOT, REFUSED, VERIFIED, Verdict, of_case

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST = WireRequest("GET", "/", "https", [], b"")
POLICY = Case("a", "", "", {}, 0, REQUEST, Reject("signature_invalid", None))


def said(words: Mapping[str, str]) -> dict[str, Verdict]:
    return {label: Verdict(word, "") for label, word in words.items()}


def test_of_what_is_accepted_the_expected_label_counts() -> None:
    case = POLICY._replace(expect=Accept("", "", "good", ""))
    assert of_case(case, VERIFIED, said({"bad": REFUSED, "good": VERIFIED})).word == VERIFIED
    assert of_case(case, VERIFIED, said({"bad": VERIFIED, "good": REFUSED})).word == REFUSED


@pytest.mark.parametrize(
    ("expected", "words", "word"),
    [
        (REFUSED, (VERIFIED, REFUSED), REFUSED),
        (REFUSED, (VERIFIED, CANNOT), CANNOT),
        (REFUSED, (VERIFIED, VERIFIED), VERIFIED),
        (VERIFIED, (REFUSED, VERIFIED), VERIFIED),
        (VERIFIED, (REFUSED, CANNOT), CANNOT),
        (VERIFIED, (REFUSED, REFUSED), REFUSED),
    ],
)
def test_of_what_is_refused_one_signature_decides(
    expected: str, words: tuple[str, str], word: str
) -> None:
    assert of_case(POLICY, expected, said(dict(zip("ab", words, strict=True)))).word == word
