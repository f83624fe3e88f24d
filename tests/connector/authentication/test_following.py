"""Terms that change while requests are under way: who is registered, and which keys are revoked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from canonical import load_key
from connector.authentication.policy import Policy
from connector.authentication.verification import Registered
from connector.errors import Refusal
from tests.connector.authentication.platform import (
    ED25519,
    KEY,
    URL,
    Profiles,
    authenticator,
    public_keys,
    received,
    signed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.authentication.verification import Authenticator
    from connector.steps import Caller

THUMBPRINT = load_key(KEY).thumbprint


@pytest.fixture(name="loop")
def fixture_loop() -> Iterator[asyncio.Runner]:
    """One loop for all requests of a test, as the gateway has."""
    with asyncio.Runner() as runner:
        yield runner


def prove(loop: asyncio.Runner, judge: Authenticator) -> Caller:
    arrived = received(signed())
    return loop.run(judge.prove(arrived, judge.examine(arrived, writes=False)))


def reason(loop: asyncio.Runner, judge: Authenticator) -> str:
    with pytest.raises(Refusal) as caught:
        prove(loop, judge)
    return caught.value.reason


def follow(
    judge: Authenticator,
    *,
    registered: dict[str, Registered] | None = None,
    discovery_open: bool = True,
    revoked: frozenset[str] = frozenset(),
) -> None:
    judge.follow(
        discovered=Policy("discovered"),
        registered=registered or {},
        discovery_open=discovery_open,
        revoked=revoked,
    )


def test_a_platform_is_registered_and_forgotten_again_while_the_gateway_runs(
    loop: asyncio.Runner,
) -> None:
    judge = authenticator()
    assert prove(loop, judge).tier == "discovered"
    follow(judge, registered={URL: Registered(Policy("registered"), None, None)})
    assert prove(loop, judge).tier == "registered"
    follow(judge)
    assert prove(loop, judge).tier == "discovered"


def test_discovery_that_was_closed_refuses_before_anything_is_fetched(loop: asyncio.Runner) -> None:
    profiles = Profiles(public_keys(KEY), at_hand=False)
    judge = authenticator(profiles)
    follow(judge, discovery_open=False)
    assert reason(loop, judge) == "not_registered"
    assert profiles.asked == []


def test_pins_that_changed_hold_from_the_next_request_on(loop: asyncio.Runner) -> None:
    judge = authenticator()
    pinned = Registered(Policy("registered"), "2026-08-25", public_keys(ED25519))
    follow(judge, registered={URL: pinned})
    assert reason(loop, judge) == "key_not_found"


def test_a_key_that_is_revoked_verifies_nothing_more_though_its_profile_is_cached(
    loop: asyncio.Runner,
) -> None:
    profiles = Profiles(public_keys(KEY))
    judge = authenticator(profiles)
    assert prove(loop, judge).thumbprint == THUMBPRINT
    profiles.asked.clear()
    follow(judge, revoked=frozenset({THUMBPRINT}))
    assert reason(loop, judge) == "key_revoked"
    assert profiles.asked == []


def test_a_request_examined_before_its_key_was_revoked_is_refused_all_the_same(
    loop: asyncio.Runner,
) -> None:
    judge = authenticator()
    arrived = received(signed())
    examined = judge.examine(arrived, writes=False)
    follow(judge, revoked=frozenset({THUMBPRINT}))
    with pytest.raises(Refusal) as caught:
        loop.run(judge.prove(arrived, examined))
    assert caught.value.reason == "key_revoked"


def test_a_caller_stands_until_its_key_is_revoked(loop: asyncio.Runner) -> None:
    judge = authenticator()
    caller = prove(loop, judge)
    judge.stand_by(caller)
    follow(judge, revoked=frozenset({THUMBPRINT}))
    with pytest.raises(Refusal) as caught:
        judge.stand_by(caller)
    assert (caught.value.code.name, caught.value.reason) == ("signature_invalid", "key_revoked")
