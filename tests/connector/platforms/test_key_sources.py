"""What Signature-Agent names is read as what it is said to be, and as nothing else."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical import KeyNotFound, Request
from connector.egress.fetch import FetchedDocument
from connector.egress.urls import DocumentKind, normalise
from connector.errors import Refusal
from connector.platforms.fleet_document import FleetSeal, NotOurs, contents_digest
from connector.platforms.key_directory import DIRECTORY_PATH, MAX_OCTETS, MAX_SIGNATURES
from connector.platforms.key_sources import read_document
from connector.signing.directory import KeyDirectory
from tests.connector.platforms.directories import (
    COVERS,
    ED25519,
    ES256,
    NOW,
    ORIGIN,
    directory,
    entry,
    key_set,
)
from tests.connector.platforms.profiles import fetched, jwk
from tests.connector.signing.samples import current, signing_key

if TYPE_CHECKING:
    from connector.egress.urls import ProfileUrl
    from connector.platforms.documents import Profile

SET = normalise(f"{ORIGIN}/jwks.json").of_kind(DocumentKind.KEY_SET)
CARD = normalise(f"{ORIGIN}/card").of_kind(DocumentKind.METADATA)
DIRECTORY = normalise(ORIGIN + DIRECTORY_PATH).of_kind(DocumentKind.DIRECTORY)


def read(url: ProfileUrl, document: FetchedDocument | dict[str, Any] | bytes) -> Profile:
    if isinstance(document, dict):
        document = json.dumps(document).encode()
    if isinstance(document, bytes):
        document = fetched(document)
    return read_document(url, document, fetched_at=NOW, received_at=NOW)


def reason(url: ProfileUrl, document: FetchedDocument | dict[str, Any] | bytes) -> str:
    with pytest.raises(Refusal) as caught:
        read(url, document)
    assert caught.value.code.name == "profile_malformed"
    assert caught.value.explanation
    return caught.value.reason


# One URL, and what it is taken for


def test_a_url_has_another_name_for_each_kind_and_one_place() -> None:
    profile = normalise(f"{ORIGIN}/x?y=1")
    names = {
        profile.url,
        *(profile.of_kind(kind).url for kind in DocumentKind if kind != "profile"),
    }
    assert len(names) == len(DocumentKind)
    for kind in DocumentKind:
        there = profile.of_kind(kind)
        assert (there.location, there.target, there.origin) == (
            profile.url,
            profile.target,
            profile.origin,
        )


def test_no_url_can_be_written_that_is_the_name_of_another_kind() -> None:
    for kind in DocumentKind:
        with pytest.raises(Refusal):
            normalise(f"{kind.value} {ORIGIN}/x")


# A JWK set


def test_a_key_set_has_keys_and_may_state_a_version() -> None:
    source = read(SET, key_set(entry(ES256)))
    assert (source.version, source.keys.get(ES256.thumbprint).thumbprint) == (
        "2026-08-25",
        ES256.thumbprint,
    )
    assert read(SET, key_set(entry(ES256), version=None)).version == ""


@pytest.mark.parametrize("ucp", [[], "2026-08-25", {"version": 20260825}, {}])
def test_a_version_that_is_none_is_not_stated(ucp: object) -> None:
    assert read(SET, {"ucp": ucp, "keys": [entry(ES256)]}).version == ""


def test_the_profiles_older_list_is_none_of_a_key_set() -> None:
    document = {"ucp": {"version": "2026-08-25"}, "signing_keys": [jwk("a")]}
    assert reason(SET, document) == "keys_missing"


def test_a_key_set_that_is_none_is_refused() -> None:
    assert reason(SET, b"[]") == "not_an_object"
    assert reason(SET, {"keys": {}}) == "keys_not_a_list"
    assert reason(SET, {"keys": [], "ucp": {"version": "x" * 33}}) == "version_malformed"


# A client's metadata


def test_metadata_say_where_the_keys_are_and_have_none_themselves() -> None:
    document = {"client_id": CARD.location, "jwks_uri": SET.location, "keys": [jwk("own")]}
    source = read(CARD, document)
    assert source.jwks == SET
    assert source.version == ""
    with pytest.raises(KeyNotFound):
        source.keys.get("own")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"jwks_uri": SET.location}, "metadata_incomplete"),
        ({"client_id": CARD.location}, "metadata_incomplete"),
        ({"client_id": CARD.location, "jwks": {"keys": []}}, "metadata_incomplete"),
        ({"client_id": CARD.location, "jwks_uri": [SET.location]}, "metadata_incomplete"),
        ({"client_id": f"{CARD.location}/", "jwks_uri": SET.location}, "metadata_of_another"),
        ({"client_id": "https://a.example/card", "jwks_uri": SET.location}, "metadata_of_another"),
        ({"client_id": "card", "jwks_uri": SET.location}, "metadata_url"),
        ({"client_id": CARD.location, "jwks_uri": "http://agent.example/x"}, "metadata_url"),
        ({"client_id": CARD.location, "jwks_uri": "https://10.0.0.1/x"}, "metadata_url"),
        ({"client_id": CARD.location, "jwks_uri": "https://127.0.0.1/x"}, "metadata_url"),
    ],
)
def test_metadata_that_name_no_client_or_no_public_place_are_refused(
    document: dict[str, Any], expected: str
) -> None:
    assert reason(CARD, document) == expected


def test_a_profile_that_stands_at_the_url_is_no_clients_metadata() -> None:
    assert reason(CARD, key_set(entry(ES256))) == "metadata_incomplete"


# A directory


BODY = key_set(entry(ES256), entry(ED25519))
KNOWN = {ES256.thumbprint, ED25519.thumbprint}


def test_a_directory_has_the_keys_that_signed_it() -> None:
    source = read(DIRECTORY, directory(BODY, ES256, ED25519))
    assert {key.thumbprint for key in source.keys} == {ES256.thumbprint, ED25519.thumbprint}
    assert source.version == "2026-08-25"


def test_a_key_that_did_not_sign_is_not_in_it() -> None:
    source = read(DIRECTORY, directory(BODY, ED25519))
    assert {key.thumbprint for key in source.keys} == {ED25519.thumbprint}


def test_a_signature_over_the_authority_alone_suffices() -> None:
    source = read(DIRECTORY, directory(BODY, ED25519, covers=COVERS[:1]))
    assert source.keys.get(ED25519.thumbprint)


@pytest.mark.parametrize(
    ("expires", "until"), [(NOW + 300, NOW + 300), (NOW + 30, NOW + 60), (NOW + 9000, NOW + 600)]
)
def test_a_directory_is_used_until_a_proof_in_it_ends_and_no_shorter_than_the_floor(
    expires: int, until: int
) -> None:
    document = directory(BODY, ES256, ED25519, expires=expires)
    served = document._replace(cache_control="max-age=900, stale-while-revalidate=100")
    life = read(DIRECTORY, served).life
    assert life.discovered_until == until
    assert life.registered_until == (NOW + 900 if expires == NOW + 9000 else until)
    assert life.stale_for == (100 if expires == NOW + 9000 else 0)


@pytest.mark.parametrize(
    ("key", "name"), [(ES256, "ecdsa-p256-sha256"), (ED25519, "ed25519")], ids=["ES256", "Ed25519"]
)
def test_an_algorithm_may_have_the_name_that_the_draft_gives_it(key: Any, name: str) -> None:
    document = directory(key_set(entry(key, alg=name)), key)
    assert read(DIRECTORY, document).keys.get(key.thumbprint)


@pytest.mark.parametrize(
    "media",
    [None, b"application/json", b"application/http-message-signatures-directory", b"text/plain"],
)
def test_what_is_not_served_as_a_directory_is_none(media: bytes | None) -> None:
    assert reason(DIRECTORY, directory(BODY, ES256, media=media)) == "directory_media_type"


def test_the_media_type_may_have_parameters() -> None:
    media = b"Application/HTTP-Message-Signatures-Directory+JSON; charset=utf-8"
    assert read(DIRECTORY, directory(BODY, ES256, media=media)).keys.get(ES256.thumbprint)


def test_two_media_types_are_none() -> None:
    document = directory(BODY, ES256)
    doubled = [*document.headers, (b"content-type", b"text/html")]
    assert reason(DIRECTORY, document._replace(headers=doubled)) == "directory_media_type"


UNSIGNED: dict[str, dict[str, Any]] = {
    "for another authority": {"authority": "other.example"},
    "not over the authority": {"covers": COVERS[1:]},
    "over the answer's digest, that of another body": {"digest": b"sha-256=:AAAA:"},
    "with another tag": {"tag": "web-bot-auth"},
    "without a tag": {"tag": None},
    "without created": {"created": None},
    "without expires": {"expires": None},
    "expired": {"created": NOW - 300, "expires": NOW - 31},
    "not valid yet": {"created": NOW + 31, "expires": NOW + 300},
    "expiring before it was made": {"created": NOW + 10, "expires": NOW + 5},
    "under another name than the thumbprint": {"keyid": "key-1"},
    "without a name": {"keyid": None},
}


@pytest.mark.parametrize("how", UNSIGNED)
def test_a_directory_that_no_key_has_signed_as_it_must_is_refused(how: str) -> None:
    document = directory(BODY, ES256, ED25519, **UNSIGNED[how])
    assert reason(DIRECTORY, document) == "directory_unsigned"


def test_a_directory_without_signatures_is_refused() -> None:
    assert reason(DIRECTORY, directory(BODY)) == "directory_unsigned"


@pytest.mark.parametrize("name", [b"Signature-Input", b"signature", b"Content-Digest"])
def test_signature_headers_that_take_long_to_read_are_not_read(name: bytes) -> None:
    document = directory(BODY, ES256)
    longer = [*document.headers, (name, b"a" * MAX_OCTETS)]
    assert reason(DIRECTORY, document._replace(headers=longer)) == "directory_headers"


def test_a_key_under_a_name_of_its_own_is_not_proven() -> None:
    body = key_set({**entry(ES256), "kid": "key-1"})
    assert reason(DIRECTORY, directory(body, ES256, keyid="key-1")) == "directory_unsigned"


def test_another_body_with_the_same_signatures_is_refused() -> None:
    document = directory(BODY, ES256)._replace(body=key_set(entry(ES256)))
    assert reason(DIRECTORY, document) == "directory_unsigned"


def test_more_signatures_than_are_checked_prove_nothing_more() -> None:
    document = directory(key_set(entry(ED25519)), *[ES256] * MAX_SIGNATURES, ED25519)
    assert reason(DIRECTORY, document) == "directory_unsigned"


def test_the_directory_that_a_gateway_publishes_is_one() -> None:
    ours = [signing_key(0, 0), signing_key(0, 0, algorithm="ES384")]
    published = KeyDirectory(current(*ours), ["agent.example", "other.example"])

    def served(authority: str) -> FetchedDocument:
        asked = Request(method="GET", target=DIRECTORY_PATH, headers=[("Host", authority)])
        answer = published.answer(asked)
        assert isinstance(answer.body, bytes)
        return FetchedDocument(answer.body, "", "", answer.headers)

    found = {key.thumbprint for key in read(DIRECTORY, served("agent.example")).keys}
    assert found == {each.key.thumbprint for each in ours}
    assert reason(DIRECTORY, served("other.example")) == "directory_unsigned"


PROVEN = directory(BODY, ES256, ED25519)
FIELDS = st.sampled_from(["Content-Type", "Content-Digest", "Signature-Input", "Signature", "X"])


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(DocumentKind),
    body=st.binary(max_size=40)
    | st.dictionaries(
        st.sampled_from(["ucp", "keys", "client_id", "jwks_uri", "signing_keys"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["version", "kid", "kty", "x", "alg"]), inner)
            ),
            max_leaves=8,
        ),
    ).map(lambda members: json.dumps(members).encode()),
    lines=st.lists(st.tuples(FIELDS.map(str.encode), st.binary(max_size=40)), max_size=4),
    dropped=st.sets(st.integers(0, 3)),
)
def test_any_document_is_read_or_refused(
    kind: DocumentKind, body: bytes, lines: list[tuple[bytes, bytes]], dropped: set[int]
) -> None:
    kept = [line for number, line in enumerate(PROVEN.headers) if number not in dropped]
    url = DIRECTORY if kind is DocumentKind.DIRECTORY else CARD.of_kind(kind)
    for octets in (body, PROVEN.body):
        with contextlib.suppress(Refusal):
            source = read(url, FetchedDocument(octets, "", "", [*kept, *lines]))
            # What is proven is what was signed, whatever else was said beside it.
            proven = {key.thumbprint for key in source.keys}
            assert kind is not DocumentKind.DIRECTORY or proven <= KNOWN


# Between replicas


def sealing() -> FleetSeal:
    return FleetSeal(bytes(32), nested_keys=False, allow_loopback=False, max_document=1)


def test_metadata_that_a_replica_passes_on_still_say_where_the_keys_are() -> None:
    read_here = read(CARD, {"client_id": CARD.location, "jwks_uri": SET.location})
    seal = sealing()
    assert seal.open(CARD, seal.seal(read_here)).jwks == SET
    other = read(CARD, {"client_id": CARD.location, "jwks_uri": f"{SET.location}?x"})
    assert contents_digest(other) != contents_digest(read_here)


def test_no_document_of_one_kind_is_passed_on_as_one_of_another() -> None:
    seal = sealing()
    sealed = seal.seal(read(SET, key_set(entry(ES256))))
    for kind in {*DocumentKind} - {DocumentKind.KEY_SET}:
        with pytest.raises(NotOurs):
            seal.open(normalise(SET.location).of_kind(kind), sealed)
    with pytest.raises(NotOurs):
        seal.open(normalise(SET.location), sealed)
    assert seal.open(SET, sealed).keys.get(ES256.thumbprint)
