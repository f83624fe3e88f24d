"""What was done to one signature is done to another."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from connector.diagnosis.wire.spoiling import carried, carried_text, is_constant

if TYPE_CHECKING:
    from collections.abc import Callable

# Two signatures of the same form that have no eight octets in common.
GOOD: Final = bytes(range(1, 65))
MADE: Final = bytes(range(129, 193))
# RFC 8032 section 5.1.
ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def as_der(raw: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))


def shifted(raw: bytes) -> bytes:
    return raw[:32] + (int.from_bytes(raw[32:], "little") + ORDER).to_bytes(32, "little")


CHANGES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "nothing": lambda raw: raw,
    "DER": as_der,
    "base64": b64encode,
    "hexadecimal": lambda raw: raw.hex().encode(),
    "capital hexadecimal": lambda raw: raw.hex().upper().encode(),
    "truncated": lambda raw: raw[:-1],
    "half": lambda raw: raw[:32],
    "an octet more": lambda raw: raw + b"\0",
    "an octet before": lambda raw: b"\x1b" + raw,
    "without the first": lambda raw: raw[1:],
    "swapped": lambda raw: raw[32:] + raw[:32],
    "backwards": lambda raw: raw[31::-1] + raw[:31:-1],
    "zero first": lambda raw: bytes(32) + raw[32:],
    "zero last": lambda raw: raw[:32] + bytes(32),
    "padded": lambda raw: bytes(16) + raw[:32] + bytes(16) + raw[32:],
    "doubled": lambda raw: raw + raw,
    "a bit": lambda raw: raw[:-1] + bytes((raw[-1] ^ 1,)),
    "an order more": shifted,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_same_change_is_made(change: Callable[[bytes], bytes]) -> None:
    assert carried([(GOOD, MADE)], change(GOOD)) == change(MADE)


@given(
    good=st.binary(min_size=64, max_size=64),
    made=st.binary(min_size=64, max_size=64),
    at=st.integers(0, 63),
    flipped=st.integers(1, 255),
)
def test_flipped_bits_are_flipped_in_any_signature(
    good: bytes, made: bytes, at: int, flipped: int
) -> None:
    def change(raw: bytes) -> bytes:
        return raw[:at] + bytes((raw[at] ^ flipped,)) + raw[at + 1 :]

    assert carried([(good, made)], change(good)) == change(made)


def test_another_signature_is_no_change_of_this_one() -> None:
    assert carried([(GOOD, MADE)], bytes(range(192, 256))) is None


def test_the_signature_that_explains_most_is_taken() -> None:
    half = GOOD[:32] + bytes(range(192, 224))
    assert carried([(half, bytes(64)), (GOOD, MADE)], GOOD[:60]) == MADE[:60]


def test_nothing_is_carried_to_a_signature_of_another_length() -> None:
    assert carried([(GOOD, bytes(96))], GOOD[:-1]) is None


@pytest.mark.parametrize("value", [b"", b"\x01", bytes(64), (bytes(31) + b"\1") * 2])
def test_octets_that_nobody_signed_are_constant(value: bytes) -> None:
    assert is_constant(value)


def test_a_signature_is_not_constant() -> None:
    assert not is_constant(GOOD)


TEXT: Final = f"sig1=:{b64encode(GOOD).decode()}:"
OTHER: Final = f"sig1=:{b64encode(MADE).decode()}:"
EDITS: Final[dict[str, Callable[[str], str]]] = {
    "a colon less": lambda text: text[:-1],
    "no colons": lambda text: text.replace(":", ""),
    "a space": lambda text: f"{text[:40]} {text[40:]}",
    "padding within": lambda text: f"{text[:40]}=={text[40:]}",
    "padding at the end": lambda text: f"{text[:-1]}=:",
    "no padding": lambda text: text.replace("==", ""),
    "another label": lambda text: text.replace("sig1", "sig2"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_the_same_edit_is_made_to_a_text(edit: Callable[[str], str]) -> None:
    assert carried_text(TEXT, edit(TEXT), OTHER) == edit(OTHER)


def test_bits_that_a_decoder_has_no_use_for_are_set_in_another_letter() -> None:
    # Of the last letter four bits are spare: A and w end both texts with none of them set.
    assert carried_text("AAAAAA==", "AAAAAB==", "AAAAAw==") == "AAAAAx=="


def test_another_text_is_no_edit_of_this_one() -> None:
    assert carried_text(TEXT, 'sig1="c2lnbmF0dXJl"', OTHER) is None
