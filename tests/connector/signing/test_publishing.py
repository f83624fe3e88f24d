"""Public documents: answered from our own copy, with the headers that caches need."""

from __future__ import annotations

import json
import logging

import pytest

from canonical import Request
from connector.errors import Refusal
from connector.signing.directory import DIRECTORY_PATH, KeyDirectory
from connector.signing.publishing import PROFILE_PATH, PublishedDocuments, foreign_endpoints
from tests.connector.signing.samples import NOW, Clock, current, signing_key

BODY = b'{"ucp": {"version": "2026-08-25"}}'


def get(target: str, method: str = "GET", *headers: tuple[str, str]) -> Request:
    return Request(method=method, target=target, headers=list(headers))


def published() -> PublishedDocuments:
    documents = PublishedDocuments([PROFILE_PATH])
    documents.put(PROFILE_PATH, BODY)
    return documents


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_profile_is_answered_byte_for_byte(method: str) -> None:
    answer = published().answer(get(PROFILE_PATH, method))
    assert answer is not None
    assert (answer.status, answer.body) == (200, BODY)


def test_it_may_be_cached_for_a_minute_at_least_and_read_by_any_origin() -> None:
    answer = published().answer(get(PROFILE_PATH))
    assert answer is not None
    headers = dict(answer.headers)
    public, _, seconds = headers[b"Cache-Control"].partition(b", max-age=")
    assert public == b"public"
    assert int(seconds) >= 60
    assert headers[b"Access-Control-Allow-Origin"] == b"*"
    assert headers[b"Content-Type"] == b"application/json"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_copy_that_is_still_good_is_not_sent_again(form: str) -> None:
    documents = published()
    first = documents.answer(get(PROFILE_PATH))
    assert first is not None
    etag = dict(first.headers)[b"ETag"].decode()
    again = documents.answer(get(PROFILE_PATH, "GET", ("If-None-Match", form.format(etag))))
    assert again is not None
    assert (again.status, again.body) == (304, b"")


def test_another_etag_gets_the_document() -> None:
    answer = published().answer(get(PROFILE_PATH, "GET", ("If-None-Match", '"other"')))
    assert answer is not None
    assert answer.status == 200


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", PROFILE_PATH),
        ("OPTIONS", PROFILE_PATH),
        ("GET", PROFILE_PATH + "?"),
        ("GET", PROFILE_PATH + "?x=1"),
        ("GET", PROFILE_PATH + "/"),
        ("GET", "/.WELL-KNOWN/ucp"),
        ("GET", "/orders/1"),
    ],
)
def test_any_other_request_is_not_public(method: str, target: str) -> None:
    assert published().answer(get(target, method)) is None


def test_a_document_that_was_not_read_yet_is_no_404() -> None:
    documents = PublishedDocuments([PROFILE_PATH])
    assert documents.missing == [PROFILE_PATH]
    with pytest.raises(Refusal) as caught:
        documents.answer(get(PROFILE_PATH))
    assert caught.value.code.name == "upstream_unreachable"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"<html>", b"\xff", b"{" * 100_000])
def test_what_is_no_profile_never_replaces_one(body: bytes) -> None:
    documents = published()
    with pytest.raises(ValueError, match=r"not|JSON"):
        documents.put(PROFILE_PATH, body)
    answer = documents.answer(get(PROFILE_PATH))
    assert answer is not None
    assert answer.body == BODY


@pytest.mark.parametrize(
    "document",
    [
        '{"keys": [%s]}',
        '{"signing_keys": [%s]}',
        '{"ucp": {"keys": [%s]}}',
        '{"signing_keys": {"keys": [%s]}}',
        '{"keys": [%s], "keys": []}',
    ],
)
@pytest.mark.parametrize("secret", ['"kty": "EC", "d": "x"', '"kty": "oct", "k": "x"'])
def test_a_private_key_is_never_published(document: str, secret: str) -> None:
    with pytest.raises(ValueError, match="private key"):
        published().put(PROFILE_PATH, (document % f"{{{secret}}}").encode())


def test_endpoints_that_lead_around_the_connector_are_found_in_either_form() -> None:
    inside, outside = "https://shop.example.com/ucp/v1", "https://api.internal.example/ucp"
    document = {
        "ucp": {
            "services": {
                "dev.ucp.shopping": [
                    {"transport": "rest", "endpoint": inside},
                    {"transport": "mcp", "endpoint": outside},
                ],
                "old.form": {"rest": {"endpoint": f"{inside}/2026-01"}},
                "lookalike": {"rest": {"endpoint": "https://shop.example.com.evil.example/"}},
            }
        }
    }
    found = foreign_endpoints(document, ["shop.example.com"])
    assert sorted(found) == [outside, "https://shop.example.com.evil.example/"]


