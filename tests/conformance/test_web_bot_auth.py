"""Web Bot Auth as others publish it: what may be accepted is, and nothing that differs from it."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from canonical import (
    AlgorithmUnsupported,
    KeyNotFound,
    Request,
    Signature,
    SignatureInvalid,
    load_key,
    load_key_set,
    parse_signatures,
    thumbprint,
    verify,
)
from connector.egress.fetch import FetchedDocument
from connector.egress.urls import DocumentKind
from connector.platforms.key_directory import DIRECTORY_PATH
from connector.platforms.signature_agent import read_signature_agent
from tests.canonical.vectors import load
from tests.connector.authentication.test_signature_agent import Network, Signed, request
from tests.connector.platforms.directories import ED25519, directory, entry, key_set

_FOLDER: Final = "web-bot-auth-cloudflare"
SIGNED: Final[list[dict[str, Any]]] = load(f"{_FOLDER}/web_bot_auth_architecture_v2.json")
AGENTS: Final[list[dict[str, Any]]] = load(f"{_FOLDER}/web_bot_auth_signature_agent_v1.json")
THUMBPRINTS: Final[list[dict[str, Any]]] = load(f"{_FOLDER}/jwk_thumbprint_vectors.json")

EDWARDS: Final = [each for each in SIGNED if each["key"]["kty"] == "OKP"]
KEY: Final = load_key(load(f"{_FOLDER}/rfc9421-keys/ed25519.json"))
OTHER: Final = load_key(json.loads(THUMBPRINTS[1]["jwk"]))
SET_URL: Final = "https://keys.example/jwks.json"


def name(vector: dict[str, Any]) -> str:
    return f"{vector['key']['kty']}-{vector['label']}"


def sent(vector: dict[str, Any], *, authority: str = "example.com", **changed: str) -> Request:
    """Send a vector as it is published, or with a header changed."""
    assert vector["target_url"] == "https://example.com/path/to/resource"
    values = {**vector, **changed}
    lines = [
        ("Host", authority),
        ("Signature-Input", values["signature_input"]),
        ("Signature", values["signature"]),
    ]
    if "signature_agent" in values:
        lines.append(("Signature-Agent", values["signature_agent"]))
    return Request(method="GET", target="/path/to/resource", headers=lines)


def only(message: Request) -> Signature:
    (signature,) = parse_signatures(message)
    return signature


# The signatures


@pytest.mark.parametrize("vector", SIGNED, ids=name)
def test_a_keyid_is_the_keys_thumbprint(vector: dict[str, Any]) -> None:
    assert only(sent(vector)).parameters["keyid"] == thumbprint(vector["key"])


@pytest.mark.parametrize("vector", THUMBPRINTS, ids=lambda vector: str(vector["name"]))
def test_thumbprints_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    jwk = json.loads(vector["jwk"])
    assert thumbprint(jwk) == vector["thumbprint"]
    changed = {**jwk, "n" if "n" in jwk else "x": "AQAB"}
    assert thumbprint(changed) != vector["thumbprint"]


@pytest.mark.parametrize("vector", EDWARDS, ids=name)
def test_an_edwards_signature_verifies(vector: dict[str, Any]) -> None:
    message = sent(vector)
    verify(message, only(message), KEY)


@pytest.mark.parametrize("vector", EDWARDS, ids=name)
def test_an_edwards_signature_verifies_for_nothing_else(vector: dict[str, Any]) -> None:
    given = vector["signature_input"]
    for message in (
        sent(vector, authority="example.org"),
        sent(vector, signature_input=given.replace("created=1735689600", "created=1735689601")),
        sent(vector, signature_input=given.replace("web-bot-auth", "web-bot-autH")),
        sent(vector, signature_input=given.replace('==";tag', '=";tag')),
    ):
        with pytest.raises(SignatureInvalid):
            verify(message, only(message), KEY)
    with pytest.raises(SignatureInvalid):
        verify(sent(vector), only(sent(vector)), OTHER)


def test_a_signature_that_covers_its_agent_verifies_for_no_other_agent() -> None:
    (vector,) = (each for each in EDWARDS if "signature_agent" in each)
    for agent in (
        'agent2="https://signature-agent.tesT"',
        f"{vector['signature_agent']};type=cimd",
    ):
        message = sent(vector, signature_agent=agent)
        with pytest.raises(SignatureInvalid):
            verify(message, only(message), KEY)


@pytest.mark.parametrize("vector", [each for each in SIGNED if each not in EDWARDS], ids=name)
def test_an_rsa_key_is_none_that_ucp_takes(vector: dict[str, Any]) -> None:
    kid = thumbprint(vector["key"])
    public = {member: vector["key"][member] for member in ("kty", "n", "e")}
    keys = load_key_set([{**public, "kid": kid}])
    with pytest.raises(AlgorithmUnsupported):
        keys.get(kid)
    with pytest.raises(KeyNotFound):
        keys.get("test-key-rsa-pss")


@pytest.mark.parametrize("used", [True, False])
@pytest.mark.parametrize("vector", SIGNED, ids=name)
def test_what_web_bot_auth_alone_asks_for_is_too_little(vector: dict[str, Any], used: bool) -> None:  # noqa: FBT001 - a parameter of the test
    network = Network({})
    refused = network.refusal(sent(vector), used=used)
    assert refused == ("signature_invalid", "coverage_insufficient")
    assert network.asked == []


# The header, and what it leads to


def published(vector: dict[str, Any]) -> Network:
    """Return a network in which the vector's keys are where it says, and how it says."""
    (named,) = vector["entries"]
    uri, kind = named["uri"], named["type"]
    keys = FetchedDocument(key_set(entry(KEY)), "", "")
    if kind == "jwks_uri":
        # What UCP-Agent names is a profile: with keys it is a JWK set, too.
        return Network({(DocumentKind.PROFILE, uri): keys})
    if kind == "cimd":
        client = json.dumps({"client_id": uri, "jwks_uri": SET_URL}).encode()
        return Network(
            {
                (DocumentKind.METADATA, uri): FetchedDocument(client, "", ""),
                (DocumentKind.KEY_SET, SET_URL): keys,
            }
        )
    there = (DocumentKind.DIRECTORY, uri + DIRECTORY_PATH)
    signed = directory(key_set(entry(KEY)), KEY, authority="signature-agent.test")
    return Network({there: signed})


