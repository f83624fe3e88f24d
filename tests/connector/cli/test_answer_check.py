from __future__ import annotations

import json
from typing import Any

import pytest

from canonical import (
    CanonicalError,
    Request,
    Response,
    content_digest,
    load_key,
    load_key_set,
    sign,
)
from connector.cli.answer_check import Verified, check_answer, published_keys
from connector.cli.sending import Answer
from connector.diagnosis.generator.keys import private_jwk, public_jwk
from connector.errors import Refusal

NOW = 1767225600
BODY = b'{"id":"c1"}'
REQUEST = Request(
    method="POST",
    target="/checkout-sessions",
    headers=[("Host", "shop.example.com"), ("Idempotency-Key", "k1"), ("Signature", "sig1=:AA==:")],
)
KEYS = load_key_set([public_jwk("platform-next"), public_jwk("platform-ed25519")])
COVERED = ("@status", "content-digest", "content-type")


def _answer(
    components: tuple[str, ...] = COVERED,
    body: bytes = BODY,
    *,
    key: str = "platform-next",
    request: Request = REQUEST,
    **parameters: Any,
) -> Answer:
    """Return an answer signed over these components."""
    headers = [("Content-Type", "application/json"), ("Content-Digest", content_digest(body))]
    response = Response(status=200, headers=headers, body=body, request=request)
    given = {"created": NOW, "keyid": key, **parameters}
    signed = sign(response, load_key(private_jwk(key)), components, **given)
    lines = [*headers, ("Signature-Input", signed[0]), ("Signature", signed[1])]
    return Answer(200, [(name.encode(), value.encode()) for name, value in lines], body)


def _refusal(answer: Answer, request: Request = REQUEST) -> str:
    with pytest.raises(Refusal) as caught:
        check_answer(answer, request, KEYS, NOW)
    return caught.value.explanation


def test_an_answer_that_covers_status_digest_and_type_verifies() -> None:
    assert check_answer(_answer(), REQUEST, KEYS, NOW) == Verified("sig1", "platform-next")


def test_an_answer_without_a_body_need_cover_its_status_only() -> None:
    answer = _answer(("@status",), b"")
    assert check_answer(answer, REQUEST, KEYS, NOW).keyid == "platform-next"


def test_an_answer_bound_to_the_request_verifies_for_that_request_alone() -> None:
    bound = (*COVERED, '"@method";req', '"@path";req', '"idempotency-key";req', '"signature";req')
    answer = _answer(bound)
    assert check_answer(answer, REQUEST, KEYS, NOW).label == "sig1"
    other = Request(method="POST", target="/carts", headers=list(REQUEST.headers))
    assert "does not verify" in _refusal(answer, other)


@pytest.mark.parametrize("missing", COVERED)
def test_an_answer_that_does_not_cover_what_it_must_is_refused(missing: str) -> None:
    covered = tuple(each for each in COVERED if each != missing)
    assert f"not covered: {missing}" in _refusal(_answer(covered))


def test_a_component_of_the_request_does_not_stand_for_one_of_the_answer() -> None:
    assert "not covered: content-type" in _refusal(_answer((*COVERED[:2], '"@method";req')))


def test_another_status_is_refused() -> None:
    assert "does not verify" in _refusal(_answer()._replace(status=201))


def test_another_body_is_refused() -> None:
    assert "Content-Digest" in _refusal(_answer()._replace(body=b"{}"))


def test_an_answer_without_signature_is_refused() -> None:
    assert _refusal(Answer(200, [], b"")) == "neither Signature-Input nor Signature"


def test_an_answer_signed_with_a_key_that_is_not_published_is_refused() -> None:
    assert "no key with kid" in _refusal(_answer(key="stranger"))


def test_an_answer_that_names_another_key_than_it_was_signed_with_is_refused() -> None:
    assert "does not verify" in _refusal(_answer(keyid="platform-ed25519"))


def test_an_answer_without_keyid_is_refused() -> None:
    answer = _answer(keyid=1)
    assert "no usable keyid" in _refusal(answer)


def test_times_are_checked_with_thirty_seconds_of_skew() -> None:
    assert check_answer(_answer(created=NOW + 30), REQUEST, KEYS, NOW)
    assert check_answer(_answer(created=NOW - 60, expires=NOW - 30), REQUEST, KEYS, NOW)
    assert "created" in _refusal(_answer(created=NOW + 31))
    assert "expired" in _refusal(_answer(created=NOW - 60, expires=NOW - 31))


def test_an_answer_that_somebody_kept_is_refused() -> None:
    """Without the request binding nothing else tells it from the answer to this request."""
    assert check_answer(_answer(created=NOW - 330), REQUEST, KEYS, NOW)
    assert "created 331 s ago" in _refusal(_answer(created=NOW - 331))


def test_one_signature_that_verifies_is_enough() -> None:
    good, bad = _answer(), _answer(key="stranger")
    both = [
        (name, value if name == b"Content-Digest" else b"other" + value[4:] + b", " + mine)
        for (name, value), (_, mine) in zip(bad.headers, good.headers, strict=True)
        if name.startswith(b"Signature")
    ]
    answer = good._replace(headers=[*good.headers[:2], *both])
    assert check_answer(answer, REQUEST, KEYS, NOW).label == "sig1"


@pytest.mark.parametrize("member", ["keys", "signing_keys"])
def test_keys_are_read_from_a_profile_of_either_version(member: str) -> None:
    document = json.dumps({"ucp": {}, member: [public_jwk("platform-next")]}).encode()
    assert published_keys(document).get("platform-next").algorithm == "ES256"


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys":1}', b'{"keys":[],"keys":[]}'])
def test_what_is_no_profile_has_no_keys(document: bytes) -> None:
    with pytest.raises(CanonicalError):
        published_keys(document)