@pytest.mark.parametrize("document", [{}, {"ucp": 1}, {"ucp": {"services": "x"}}])
def test_a_profile_without_services_has_no_foreign_endpoints(document: dict[str, object]) -> None:
    assert foreign_endpoints(document, ["shop.example.com"]) == []


# With our keys

OURS = signing_key(0, 0)


def body_of(documents: PublishedDocuments, path: str = PROFILE_PATH) -> bytes:
    answer = documents.answer(get(path))
    assert answer is not None
    assert isinstance(answer.body, bytes)
    return answer.body


def test_our_keys_stand_in_every_profile() -> None:
    documents = PublishedDocuments([PROFILE_PATH, "/leaf"], current(OURS))
    for path in (PROFILE_PATH, "/leaf"):
        documents.put(path, BODY)
        found = json.loads(body_of(documents, path))
        assert found.pop("keys") == found.pop("signing_keys") == [OURS.key.public_jwk()]
        assert found == json.loads(BODY)


def test_the_copy_changes_with_the_keys_and_its_etag_with_it() -> None:
    clock = Clock()
    keys = current(OURS, clock=clock)
    documents = PublishedDocuments([PROFILE_PATH], keys)
    documents.put(PROFILE_PATH, BODY)
    first = documents.answer(get(PROFILE_PATH))
    assert first is not None
    etag = dict(first.headers)[b"ETag"].decode()
    conditional = get(PROFILE_PATH, "GET", ("If-None-Match", etag))
    unchanged = documents.answer(conditional)
    keys.replace([OURS, signing_key(0, NOW + 600)])
    changed = documents.answer(conditional)
    assert unchanged is not None
    assert changed is not None
    assert (unchanged.status, changed.status) == (304, 200)
    assert len(json.loads(body_of(documents))["keys"]) == 2


def test_a_copy_is_rendered_once_for_each_change() -> None:
    documents = PublishedDocuments([PROFILE_PATH], current(OURS))
    documents.put(PROFILE_PATH, BODY)
    assert body_of(documents) is body_of(documents)


@pytest.mark.parametrize(
    "text", ['"\\ud800"', '"\u00e4"', "12345678901234567890123", "0.1", "null"]
)
def test_what_the_merchant_wrote_keeps_its_meaning(text: str) -> None:
    documents = PublishedDocuments([PROFILE_PATH], current(OURS))
    documents.put(PROFILE_PATH, f'{{"a": {text}}}'.encode())
    assert json.loads(body_of(documents))["a"] == json.loads(text)


@pytest.mark.parametrize("text", ["NaN", "1e999", "-Infinity"])
def test_what_is_no_json_is_not_made_into_some(text: str) -> None:
    documents = PublishedDocuments([PROFILE_PATH], current(OURS))
    documents.put(PROFILE_PATH, BODY)
    before = body_of(documents)
    with pytest.raises(ValueError, match="JSON"):
        documents.put(PROFILE_PATH, f'{{"a": {text}}}'.encode())
    assert body_of(documents) == before


def test_a_conflict_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    keys = current(OURS)
    documents = PublishedDocuments([PROFILE_PATH], keys)
    taken = json.dumps({"keys": [{"kty": "RSA", "kid": OURS.kid}]}).encode()
    with caplog.at_level(logging.ERROR):
        documents.put(PROFILE_PATH, taken)
        documents.put(PROFILE_PATH, taken + b" ")
        keys.replace([OURS, signing_key(0, NOW + 600)])
        body_of(documents)
    (record,) = caplog.records
    assert OURS.kid in record.getMessage()


def test_the_directory_is_public_where_there_is_one() -> None:
    keys = current(OURS)
    directory = KeyDirectory(keys, ["shop.example.com"])
    documents = PublishedDocuments([PROFILE_PATH], keys, directory)
    request = Request(method="GET", target=DIRECTORY_PATH, headers=[("Host", "shop.example.com")])
    answer = documents.answer(request)
    assert answer is not None
    assert answer.status == 200
    assert documents.missing == [PROFILE_PATH]
    assert documents.answer(get(DIRECTORY_PATH, "POST")) is None
    assert published().answer(request) is None
