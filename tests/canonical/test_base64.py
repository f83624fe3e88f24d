from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import CanonicalError
from canonical.base64 import decode, decode_url, encode, encode_url


@given(st.binary(max_size=100))
def test_what_is_encoded_decodes_to_the_same(data: bytes) -> None:
    assert data == decode(encode(data))
    assert data == decode_url(encode_url(data))
    assert base64.b64encode(data).decode() == encode(data)
    assert base64.urlsafe_b64encode(data).rstrip(b"=").decode() == encode_url(data)


@given(st.text("AQZgw048+/-_=\n !", max_size=12))
def test_no_two_texts_mean_the_same_octets(text: str) -> None:
    for read, write in ((decode, encode), (decode_url, encode_url)):
        try:
            data = read(text)
        except CanonicalError:
            continue
        assert text == write(data)


@pytest.mark.parametrize(
    "text",
    ["iZ==", "aGVsbG8", "aGVsbG8==", "aGVs bG8=", "aGVsbG8=\n", "_-Ah", "=", "A", "é===", "ä"],
)
def test_base64_that_is_not_canonical_is_refused(text: str) -> None:
    with pytest.raises(CanonicalError, match="base64"):
        decode(text)


@pytest.mark.parametrize("text", ["iZ", "aGVsbG8=", "/+Ah", "A", "aGVs bG8", "aGVsbG8\n", "é"])
def test_base64url_that_is_not_canonical_is_refused(text: str) -> None:
    with pytest.raises(CanonicalError, match="base64url"):
        decode_url(text)
