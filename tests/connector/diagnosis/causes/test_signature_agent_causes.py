from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from connector.diagnosis.causes.cause import PROVEN
from connector.diagnosis.document_table import DocumentTable
from connector.diagnosis.generator.documents import url
from connector.diagnosis.generator.keys import public_jwk, thumbprint
from connector.diagnosis.generator.recipes import AGENT, GET, GET_COVERS, NOW
from connector.diagnosis.vectors import Document
from connector.platforms.key_directory import DIRECTORY_PATH
from tests.connector.diagnosis.causes.signed_requests import Sent, with_value

if TYPE_CHECKING:
    from connector.egress.fetch import FetchedDocument
    from connector.egress.urls import ProfileUrl

URL = url("web-bot-auth-es256")
ORIGIN = "https://web-bot-auth-es256.platform.example"
NAME = thumbprint("platform-2026")
USED = {"platforms": {"signature_agent": "same_as_ucp_agent"}}
PROFILE = {
    "ucp": {"version": "2026-08-25"},
    "keys": [public_jwk("platform-2026", kid=NAME)],
}


def sent(member: str, agent: str = URL, documents: dict[str, Any] | None = None) -> Sent:
    """Sign a request with this Signature-Agent, to a merchant who uses it."""
    recipe = GET.replaced(AGENT[0], f'profile="{agent}"').replaced("Signature-Agent", member)
    recipe = recipe.signed(
        components=(*GET_COVERS, '"signature-agent";key="sig1"'),
        parameters=f';created={NOW};expires={NOW + 60};keyid="{NAME}";tag="web-bot-auth"',
    )
    table = DocumentTable(
        {
            place: Document(json.dumps(content).encode(), 200, None)
            for place, content in (documents or {agent: PROFILE}).items()
        }
    )

    async def fetch(place: ProfileUrl) -> FetchedDocument:
        return await table(place)

    return Sent(recipe, settings=USED, fetch=fetch)


CIMD = f'sig1="{URL}";type=cimd'
CASES = {
    "signature-agent-string": sent(f'sig1="{URL}";type=jwks_uri')._replace(
        headers=with_value("Signature-Agent", f'"{ORIGIN}"')
    ),
    "signature-agent-elsewhere": sent(f'sig1="{ORIGIN}"'),
    "signature-agent-unusable": sent(f'sig1="{URL}";type="jwks_uri"'),
    "client-metadata-unusable": sent(CIMD),
    "directory-unsigned": sent(
        f'sig1="{ORIGIN}"', ORIGIN, {ORIGIN: PROFILE, ORIGIN + DIRECTORY_PATH: PROFILE}
    ),
}


@pytest.mark.parametrize("cause", CASES)
def test_the_cause_is_found_and_nothing_else(cause: str) -> None:
    assert CASES[cause].found() == {cause: PROVEN}


@pytest.mark.parametrize(
    "member",
    [
        'sig1="http://a.example/";type=cimd',
        f'sig1="{URL}";type=x509',
        f'sig1="{ORIGIN}/x"',
        f"sig1=({URL!r})".replace("'", '"'),
    ],
)
def test_every_unusable_member_is_told_as_one(member: str) -> None:
    assert sent(member).found() == {"signature-agent-unusable": PROVEN}


def test_metadata_that_lead_to_the_key_leave_nothing_to_explain() -> None:
    keys = "https://keys.platform.example/jwks.json"
    documents = {URL: {"client_id": URL, "jwks_uri": keys}, keys: PROFILE}
    explanation = sent(CIMD, documents=documents).explained()
    (candidate,) = explanation.candidates
    assert {check.outcome for check in candidate.checks} == {"ok"}
    assert candidate.causes == ()
