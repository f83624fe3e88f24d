"""Cases that are moved onto loopback and to the present are what they were, faults included."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest

from canonical import (
    CanonicalError,
    SignatureInvalid,
    load_key,
    parse_signatures,
    signature_base,
)
from connector.diagnosis.document_table import DocumentTable
from connector.diagnosis.judging import Judge, merchant_settings
from connector.diagnosis.vectors import Accept, Case, Reject
from connector.diagnosis.wire.runner import NotSentError
from connector.diagnosis.wire.signing import message_of
from connector.errors import Refusal
from tests.connector.diagnosis.wire.shipped import (
    FILES,
    MOVED,
    MOVERS,
    NOW,
    SENT,
    around,
    case_of,
    moved,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.diagnosis.vectors import WireRequest
    from connector.diagnosis.verdicts import Refused
    from connector.diagnosis.wire.places import Surroundings
    from connector.diagnosis.wire.runner import Sendable
    from connector.egress.fetch import FetchedDocument
    from connector.egress.urls import ProfileUrl
    from connector.settings.schema import Settings


def labels(request: WireRequest) -> set[str]:
    """Return the labels of a request's signatures, where its headers can be read."""
    try:
        return {each.label for each in parse_signatures(message_of(request))}
    except CanonicalError:
        return set()


CASES: Final = [pytest.param(name, case, sent, id=case.id) for name, case, sent in SENT]
# Altered after signing: what was signed is what the accepted case has.
ALTERED: Final = [
    pytest.param(name, case, sent, id=case.id)
    for name, case, sent in SENT
    if case.differs_from
    and case.repair
    and not case.repair.sign
    and case.repair.path.startswith("/request/")
    and {line for line in case.request.headers if line[0] == b"Signature"}
    == {
        line for line in case_of(name, case.differs_from).request.headers if line[0] == b"Signature"
    }
    != set()
]
# Signed as it is: only a rule is against it.
RULED: Final = [
    pytest.param(name, sent, label, id=f"{case.id}-{label}")
    for name, case, sent in SENT
    if case.repair and any(case.repair.sign)
    for label in sorted(labels(case.request) & set(case.repair.sign))
]


class Documents(DocumentTable):
    """What the profile server answers: on loopback a URL that is not known is a 404."""

    async def __call__(self, url: ProfileUrl) -> FetchedDocument:
        try:
            return await super().__call__(url)
        except Refusal as refusal:
            if refusal.reason != "unresolvable":
                raise
        raise Refusal("profile_unreachable", "unresolvable", "404")


@cache
def settings_of(changed: str) -> Settings:
    discovery = {"insecure_allow_loopback_profiles": True}
    return merchant_settings(json.loads(changed), discovery=discovery)


def decide(surroundings: Surroundings, request: WireRequest) -> Accept | Refused:
    """Judge what would be sent as a gateway with the printed configuration would."""
    authorities = [surroundings.with_authority("shop.example.com")]
    settings = settings_of(json.dumps({"authorities": authorities, **surroundings.settings}))
    documents = {place.url: place.document for place in surroundings.places.values()}

    async def judged() -> Accept | Refused:
        judge = Judge(settings, Documents(documents), NOW)
        try:
            return await judge.decide(request)
        finally:
            await judge.aclose()

    return asyncio.run(judged())


@pytest.mark.parametrize(("name", "case", "sent"), CASES)
def test_a_moved_case_is_decided_as_it_was_and_for_the_same_reason(
    name: str, case: Case, sent: Sendable
) -> None:
    decided = decide(around(FILES[name], case), sent.request)

    if isinstance(case.expect, Reject):
        assert not isinstance(decided, Accept)
        assert (decided.code, decided.reason) == (sent.code, case.expect.reason)
    else:
        assert isinstance(decided, Accept)
        assert (decided.keyid, decided.label) == (case.expect.keyid, case.expect.label)


@pytest.mark.parametrize(("name", "case", "sent"), ALTERED)
def test_what_was_altered_after_signing_has_the_signature_of_what_was_signed(
    name: str, case: Case, sent: Sendable
) -> None:
    surroundings = around(FILES[name], case)
    positive = case_of(name, case.differs_from)
    whole = MOVERS[name].move(positive, surroundings, NOW)
    signatures = [line for line in sent.request.headers if line[0] == b"Signature"]
    others = [line for line in whole.headers if line[0] != b"Signature"]

    decided = decide(surroundings, whole._replace(headers=[*others, *signatures]))

    assert isinstance(decided, Accept)


@pytest.mark.parametrize(("name", "sent", "label"), RULED)
def test_what_only_a_rule_is_against_has_a_good_signature(
    name: str, sent: Sendable, label: str
) -> None:
    message = message_of(sent.request)
    (signature,) = (each for each in parse_signatures(message) if each.label == label)
    base = signature_base(message, signature)

    assert any(verifies(key, signature.value, base) for key in FILES[name].keys.values())


def verifies(jwk: Mapping[str, Any], value: bytes, base: bytes) -> bool:
    try:
        load_key(dict(jwk)).verify(value, base)
    except SignatureInvalid:
        return False
    return True


def test_no_two_cases_lead_to_one_place() -> None:
    urls = [
        place.url
        for name, case, sent in SENT
        for place in around(FILES[name], case).named_in(sent.request)
        if place.document.error != "special_use"
    ]
    assert len(urls) > 300
    assert len(set(urls)) == len(urls)


def test_only_cases_with_settings_have_another_merchant() -> None:
    for name, file in FILES.items():
        for case in file.cases:
            assert bool(around(file, case).label) == bool(case.settings), name


def test_most_cases_are_of_one_of_these_sorts() -> None:
    assert len(ALTERED) > 50
    assert len(RULED) > 50


def test_cases_are_left_out_for_a_few_reasons_only() -> None:
    reasons: dict[str, list[str]] = {}
    for name, file in FILES.items():
        for case in file.cases:
            reason = MOVED[name, case.id]
            if isinstance(reason, str):
                reasons.setdefault(reason, []).append(f"{case.kind} {case.id}")
    requests = {
        reason: [case for case in cases if case.startswith("request ")]
        for reason, cases in reasons.items()
    }
    assert {reason: cases for reason, cases in requests.items() if cases} == {
        "the name of its profile would have to be looked up": [
            "request agent-http",
            "request profile-no-address",
        ],
        "its profile is on loopback, where a gateway under test takes them from": [
            "request agent-ipv6-loopback",
            "request agent-loopback",
        ],
        "what was signed cannot be told, so it cannot be signed again": ["request mcp-from-rest"],
    }


def test_a_signature_that_cannot_be_told_is_not_sent() -> None:
    case = case_of("requests", "request-post-es256")
    *others, (field, _) = case.request.headers
    value = b"sig1=:" + b"0123456789abcdef" * 5 + b"01234w==:"
    foreign = case._replace(request=case.request._replace(headers=[*others, (field, value)]))

    with pytest.raises(NotSentError, match="cannot be told"):
        moved("requests", foreign)
