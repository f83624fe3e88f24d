"""The sample platform is not content with an answer because it has a signature."""

from __future__ import annotations

import pytest

from canonical import CanonicalError, Response, content_digest, load_key, load_key_set, sign
from connector.demo.answer_check import answer_signer, business_keys
from connector.demo.platform import Sent, new_private_jwk

JWK = new_private_jwk("shop-2026")
KEYS = load_key_set([load_key(JWK).public_jwk()])
COVERED = ("@status", "content-digest", "content-type")


def sent(components: tuple[str, ...] = COVERED, body: bytes = b"{}") -> Sent:
    headers = [("Content-Type", "application/json"), ("Content-Digest", content_digest(body))]
    message = Response(status=200, headers=headers, body=body)
    given, value = sign(message, load_key(JWK), components, created=1, keyid="shop-2026")
    return Sent(200, [*headers, ("Signature-Input", given), ("Signature", value)], body)


def test_a_signed_answer_names_its_key() -> None:
    assert answer_signer(sent(), KEYS) == "shop-2026"
    assert answer_signer(sent(("@status",), b""), KEYS) == "shop-2026"


def test_an_answer_without_a_signature_is_said_to_have_none() -> None:
    assert answer_signer(Sent(200, [("Content-Type", "a/b")], b"{}"), KEYS) == ""


@pytest.mark.parametrize(
    "altered",
    [
        sent()._replace(status=201),
        sent()._replace(body=b"{ }"),
        sent(("@status",)),
        sent(("@status", "content-digest")),
    ],
)
def test_an_altered_or_half_signed_answer_is_refused(altered: Sent) -> None:
    with pytest.raises(CanonicalError):
        answer_signer(altered, KEYS)


def test_a_key_that_the_profile_does_not_list_vouches_for_nothing() -> None:
    with pytest.raises(CanonicalError):
        answer_signer(sent(), business_keys(b'{"keys": []}'))