BY_NAME: Final = pytest.mark.parametrize("vector", AGENTS, ids=lambda each: str(each["name"]))


@BY_NAME
def test_the_header_is_read_as_published(vector: dict[str, Any]) -> None:
    (named,) = vector["entries"]
    member = read_signature_agent([vector["header"].encode()], named["label"])
    assert (member.url.url, member.document.kind.value) == (named["uri"], named["type"])


@BY_NAME
def test_keys_that_are_where_the_header_says_verify(vector: dict[str, Any]) -> None:
    network, uri = published(vector), vector["entries"][0]["uri"]
    caller = network.prove(request(vector["header"], Signed(KEY), agent=uri))
    assert (caller.identity, caller.thumbprint) == (uri, KEY.thumbprint)
    assert set(network.asked) == set(network.documents)


@BY_NAME
def test_beside_another_ucp_agent_the_header_leads_nowhere(vector: dict[str, Any]) -> None:
    network = published(vector)
    refused = network.refusal(request(vector["header"], Signed(KEY), agent="https://a.example/ucp"))
    assert refused == ("profile_not_trusted", "signature_agent_elsewhere")
    assert network.asked == []


@BY_NAME
def test_a_key_that_is_not_where_the_header_says_does_not_verify(vector: dict[str, Any]) -> None:
    asks = request(vector["header"], Signed(ED25519), agent=vector["entries"][0]["uri"])
    assert published(vector).refusal(asks) == ("key_not_found", "key_not_found")


@BY_NAME
def test_keys_of_another_kind_of_document_are_not_taken(vector: dict[str, Any]) -> None:
    (named,) = vector["entries"]
    profile = FetchedDocument(key_set(entry(KEY)), "", "")
    kinds = {*DocumentKind} - {DocumentKind.PROFILE}
    network = Network(dict.fromkeys(((kind, named["uri"]) for kind in kinds), profile))
    code, _ = network.refusal(request(vector["header"], Signed(KEY), agent=named["uri"]))
    assert code in {"profile_malformed", "profile_unreachable"}


@BY_NAME
def test_a_header_changed_after_signing_does_not_verify(vector: dict[str, Any]) -> None:
    uri = vector["entries"][0]["uri"]
    asks = request(vector["header"], Signed(KEY), agent=uri)
    changed = vector["header"].encode() + b";more"
    lines = [
        (name, changed if name == b"Signature-Agent" else value) for name, value in asks.headers
    ]
    spoilt = Request(method="GET", target="/orders/1", headers=lines)
    refused = published(vector).refusal(spoilt)
    assert refused == ("signature_invalid", "signature_mismatch")
