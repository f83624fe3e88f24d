"""Web Bot Auth over the wire: whose keys count for whom, and what the merchant never sees."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest

from canonical import Request, Response, content_digest, load_key, sign
from connector.platforms.key_directory import DIRECTORY_PATH, MEDIA_TYPE, TAG
from tests.end_to_end.client import HOST
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.platform import VERSION, Platform, covered
from tests.end_to_end.raw_server import RawServer, answer
from tests.end_to_end.refusals import check_never_forwarded, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Draft

PATH: Final = "/.well-known/ucp"


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    shop = module_merchant.settings(
        platforms={
            "registered": [platform.registration()],
            "signature_agent": "same_as_ucp_agent",
        }
    )
    settings = configuration(shop, discovery={"insecure_allow_loopback_profiles": True})
    with running_gateway(tmp_path_factory.mktemp("gateway"), settings) as running:
        yield running


@pytest.fixture(scope="module")
def hosts() -> Iterator[ExitStack]:
    """Keep all hosts to the end: a port that is used again is an origin that is known."""
    with ExitStack() as running:
        yield running


@pytest.fixture
def host(hosts: ExitStack) -> RawServer:
    return hosts.enter_context(RawServer())


@pytest.fixture
def other_host(hosts: ExitStack) -> RawServer:
    return hosts.enter_context(RawServer())


def bot(profile_url: str) -> Platform:
    """Return a platform whose key is named by its thumbprint."""
    made = Platform(profile_url)
    made.jwk["kid"] = load_key(made.jwk).thumbprint
    return made


def asks(signer: Platform, member: str, *, agent: str | None = None) -> Draft:
    """Draft a request by ``signer`` in the name of ``agent``, or in its own."""
    draft = signer.draft().add("Signature-Agent", member)
    if agent is not None:
        draft.put("UCP-Agent", f'profile="{agent}"')
    components = [*covered(draft), '"signature-agent";key="sig1"']
    now = int(time.time())
    return signer.sign(draft, components, created=now, expires=now + 300, tag="web-bot-auth")


def document(content: dict[str, Any]) -> Any:
    return answer(json.dumps(content).encode())


def signed_directory(signer: Platform, authority: str) -> Any:
    body = signer.profile()
    digest = content_digest(body)
    message = Response(
        status=200,
        headers=[("Content-Digest", digest)],
        request=Request(method="GET", target=DIRECTORY_PATH, headers=[("Host", authority)]),
    )
    now = int(time.time())
    given, value = sign(
        message,
        load_key(signer.jwk),
        ['"@authority";req', "content-digest"],
        created=now,
        expires=now + 300,
        keyid=signer.jwk["kid"],
        tag=TAG,
    )
    return answer(
        body,
        "200 OK",
        ("Content-Type", MEDIA_TYPE.decode()),
        ("Content-Digest", digest),
        ("Signature-Input", given),
        ("Signature", value),
    )


def test_a_clients_metadata_lead_to_its_keys(
    gateway: RunningGateway, merchant: Merchant, host: RawServer, other_host: RawServer
) -> None:
    url = f"{host.origin}/agent"
    signer = bot(url)
    host.script["/agent"] = document({"client_id": url, "jwks_uri": f"{other_host.origin}/keys"})
    other_host.script["/keys"] = answer(signer.profile())
    for _ in range(2):
        assert gateway.ask(asks(signer, f'sig1="{url}";type=cimd').wire()).status == 200
    for seen in merchant.requests:
        assert seen.values("UCP-Verified-Identity") == [url]
        assert seen.values("UCP-Verified-Version") == [VERSION]
        assert seen.values("UCP-Verified-Thumbprint") == [signer.jwk["kid"]]
    assert len(merchant.requests) == 2
    assert [each.target for each in (*host.requests, *other_host.requests)] == [b"/agent", b"/keys"]


def test_a_directory_that_signs_itself_leads_to_keys(
    gateway: RunningGateway, merchant: Merchant, host: RawServer
) -> None:
    signer = bot(host.origin)
    host.script[DIRECTORY_PATH] = signed_directory(signer, f"{HOST}:{host.port}")
    assert gateway.ask(asks(signer, f'sig1="{host.origin}"').wire()).status == 200
    (seen,) = merchant.requests
    assert seen.values("UCP-Verified-Identity") == [host.origin]
    (asked,) = host.requests
    assert asked.values("Accept") == [MEDIA_TYPE.decode()]


def test_a_directory_that_was_made_for_another_host_does_not(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, host: RawServer
) -> None:
    signer = bot(host.origin)
    host.script[DIRECTORY_PATH] = signed_directory(signer, "agent.example")
    refused(gateway, merchant, platform, asks(signer, f'sig1="{host.origin}"'), "profile_malformed")


@pytest.mark.parametrize("type_", ["jwks_uri", "cimd", "directory"])
def test_nobody_signs_in_a_victims_name_with_keys_of_his_own(
    type_: str,
    gateway: RunningGateway,
    merchant: Merchant,
    platform: Platform,
    host: RawServer,
    other_host: RawServer,
) -> None:
    victim = bot(f"{host.origin}{PATH}")
    host.script[PATH] = answer(victim.profile())
    own = other_host.origin if type_ == "directory" else f"{other_host.origin}{PATH}"
    attacker = bot(own)
    other_host.script[PATH] = document(
        {
            **json.loads(attacker.profile()),
            "client_id": own,
            "jwks_uri": f"{other_host.origin}/keys",
        }
    )
    other_host.script["/keys"] = answer(attacker.profile())
    other_host.script[DIRECTORY_PATH] = signed_directory(attacker, f"{HOST}:{other_host.port}")
    attack = asks(attacker, f'sig1="{own}";type={type_}', agent=victim.profile_url)
    refused(gateway, merchant, platform, attack, "profile_not_trusted")
    assert other_host.requests == []
    # The same host and keys are good for themselves.
    assert gateway.ask(asks(attacker, f'sig1="{own}";type={type_}').wire()).status == 200
    assert merchant.requests[-1].values("UCP-Verified-Identity") == [own]


def test_a_lie_does_no_harm_beside_a_signature_that_verifies_and_two_lies_are_refused(
    gateway: RunningGateway,
    merchant: Merchant,
    platform: Platform,
    host: RawServer,
    other_host: RawServer,
) -> None:
    victim, attacker = bot(f"{host.origin}{PATH}"), bot(f"{other_host.origin}{PATH}")
    host.script[PATH] = answer(victim.profile())
    other_host.script[PATH] = answer(attacker.profile())
    member = f'sig1="{attacker.profile_url}";type=jwks_uri'

    def both(second: Platform) -> Draft:
        draft = asks(attacker, member, agent=victim.profile_url)
        components = [*covered(draft), "signature-agent"]
        given, value = second.signature(draft, components, label="sig2", keyid=victim.jwk["kid"])
        for header, more in (("Signature-Input", given), ("Signature", value)):
            (first,) = draft.values(header)
            draft.put(header, first + b", " + more.encode())
        return draft

    refused(gateway, merchant, platform, both(attacker), "signature_invalid")
    merchant.forget()
    assert gateway.ask(both(victim).wire()).status == 200
    (seen,) = merchant.requests
    assert seen.values("UCP-Verified-Identity") == [victim.profile_url]
    assert seen.values("UCP-Verified-Thumbprint") == [victim.jwk["kid"]]
    assert other_host.requests == []


def test_the_string_of_older_drafts_is_refused_and_the_operator_told_why(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, host: RawServer
) -> None:
    signer = bot(f"{host.origin}{PATH}")
    draft = asks(signer, f'sig1="{host.origin}"').put("Signature-Agent", f'"{host.origin}"')
    told = gateway.ask(draft.wire())
    assert told.document()["code"] == "signature_invalid"
    decision = gateway.decision(told)
    assert decision["reason"] == "signature_agent_string"
    check_never_forwarded(gateway, merchant, platform)
    assert host.requests == []


def test_metadata_that_point_inside_are_refused(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, host: RawServer
) -> None:
    url = f"{host.origin}/agent"
    signer = bot(url)
    host.script["/agent"] = document({"client_id": url, "jwks_uri": "https://10.0.0.1/keys"})
    refused(
        gateway, merchant, platform, asks(signer, f'sig1="{url}";type=cimd'), "profile_malformed"
    )
