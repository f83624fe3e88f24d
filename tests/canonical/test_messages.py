"""An error shows what it is about, and of what a stranger wrote only the beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from canonical import (
    CanonicalError,
    Request,
    load_key_set,
    parse_dictionary,
    parse_signatures,
    serialize,
    signature_base,
)
from canonical.keys import _shown
from canonical.signatures import read_member

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "a" * 300


def signed(signature_input: str, signature: str) -> Request:
    headers = [("Signature-Input", signature_input), ("Signature", signature)]
    return Request(method="GET", target="/", headers=headers)


@pytest.mark.parametrize(
    ("ask", "shown"),
    [
        (lambda: parse_dictionary(f"{NAME}=1, {NAME}=2", unique=True), 80),
        (lambda: read_member(f'("@method");{NAME};{NAME}'), 80),
        (lambda: parse_signatures(signed(f"{NAME}=(), {NAME}=()", "a=:AA==:")), 80),
        (lambda: parse_signatures(signed("b=()", f"{NAME}=:AA==:, {NAME}=:AA==:")), 80),
        (lambda: parse_signatures(signed("b=()", f"{NAME}=1")), 80),
        (lambda: serialize({NAME + "A": 1}), 40),
        (lambda: load_key_set([]).get(NAME), 100),
        (lambda: load_key_set([]).by_thumbprint(NAME), 100),
        (lambda: signature_base(signed("b=()", "b=:AA==:"), f'("{NAME}")'), 199),
    ],
)
def test_an_error_shows_the_beginning_of_a_long_name(ask: Callable[[], object], shown: int) -> None:
    with pytest.raises(CanonicalError) as raised:
        ask()
    text = str(raised.value)
    assert "a" * shown in text
    assert "a" * (shown + 1) not in text


def test_a_member_of_a_key_is_shown_up_to_twenty_characters() -> None:
    assert _shown(NAME) == repr("a" * 20)
    assert _shown(7) == "int"
