from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench.requests import (
    BODY_LENGTH,
    GET_COMPONENTS,
    KEYID,
    POST_COMPONENTS,
    TAMPERINGS,
    Platform,
    write_pool,
)
from canonical import (
    CanonicalError,
    Request,
    check_content_digest,
    load_key,
    parse_signatures,
    verify,
)

if TYPE_CHECKING:
    from pathlib import Path

CREATED = 1_767_225_600
SERIES = "abcdefgh"


@pytest.fixture(scope="module")
def platform() -> Platform:
    return Platform()


def parsed(raw: bytes) -> Request:
    head, _, body = raw.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    method, target, _ = start.decode().split(" ")
    pairs = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    return Request(method=method, target=target, scheme="https", headers=pairs, body=body)


def check(platform: Platform, request: Request) -> None:
    """Raise CanonicalError unless a verifier would accept the request."""
    (signature,) = parse_signatures(request)
    digests = request.headers.lines(b"content-digest")
    if request.body:
        check_content_digest(digests, request.body)
    verify(request, signature, load_key(platform.public_jwk()))


def test_a_get_verifies_and_covers_what_is_asked_for(platform: Platform) -> None:
    request = parsed(platform.get(SERIES, 7, CREATED))
    check(platform, request)
    (signature,) = parse_signatures(request)
    assert [component.name for component in signature.components] == list(GET_COMPONENTS)
    assert signature.parameters == {"created": CREATED, "keyid": KEYID}


def test_a_post_verifies_and_covers_what_is_asked_for(platform: Platform) -> None:
    request = parsed(platform.post(SERIES, 7, CREATED))
    check(platform, request)
    (signature,) = parse_signatures(request)
    assert [component.name for component in signature.components] == list(POST_COMPONENTS)


def test_a_post_has_512_octets_of_json_as_its_length_says(platform: Platform) -> None:
    request = parsed(platform.post(SERIES, 7, CREATED))
    assert len(request.body) == BODY_LENGTH == 512
    assert request.headers.lines(b"content-length") == [b"512"]
    assert json.loads(request.body)["currency"] == "EUR"


@pytest.mark.parametrize(
    ("method", "tampering"), [(m, kind) for m, kinds in TAMPERINGS.items() for kind in kinds]
)
def test_what_is_altered_after_signing_does_not_verify(
    platform: Platform, method: str, tampering: str
) -> None:
    make = platform.get if method == "GET" else platform.post
    with pytest.raises(CanonicalError):
        check(platform, parsed(make(SERIES, 7, CREATED, tampering)))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_request_of_a_pool_is_different_and_has_one_length(
    platform: Platform, tmp_path: Path, method: str
) -> None:
    pool = write_pool(tmp_path / "pool", platform, method, SERIES, 20, CREATED)
    data = pool.path.read_bytes()
    records = {data[at : at + pool.length] for at in range(0, len(data), pool.length)}
    assert len(records) == pool.size == 20
    for record in records:
        check(platform, parsed(record))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_request_of_a_tampered_pool_is_altered(
    platform: Platform, tmp_path: Path, method: str
) -> None:
    kinds = TAMPERINGS[method]
    pool = write_pool(tmp_path / "pool", platform, method, SERIES, 12, CREATED, tamperings=kinds)
    data = pool.path.read_bytes()
    for at in range(0, len(data), pool.length):
        with pytest.raises(CanonicalError):
            check(platform, parsed(data[at : at + pool.length]))


def test_two_series_never_share_an_idempotency_key(platform: Platform) -> None:
    one, other = (
        parsed(platform.post(series, 7, CREATED)).headers.lines(b"idempotency-key")
        for series in ("aaaaaaaa", "bbbbbbbb")
    )
    assert one != other
