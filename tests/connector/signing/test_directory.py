"""The directory that Web Bot Auth looks for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from canonical import (
    Key,
    Request,
    Response,
    SignatureInvalid,
    check_content_digest,
    parse_signatures,
    verify,
)
from connector.signing.directory import DIRECTORY_PATH, KeyDirectory
from tests.connector.signing.samples import NOW, Clock, current, signing_key

if TYPE_CHECKING:
    from connector.signing.key_ring import SigningKey
    from connector.steps import Answer

SHOP, OTHER = "shop.example.com", "other.example.com:8443"
OLD, NEW = signing_key(0, 0, algorithm="ES384"), signing_key(0, 1)


def asked(authority: str = SHOP, method: str = "GET", *more: tuple[str, str]) -> Request:
    return Request(method=method, target=DIRECTORY_PATH, headers=[("Host", authority), *more])


def directory(*keys: SigningKey, clock: Clock | None = None) -> KeyDirectory:
    return KeyDirectory(current(*(keys or (OLD, NEW)), clock=clock), [SHOP, OTHER])


def proofs(answer: Answer, request: Request, *keys: Key) -> list[dict[str, Any]]:
    """Verify one signature by each of the keys, and return the parameters of each."""
    assert isinstance(answer.body, bytes)
    response = Response(
        status=answer.status, headers=answer.headers, body=answer.body, request=request
    )
    check_content_digest(response.headers.lines(b"content-digest"), answer.body)
    signatures = parse_signatures(response)
    for signature, key in zip(signatures, keys, strict=True):
        verify(response, signature, key)
        assert signature.components_text == '("@authority";req "content-digest")'
    return [signature.parameters for signature in signatures]


def test_every_published_key_is_listed_by_its_thumbprint_and_proves_itself() -> None:
    answer = directory().answer(asked())
    assert isinstance(answer.body, bytes)
    listed = json.loads(answer.body)["keys"]
    assert [entry["kid"] for entry in listed] == [OLD.key.thumbprint, NEW.key.thumbprint]
    assert not [entry for entry in listed if "alg" in entry or "d" in entry]
    found = proofs(answer, asked(), OLD.key, NEW.key)
    assert found == [
        {
            "created": NOW,
            "expires": NOW + 24 * 3600,
            "keyid": key.key.thumbprint,
            "tag": "http-message-signatures-directory",
        }
        for key in (OLD, NEW)
    ]


def test_it_has_the_headers_of_a_public_document_and_a_type_of_its_own() -> None:
    headers = dict(directory().answer(asked()).headers)
    assert headers[b"Content-Type"] == b"application/http-message-signatures-directory+json"
    assert headers[b"Cache-Control"] == b"public, max-age=300"
    assert headers[b"Access-Control-Allow-Origin"] == b"*"


def test_a_proof_is_for_the_authority_that_was_asked() -> None:
    both = directory()
    answer = both.answer(asked())
    with pytest.raises(SignatureInvalid):
        proofs(answer, asked(OTHER), OLD.key, NEW.key)
    proofs(both.answer(asked(OTHER)), asked(OTHER), OLD.key, NEW.key)


def test_nothing_is_proven_to_an_authority_that_is_not_the_merchants() -> None:
    headers = dict(directory().answer(asked("evil.example")).headers)
    assert headers.keys().isdisjoint({b"Signature", b"Signature-Input", b"Content-Digest"})


def test_strangers_cannot_make_it_sign_again_within_the_hour() -> None:
    clock = Clock()
    kept = directory(clock=clock)
    first = kept.answer(asked()).headers
    for seconds in (1, 1800, 3599):
        clock.now = NOW + seconds
        assert kept.answer(asked()).headers == first
    clock.now = NOW + 3600
    (created, _) = (
        each["created"] for each in proofs(kept.answer(asked()), asked(), OLD.key, NEW.key)
    )
    assert created == NOW + 3600


def test_a_key_that_ends_is_no_longer_listed_or_proven() -> None:
    clock = Clock()
    kept = directory(OLD._replace(revoked=NOW + 10), NEW, clock=clock)
    etag = dict(kept.answer(asked()).headers)[b"ETag"]
    clock.now = NOW + 10
    answer = kept.answer(asked())
    proofs(answer, asked(), NEW.key)
    assert dict(answer.headers)[b"ETag"] != etag


def test_head_and_not_modified_come_without_a_proof() -> None:
    kept = directory()
    etag = dict(kept.answer(asked()).headers)[b"ETag"].decode()
    headed = kept.answer(asked(SHOP, "HEAD"))
    current_copy = kept.answer(asked(SHOP, "GET", ("If-None-Match", f"W/{etag}")))
    assert (headed.status, current_copy.status, current_copy.body) == (200, 304, b"")
    for answer in (headed, current_copy):
        names = {name for name, _ in answer.headers}
        assert names == {b"Content-Type", b"Cache-Control", b"ETag", b"Access-Control-Allow-Origin"}


def test_without_keys_there_is_no_empty_proof() -> None:
    answer = directory(OLD._replace(revoked=NOW - 1)).answer(asked())
    assert (answer.status, answer.body) == (200, b'{"keys":[]}')
    names = {name for name, _ in answer.headers}
    assert names == {b"Content-Type", b"Cache-Control", b"ETag", b"Access-Control-Allow-Origin"}
