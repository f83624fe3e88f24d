from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical import Request, parse_signatures
from connector.diagnosis.causes.cause import LIKELY, PROVEN
from connector.diagnosis.causes.evidence import Evidence
from connector.diagnosis.checks import FAULT
from connector.diagnosis.generator.recipes import NOW, POST, POST_COVERS, Recipe
from connector.diagnosis.masking import MASK
from connector.diagnosis.their_base import Difference, compare
from tests.connector.diagnosis.causes.signed_requests import PROFILE, Sent, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.diagnosis.checks import Candidate


def _candidate(sent: Sent, theirs: bytes) -> Candidate:
    (candidate,) = sent.explained(theirs).candidates
    return candidate


def _right(recipe: Recipe = POST) -> bytes:
    """Return the right base of a recipe."""
    kept: list[str] = []

    def keep(text: str) -> str:
        kept.append(text)
        return text

    Sent(recipe, base=keep).request()
    return kept[0].encode()


def _compared(
    change: Callable[[str], str], recipe: Recipe = POST, *, signed: bool = True
) -> Difference:
    """Compare with the base of a signer that made it so, and signed it, or only prints it so."""
    theirs = change(_right(recipe).decode()).encode()
    difference = _candidate(Sent(recipe, base=change) if signed else Sent(recipe), theirs).theirs
    assert difference is not None
    return difference


def _causes(difference: Difference) -> dict[str, str]:
    return {finding.cause: finding.certainty for finding in difference.causes}


def test_the_first_differing_line_and_octet_are_named() -> None:
    difference = _compared(replaced("shop.example.com", "shop.example.com:443"))

    assert difference._replace(causes=()) == Difference(
        equal=False,
        verifies=True,
        line=2,
        name='"@authority"',
        column=31,
        ours_octet="end of line",
        theirs_octet="':'",
        ours='"@authority": shop.example.com',
        theirs='"@authority": shop.example.com:443',
        others=0,
    )
    assert _causes(difference) == {"default-port-kept": PROVEN}


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_an_equal_base_is_said_to_be_and_an_editors_line_end_is_none(end: str) -> None:
    difference = _compared(lambda text: text + end, signed=False)

    assert (difference.equal, difference.verifies) == (True, True)


def test_a_line_end_that_was_signed_is_a_difference() -> None:
    difference = _compared(lambda text: text + "\n")

    assert (difference.line, difference.ours, difference.theirs) == (9, "no line", "")
    assert (difference.ours_octet, difference.theirs_octet) == ("no line", "end of line")
    assert _causes(difference) == {"trailing-newline": PROVEN}


def test_a_base_that_was_not_signed_is_said_not_to_be() -> None:
    assert _compared(replaced("POST", "PUT"), signed=False).verifies is False


def test_without_a_key_nothing_is_said_of_the_signature() -> None:
    difference = _candidate(Sent(profile=None), _right()).theirs

    assert difference is not None
    assert (difference.equal, difference.verifies) == (True, None)


def test_octets_that_are_no_text_are_escaped() -> None:
    theirs = _right().replace(b"POST", b"POST\xa0\x00")
    difference = _candidate(Sent(), theirs).theirs

    assert difference is not None
    assert difference.column == len('"@method": POST') + 1
    assert difference.theirs_octet == "'\\xa0'"
    assert difference.theirs == '"@method": POST\\xa0\\x00'


def test_further_lines_are_counted() -> None:
    difference = _compared(
        lambda text: text.replace(": POST", ": post").replace("/json", "/json; charset=utf-8")
    )

    assert (difference.line, difference.others) == (1, 1)
    assert _causes(difference) == {"method-lower-case": LIKELY, "content-type-charset": LIKELY}


SEVERAL = {
    "crlf": (replaced("\n", "\r\n"), {"crlf-in-base": PROVEN, "method-lower-case": LIKELY}),
    "escaped": (
        replaced("\n", "\\n"),
        {"line-ends-escaped": LIKELY, "method-lower-case": LIKELY},
    ),
    "no last line": (
        lambda text: text.rpartition("\n")[0],
        {"method-lower-case": LIKELY, "signature-params-missing": LIKELY},
    ),
    "label": (
        replaced(': ("@', ': sig1=("@'),
        {"method-lower-case": LIKELY, "label-in-signature-params": LIKELY},
    ),
    "no quotes": (
        lambda text: re.sub(r'(?m)^"([^"]*)"', r"\1", text),
        {"identifiers-unquoted": LIKELY},
    ),
}


@pytest.mark.parametrize(("change", "causes"), SEVERAL.values(), ids=SEVERAL)
def test_several_causes_are_told_by_their_lines(
    change: Callable[[str], str], causes: dict[str, str]
) -> None:
    def lower(text: str) -> str:
        return change(text.replace(": POST", ": post"))

    assert _causes(_compared(lower, signed=False)) == causes


def test_what_no_mistake_explains_is_left_open() -> None:
    assert _causes(_compared(replaced(": POST", ": BREW"), signed=False)) == {}


def test_a_secret_is_masked_in_every_part() -> None:
    recipe = POST._replace(headers=(*POST.headers, ("Authorization", "Bearer s3cret"))).covering(
        *POST_COVERS, "authorization"
    )
    for change in (replaced("s3cret", "0ther"), replaced('"authorization"', "authorization")):
        sent = Sent(recipe, base=change)
        theirs = change(_right(recipe).decode()).encode()
        shown = repr(sent.explained(theirs))

        assert MASK in shown
        assert "s3cret" not in shown
        assert "0ther" not in shown


def test_the_signature_with_most_lines_in_common_is_compared() -> None:
    narrow = f'("@method");created={NOW};keyid="platform-2026"'
    sent = Sent(
        member=lambda member: f"first={narrow}, sig1={member}",
        signature=lambda octets: f"first=:AAAA:, sig1=:{b64encode(octets).decode()}:",
    )
    first, second = sent.explained(_right()).candidates

    assert first.theirs is None
    assert second.theirs is not None
    assert second.theirs.equal
    assert all(check.outcome != FAULT for check in second.checks)


def test_a_component_that_did_not_arrive_is_a_line_of_theirs_alone() -> None:
    listed = '"@path" "x-trace"'
    sent = Sent(member=lambda member: f"sig1={member}".replace('"@path"', listed))
    theirs = (
        _right()
        .replace(b'"@path" ', f"{listed} ".encode())
        .replace(b"/checkout-sessions\n", b'/checkout-sessions\n"x-trace": abc\n')
    )
    difference = _candidate(sent, theirs).theirs

    assert difference is not None
    assert (difference.line, difference.theirs) == (4, '"x-trace": abc')


REQUEST = Sent().request()
MESSAGE = Request(
    method=REQUEST.method, target=REQUEST.target, headers=REQUEST.headers, body=REQUEST.body
)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=80) | st.binary(max_size=3).map(lambda end: _right() + end))
def test_any_octets_can_be_compared(theirs: bytes) -> None:
    (signature,) = parse_signatures(MESSAGE)
    difference = compare(Evidence(MESSAGE, NOW, profile=PROFILE, signature=signature), theirs)

    assert difference.equal is (theirs.removesuffix(b"\n").removesuffix(b"\r") == _right())


def test_there_must_be_a_signature() -> None:
    with pytest.raises(ValueError, match="no signature"):
        compare(Evidence(MESSAGE, NOW), b"")
