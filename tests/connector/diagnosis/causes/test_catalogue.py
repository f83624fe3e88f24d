from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical import CanonicalError, Request, parse_signatures
from connector.diagnosis.causes import proof
from connector.diagnosis.causes.catalogue import CATALOGUE, GROUPS, find_causes
from connector.diagnosis.causes.evidence import Evidence, Observed
from connector.diagnosis.generator.recipes import NOW
from tests.connector.diagnosis.causes import (
    test_base_causes,
    test_message_causes,
    test_signature_agent_causes,
    test_signature_causes,
)
from tests.connector.diagnosis.causes.signed_requests import PROFILE, Sent

if TYPE_CHECKING:
    from connector.diagnosis.causes.cause import Cause

ONE_KEY = {**PROFILE, "keys": PROFILE["keys"][:1]}
TESTED = {
    *test_base_causes.CASES,
    *test_signature_causes.CASES,
    *test_message_causes.CASES,
    *test_signature_agent_causes.CASES,
}

REASONS = st.sampled_from(
    [
        ("signature_invalid", "signature_mismatch"),
        ("signature_invalid", "malformed"),
        ("signature_invalid", "label_mismatch"),
        ("signature_invalid", "signature_encoding"),
        ("digest_mismatch", "digest_mismatch"),
        ("key_not_found", "key_not_found"),
        ("invalid_profile_url", "agent_malformed"),
    ]
)


def test_every_cause_has_a_test() -> None:
    assert set(CATALOGUE) == TESTED


def test_every_cause_has_a_name_of_its_own() -> None:
    assert len(CATALOGUE) == sum(map(len, GROUPS.values()))
    assert len(CATALOGUE) >= 25


@pytest.mark.parametrize("cause", CATALOGUE.values(), ids=CATALOGUE)
def test_every_cause_says_what_happened_how_to_mend_it_and_where_it_is_written(
    cause: Cause,
) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]+", cause.id)
    for sentence in (cause.happened, cause.repair):
        assert len(sentence) > 20
        assert sentence[-1] in '.:)"'
    assert re.match(r"RFC \d{4} sections? |UCP (signatures|overview)", cause.source)


@settings(max_examples=80, deadline=None)
@given(
    signature_input=st.text(st.characters(codec="latin-1"), max_size=60)
    | st.from_regex(
        r'sig1=\("@(method|path|query)"( "[a-zA-Z-]{1,9}")*\)(;[a-z]{1,9}="?\w*"?){0,4}',
        alphabet=st.characters(codec="latin-1"),
    ),
    signature=st.text(st.characters(codec="latin-1"), max_size=40)
    | st.from_regex(r"sig1=:[A-Za-z0-9+/_=-]{0,90}:", alphabet=st.characters(codec="latin-1")),
    digest=st.text(st.characters(codec="latin-1"), max_size=40),
    target=st.from_regex(r"/[!-~]{0,30}", fullmatch=True),
    body=st.binary(max_size=60),
    reason=REASONS,
)
def test_any_request_can_be_searched(
    signature_input: str,
    signature: str,
    digest: str,
    target: str,
    body: bytes,
    reason: tuple[str, str],
) -> None:
    request = Request(
        method="POST",
        target=target,
        headers=[
            (b"Host", b"x"),
            (b"UCP-Agent", digest.encode("latin-1")),
            (b"Content-Digest", digest.encode("latin-1")),
            (b"Signature-Input", signature_input.encode("latin-1")),
            (b"Signature", signature.encode("latin-1")),
        ],
        body=body,
    )
    try:
        found = parse_signatures(request)
    except CanonicalError:
        found = []
    evidence = Evidence(
        request,
        NOW,
        profile=ONE_KEY,
        faults=(Observed(*reason, "why"),),
        signature=found[0] if found else None,
    )

    # The search itself is as long as it is anywhere, and its length is not what is tested here.
    with patch.object(proof, "MOST_CHECKS", 100):
        found_causes = find_causes(evidence)

    assert {finding.cause for finding in found_causes} <= CATALOGUE.keys()


@settings(max_examples=100, deadline=None)
@given(
    profile=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["ucp", "keys", "signing_keys", "kty", "crv", "kid", "x", "y", "use"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_any_profile_can_be_searched(profile: object) -> None:
    found = Sent(
        profile={"ucp": {"version": "2026-08-25"}, "keys": [profile], "more": profile}
    ).found()

    assert found.keys() <= CATALOGUE.keys()
