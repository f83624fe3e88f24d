"""Keys that Signature-Agent leads to: for the identity of UCP-Agent, and for nobody else."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from canonical import Request, load_key, load_key_set, sign
from connector.authentication.policy import Policy
from connector.authentication.verification import Authenticator, Registered
from connector.egress.fetch import FetchedDocument
from connector.egress.urls import DocumentKind
from connector.errors import Refusal
from connector.platforms.agent import agent_reader
from connector.platforms.budgets import Lane
from connector.platforms.discovery import Discovery
from connector.platforms.key_directory import DIRECTORY_PATH
from connector.platforms.signature_agent import signature_agent_reader
from tests.connector.authentication.platform import KEY, NOW, received
from tests.connector.authentication.platform import URL as OLDER
from tests.connector.authentication.test_older import detached
from tests.connector.platforms.directories import ED25519, ES256, directory, entry, key_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canonical import Key
    from connector.egress.urls import ProfileUrl
    from connector.steps import Caller

URL: Final = "https://platform.example/ucp"
ORIGIN: Final = "https://platform.example"
KEYS_URL: Final = "https://keys.example/jwks.json"
OWN: Final = "https://attacker.example"

PROFILE, KEY_SET, METADATA, DIRECTORY = DocumentKind
PUBLISHED: Final = (PROFILE, URL)
CARD: Final = (METADATA, URL)
SET: Final = (KEY_SET, KEYS_URL)

Document = tuple[DocumentKind, str]


def metadata(url: str = URL, jwks: str = KEYS_URL) -> FetchedDocument:
    return FetchedDocument(json.dumps({"client_id": url, "jwks_uri": jwks}).encode(), "", "")


def keys(*published: Key, version: str | None = "2026-08-25") -> FetchedDocument:
    return FetchedDocument(key_set(*map(entry, published), version=version), "", "")


def signed_directory(authority: str, *signers: Key, version: str | None = "2026-08-25") -> Any:
    body = key_set(*map(entry, signers), version=version)
    return directory(body, *signers, authority=authority)


class Network:
    """What stands behind URLs, by what it is asked for as; what was asked is kept."""

    def __init__(self, documents: dict[Document, FetchedDocument | Refusal]) -> None:
        self.documents = documents
        self.asked: list[Document] = []
        self.now = float(NOW)
        self.discovery = Discovery(
            dict.fromkeys(Lane, self._fetch),
            clock=lambda: self.now,
            rate=64,
            burst=64,
            cache_entries=64,
        )

    async def _fetch(self, url: ProfileUrl) -> FetchedDocument:
        self.asked.append((url.kind, url.location))
        found = self.documents.get((url.kind, url.location))
        if found is None:
            raise Refusal("profile_unreachable", "status", "there is nothing")
        if isinstance(found, Refusal):
            raise found
        return found

    def prove(self, request: Request, in_body: str | None = None, **changes: Any) -> Caller:
        """Judge requests one after the other, on one cache; the body may name the profile."""
        judge = self.judge(**changes)
        arrived = received(request)._replace(at=self.now)
        named = None if in_body is None else [f'profile="{in_body}"'.encode()]
        examined = judge.examine(
            arrived, writes=False, in_body=None if named is None else lambda: named
        )
        return asyncio.run(judge.prove(arrived, examined))

    def judge(
        self, *, used: bool = True, registered: dict[str, Registered] | None = None, **changes: Any
    ) -> Authenticator:
        return Authenticator(
            **{
                "profiles": self.discovery,
                "agent_url": agent_reader(),
                "discovered": Policy("discovered"),
                "registered": registered or {},
                "versions": frozenset({"2026-08-25"}),
                "discovery_open": True,
                "keyed_horizon": 47 * 3600,
                "signature_agent": signature_agent_reader() if used else None,
                **changes,
            }
        )

    def refusal(self, request: Request, **changes: Any) -> tuple[str, str]:
        with pytest.raises(Refusal) as caught:
            self.prove(request, **changes)
        assert caught.value.explanation
        return caught.value.code.name, caught.value.reason


class Signed:
    """One signature: by ``key``, tagged unless ``tag`` says otherwise."""

    def __init__(
        self, key: Key = ES256, label: str = "sig1", *, bot: bool = True, **parameters: Any
    ) -> None:
        self.key = key
        self.label = label
        self.bot = bot
        tagged = {"expires": NOW + 300, "tag": "web-bot-auth"} if bot else {}
        self.parameters = {"created": NOW, "keyid": key.thumbprint, **tagged, **parameters}


def request(
    member: str | None,
    *signatures: Signed,
    agent: str | None = URL,
    extra: Sequence[tuple[str, str]] = (),
) -> Request:
    """Send ``member`` as Signature-Agent beside UCP-Agent, signed by all of these."""
    lines = [("Host", "shop.example.com"), *extra]
    if agent is not None:
        lines.append(("UCP-Agent", f'profile="{agent}"'))
    if member is not None:
        lines.append(("Signature-Agent", member))
    message = Request(method="GET", target="/orders/1", headers=lines)
    given, values = [], []
    for each in signatures or [Signed()]:
        covered = ["@method", "@authority", "@path"]
        if agent is not None:
            covered.append("ucp-agent")
        if each.bot:
            covered.append(f'"signature-agent";key="{each.label}"')
        elif member is not None:
            covered.append("signature-agent")
        pair = sign(message, each.key, covered, label=each.label, **each.parameters)
        given.append(pair[0])
        values.append(pair[1])
    lines += [("Signature-Input", ", ".join(given)), ("Signature", ", ".join(values))]
    return Request(method="GET", target="/orders/1", headers=lines)


JWKS_URI: Final = f'sig1="{URL}";type=jwks_uri'
CIMD: Final = f'sig1="{URL}";type=cimd'


def cimd_network(**changes: Any) -> Network:
    return Network({CARD: metadata(), SET: keys(ES256, **changes)})


# What leads to keys


def test_a_profile_is_the_key_set_that_it_is_named_as() -> None:
    network = Network({PUBLISHED: keys(ES256)})
    caller = network.prove(request(JWKS_URI))
    assert (caller.identity, caller.keyid, caller.label) == (URL, ES256.thumbprint, "sig1")
    assert network.asked == [PUBLISHED]


def test_a_clients_metadata_lead_to_its_keys_and_the_identity_is_that_of_ucp_agent() -> None:
    network = cimd_network()
    caller = network.prove(request(CIMD))
    assert (caller.identity, caller.thumbprint, caller.version) == (
        URL,
        ES256.thumbprint,
        "2026-08-25",
    )
    assert network.asked == [CARD, SET]
    network.prove(request(CIMD))
    assert network.asked == [CARD, SET]


def test_metadata_may_point_back_at_the_profile() -> None:
    profile = f"{ORIGIN}/.well-known/ucp"
    network = Network({CARD: metadata(jwks=profile), (KEY_SET, profile): keys(ES256)})
    assert network.prove(request(CIMD)).version == "2026-08-25"


@pytest.mark.parametrize("member", [f'sig1="{ORIGIN}"', f'sig1="{ORIGIN}";type=directory'])
def test_a_directory_at_the_origin_that_ucp_agent_names_has_its_keys(member: str) -> None:
    there = (DIRECTORY, ORIGIN + DIRECTORY_PATH)
    network = Network({there: signed_directory("platform.example", ED25519)})
    caller = network.prove(request(member, Signed(ED25519), agent=ORIGIN))
    assert (caller.identity, caller.thumbprint) == (ORIGIN, ED25519.thumbprint)
    assert network.asked == [there]


def test_the_urls_are_compared_as_they_are_normalised() -> None:
    network = Network({PUBLISHED: keys(ES256)})
    member = 'sig1="HTTPS://Platform.Example:443/ucp";type=jwks_uri'
    assert network.prove(request(member)).identity == URL


def test_a_directory_of_another_authority_is_refused() -> None:
    there = (DIRECTORY, ORIGIN + DIRECTORY_PATH)
    network = Network({there: signed_directory("other.example", ED25519)})
    refused = network.refusal(request(f'sig1="{ORIGIN}"', Signed(ED25519), agent=ORIGIN))
    assert refused == ("profile_malformed", "directory_unsigned")


def test_keys_that_changed_are_asked_for_where_they_are() -> None:
    network = cimd_network()
    network.prove(request(CIMD))
    network.now += 10
    network.documents[SET] = keys(ED25519)
    assert network.prove(request(CIMD, Signed(ED25519))).thumbprint == ED25519.thumbprint
    assert network.asked == [CARD, SET, SET]


def test_a_signature_without_the_tag_has_its_key_in_the_profile() -> None:
    network = Network({PUBLISHED: keys(ES256)})
    assert network.prove(request(CIMD, Signed(bot=False))).identity == URL
    assert network.asked == [PUBLISHED]


def test_pinned_keys_are_the_only_ones() -> None:
    pinned = load_key_set([entry(ES256)])
    registered = {URL: Registered(Policy("registered"), "2026-08-25", pinned)}
    network = cimd_network()
    network.documents[SET] = keys(ED25519)
    assert network.prove(request(CIMD), registered=registered).tier == "registered"
    refused = network.refusal(request(CIMD, Signed(ED25519)), registered=registered)
    assert refused == ("key_not_found", "key_not_found")
    assert network.asked == []


# Where it is not turned on


@pytest.mark.parametrize("member", [JWKS_URI, CIMD, f'sig1="{OWN}";type=jwks_uri', f'sig1="{OWN}"'])
def test_where_it_is_off_every_key_is_in_the_profile(member: str) -> None:
    network = cimd_network()
    network.documents[PUBLISHED] = keys(ED25519)
    assert network.prove(request(member, Signed(ED25519)), used=False).identity == URL
    assert network.refusal(request(member), used=False) == ("key_not_found", "key_not_found")
    assert set(network.asked) == {PUBLISHED}


# Whose keys they are


@pytest.mark.parametrize("type_", ["jwks_uri", "cimd", "directory"])
@pytest.mark.parametrize("used", [True, False])
def test_keys_of_ones_own_vouch_for_nobody_else(type_: str, used: bool) -> None:  # noqa: FBT001 - a parameter of the test
    own = OWN if type_ == "directory" else f"{OWN}/ucp"
    network = Network(
        {
            PUBLISHED: keys(ES256),
            (KEY_SET, own): keys(ED25519),
            (PROFILE, own): keys(ED25519),
            (METADATA, own): metadata(own),
            SET: keys(ED25519),
            (DIRECTORY, OWN + DIRECTORY_PATH): signed_directory("attacker.example", ED25519),
        }
    )
    refused = network.refusal(request(f'sig1="{own}";type={type_}', Signed(ED25519)), used=used)
    if used:
        assert refused == ("profile_not_trusted", "signature_agent_elsewhere")
        assert network.asked == []
    else:
        assert refused == ("key_not_found", "key_not_found")
        assert set(network.asked) == {PUBLISHED}


@pytest.mark.parametrize(
    "other",
    [
        f"{URL}/",
        f"{URL}?",
        f"{ORIGIN}/UCP",
        f"{ORIGIN}:8443/ucp",
        "https://www.platform.example/ucp",
        f"{ORIGIN}/~somebody/ucp",
    ],
)
def test_a_url_that_is_only_alike_is_another_one(other: str) -> None:
    network = Network({PUBLISHED: keys(ES256), (KEY_SET, other): keys(ED25519)})
    refused = network.refusal(request(f'sig1="{other}";type=jwks_uri', Signed(ED25519)))
    assert refused == ("profile_not_trusted", "signature_agent_elsewhere")
    assert network.asked == []


def test_a_profile_that_the_body_names_is_as_good_as_one_in_the_header() -> None:
    asks = request(CIMD, agent=None)
    assert cimd_network().prove(asks, in_body=URL).identity == URL
    refused = cimd_network().refusal(asks, in_body=f"{ORIGIN}/victim")
    assert refused == ("profile_not_trusted", "signature_agent_elsewhere")
    assert cimd_network().refusal(asks) == ("invalid_profile_url", "agent_missing")


def test_the_directory_of_an_origin_does_not_speak_for_a_profile_below_it() -> None:
    there = (DIRECTORY, ORIGIN + DIRECTORY_PATH)
    network = Network({there: signed_directory("platform.example", ED25519)})
    refused = network.refusal(request(f'sig1="{ORIGIN}"', Signed(ED25519)))
    assert refused == ("profile_not_trusted", "signature_agent_elsewhere")


def test_a_profile_of_somebody_else_is_no_metadata_of_a_client() -> None:
    network = Network({CARD: keys(ES256), PUBLISHED: keys(ES256)})
    refused = network.refusal(request(CIMD, Signed(ED25519)))
    assert refused == ("profile_malformed", "metadata_incomplete")


def test_a_key_set_is_never_taken_for_a_profile() -> None:
    network = Network({CARD: metadata(), SET: keys(ES256)})
    network.prove(request(CIMD))
    refused = network.refusal(request(None, Signed(bot=False), agent=KEYS_URL))
    assert refused == ("profile_unreachable", "status")
    network.documents[PROFILE, f"{KEYS_URL}?2"] = keys(ES256, version=None)
    refused = network.refusal(request(None, Signed(bot=False), agent=f"{KEYS_URL}?2"))
    assert refused == ("profile_malformed", "version_missing")


# Several signatures


def test_one_that_lies_does_no_harm_beside_one_that_verifies() -> None:
    network = Network({PUBLISHED: keys(ES256)})
    member = f'a="{OWN}";type=jwks_uri'
    for signatures in (
        [Signed(ED25519, "a"), Signed(ES256, "b", bot=False)],
        [Signed(ES256, "b", bot=False), Signed(ED25519, "a")],
    ):
        caller = network.prove(request(member, *signatures))
        assert (caller.identity, caller.label) == (URL, "b")
    assert network.asked == [PUBLISHED]


def test_two_that_lie_are_refused() -> None:
    network = Network({PUBLISHED: keys(ES256), (KEY_SET, OWN): keys(ED25519)})
    forged = Signed(ED25519, "b", bot=False, keyid=ES256.thumbprint)
    refused = network.refusal(request(f'a="{OWN}";type=jwks_uri', Signed(ED25519, "a"), forged))
    assert refused == ("signature_invalid", "signature_mismatch")


def test_a_document_that_is_not_there_does_no_harm_beside_one_that_is() -> None:
    network = Network({PUBLISHED: keys(ES256)})
    member = f'a="{URL}";type=cimd'
    caller = network.prove(request(member, Signed(label="a"), Signed(label="b", bot=False)))
    assert caller.label == "b"
    assert network.asked == [CARD, PUBLISHED]


def test_no_request_costs_more_than_two_documents_and_the_next_one_has_the_others() -> None:
    network = cimd_network()
    network.documents[PUBLISHED] = keys(ES256)
    forged = Signed(ED25519, "a", bot=False, keyid=ES256.thumbprint)
    asks = request(f'b="{URL}";type=cimd', forged, Signed(label="b"))
    assert network.refusal(asks) == ("discovery_pending", "too_many_documents")
    assert network.asked == [PUBLISHED, CARD]
    assert network.prove(asks).label == "b"
    assert network.asked == [PUBLISHED, CARD, SET]


def test_a_key_is_not_said_to_be_nowhere_where_nobody_had_time_to_look() -> None:
    network = cimd_network()
    network.documents[PUBLISHED] = keys(ED25519)
    network.prove(request(None, Signed(ED25519, bot=False)))
    network.now += 10
    network.documents[PUBLISHED] = keys(ED25519, ES256)
    # Two documents are fetched for the first one, which is forged; the new key is in the third.
    forged = Signed(ED25519, "a", keyid=ES256.thumbprint)
    asks = request(f'a="{URL}";type=cimd', forged, Signed(label="b", bot=False))
    assert network.refusal(asks) == ("discovery_pending", "too_many_documents")
    assert network.asked == [PUBLISHED, CARD, SET]
    assert network.prove(asks).label == "b"
    assert network.asked == [PUBLISHED, CARD, SET, PUBLISHED]


def test_what_was_fetched_for_a_request_is_final_for_it() -> None:
    network = cimd_network()
    refused = network.refusal(request(CIMD, Signed(ED25519)))
    assert refused == ("key_not_found", "key_not_found")
    assert network.asked == [CARD, SET]


def test_a_detached_jws_beside_it_is_held_against_the_profile() -> None:
    network = cimd_network()
    network.documents[PUBLISHED] = keys(ED25519)
    asks = request(CIMD, extra=[("Request-Signature", "e30..AA")])
    assert network.refusal(asks) == ("key_not_found", "key_not_found")
    assert set(network.asked) == {PUBLISHED}


def test_an_older_scheme_has_its_keys_in_the_profile() -> None:
    asks = detached(extra=[("Signature-Agent", f'sig1="{OLDER}";type=cimd')])
    profile = (PROFILE, OLDER)
    document = {"ucp": {"version": "2026-08-25"}, "keys": [load_key(KEY).public_jwk()]}
    network = Network({profile: FetchedDocument(json.dumps(document).encode(), "", "")})
    registered = {OLDER: Registered(Policy("r", schemes=frozenset({"detached-jws"})), None, None)}
    caller = network.prove(asks, registered=registered)
    assert (caller.identity, caller.scheme) == (OLDER, "detached-jws")
    assert network.asked == [profile]


# What is wrong with it


@pytest.mark.parametrize("version", [None, "2020-01-01"])
def test_the_version_is_that_of_the_document_with_the_key(version: str | None) -> None:
    network = cimd_network(version=version)
    network.documents[PUBLISHED] = keys(ES256)
    assert network.refusal(request(CIMD)) == ("version_unsupported", "version_unsupported")
    assert PUBLISHED not in network.asked


@pytest.mark.parametrize("used", [True, False])
def test_the_string_of_older_drafts_is_refused_and_told_as_that(used: bool) -> None:  # noqa: FBT001 - a parameter of the test
    network = Network({PUBLISHED: keys(ES256)})
    dictionary = request(f'sig1="{URL}"')
    lines = [
        (name, b'"' + URL.encode() + b'"' if name == b"Signature-Agent" else value)
        for name, value in dictionary.headers
    ]
    asks = Request(method="GET", target="/orders/1", headers=lines)
    with pytest.raises(Refusal, match="one string, as older drafts had it") as caught:
        network.prove(asks, used=used)
    assert (caught.value.code.name, caught.value.reason) == (
        "signature_invalid",
        "signature_agent_string",
    )
    assert network.asked == []


@pytest.mark.parametrize(
    ("member", "refused"),
    [
        (f'sig1="{URL}";type=x509', ("signature_invalid", "signature_agent_type")),
        (f'sig1="{URL}"', ("signature_invalid", "signature_agent_not_an_origin")),
        ("sig1=7", ("signature_invalid", "signature_agent_not_a_string")),
        (
            'sig1="http://platform.example/ucp";type=jwks_uri',
            ("invalid_profile_url", "signature_agent_url"),
        ),
        ('sig1="https://10.0.0.1/";type=cimd', ("invalid_profile_url", "signature_agent_url")),
    ],
)
def test_a_member_that_leads_nowhere_is_refused_before_anything_is_fetched(
    member: str, refused: tuple[str, str]
) -> None:
    network = Network({PUBLISHED: keys(ES256)})
    assert network.refusal(request(member)) == refused
    assert network.asked == []


def test_a_revoked_key_is_revoked_wherever_it_is_found() -> None:
    refused = cimd_network().refusal(request(CIMD), revoked=frozenset({ES256.thumbprint}))
    assert refused == ("signature_invalid", "key_revoked")


def test_a_key_must_be_named_by_its_thumbprint_wherever_it_is_found() -> None:
    named = {**load_key(KEY).public_jwk(), "kid": "platform-2026"}
    document = {"ucp": {"version": "2026-08-25"}, "keys": [named]}
    network = Network(
        {CARD: metadata(), SET: FetchedDocument(json.dumps(document).encode(), "", "")}
    )
    refused = network.refusal(request(CIMD, Signed(keyid="platform-2026")))
    assert refused == ("signature_invalid", "bot_auth_keyid")


@pytest.mark.parametrize("jwks", ["http://127.0.0.1/x", "https://127.0.0.1/x", "https://[::1]/x"])
def test_metadata_lead_to_no_inner_place(jwks: str) -> None:
    network = Network({CARD: metadata(jwks=jwks)})
    assert network.refusal(request(CIMD)) == ("profile_malformed", "metadata_url")
    assert network.asked == [CARD]


def test_a_failure_of_ours_on_the_way_to_the_keys_is_ours() -> None:
    network = Network(
        {CARD: metadata(), SET: Refusal("discovery_pending", "resolver_failed", "no answer")}
    )
    assert network.refusal(request(CIMD))[0] == "discovery_pending"
