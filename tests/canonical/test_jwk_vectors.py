"""Thumbprints and a JWS that are printed in RFCs and drafts."""

from __future__ import annotations

from typing import Any

import pytest

from canonical import CanonicalError, load_key, thumbprint
from canonical.base64 import decode_url
from tests.canonical.vectors import load

THUMBPRINTS = load("jwk/thumbprints.json")
JWS = load("jwk/jws_es256_rfc7515_a3.json")


@pytest.mark.parametrize("entry", THUMBPRINTS["published"], ids=lambda entry: str(entry["id"]))
def test_the_thumbprint_is_the_printed_one(entry: Any) -> None:
    assert entry["expect_thumbprint_sha256"] == thumbprint(entry["jwk"])


def test_the_printed_jws_verifies() -> None:
    key = load_key(JWS["jwk"])
    signing_input = JWS["signing_input"].encode()
    key.verify(decode_url(JWS["signature_b64url"]), signing_input)
    key.verify(key.sign(signing_input), signing_input)
    with pytest.raises(CanonicalError):
        key.verify(decode_url(JWS["signature_b64url"]), signing_input + b"x")
