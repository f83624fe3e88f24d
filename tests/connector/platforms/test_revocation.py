"""A key that its platform took out of its profile: until when it verifies, on a simulated clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from canonical import Request, load_key, sign
from connector.authentication.policy import Policy
from connector.authentication.verification import Authenticator, Registered
from connector.errors import Refusal
from connector.platforms.agent import agent_reader
from connector.platforms.revocation import longest_after_unpublishing
from connector.steps import Received
from tests.connector.authentication.platform import ED25519, GET, KEY
from tests.connector.platforms.profiles import fetched, profile_json
from tests.connector.platforms.test_discovery import UNREACHABLE, URL, Network, settle

if TYPE_CHECKING:
    from connector.egress.fetch import FetchedDocument

FOREVER = "max-age=31536000, stale-while-revalidate=31536000"
"""What a platform says that wants its profile to be kept for as long as possible."""


def published(*keys: dict[str, Any]) -> FetchedDocument:
    public = [load_key(key).public_jwk() for key in keys]
    return fetched(profile_json(*public), FOREVER)


class Site:
    """A merchant's authenticator, and the platform's profile server, at one simulated time."""

    def __init__(self, *, registered: bool) -> None:
        self.network = Network()
        self.network.documents[URL.url] = published(KEY)
        known = {URL.url: Registered(Policy("registered"), None, None)}
        self._judge = Authenticator(
            profiles=self.network.discovery(),
            agent_url=agent_reader(),
            discovered=Policy("discovered"),
            registered=known if registered else {},
            versions=frozenset({"2026-08-25"}),
            discovery_open=True,
            keyed_horizon=3600.0,
        )

    async def reason(self, key: dict[str, Any] = KEY) -> str:
        """Return why a request signed now is refused; nothing where it verifies."""
        lines = [("Host", "shop.example.com"), ("UCP-Agent", f'profile="{URL.url}"')]
        message = Request(method="GET", target="/orders/1", headers=lines)
        given, value = sign(
            message, load_key(key), list(GET), created=int(self.network.now), keyid=key["kid"]
        )
        lines += [("Signature-Input", given), ("Signature", value)]
        request = Request(method="GET", target="/orders/1", headers=lines)
        received = Received(request, "shop", "192.0.2.1", self.network.now, 0.0)
        try:
            await self._judge.prove(received, self._judge.examine(received, writes=False))
        except Refusal as refusal:
            return refusal.reason
        finally:
            await settle()
        return ""


@pytest.mark.parametrize("registered", [False, True], ids=["discovered", "registered"])
def test_a_removed_key_stops_verifying_within_the_bound_even_if_nothing_can_be_fetched(
    *, registered: bool
) -> None:
    async def scenario() -> None:
        site = Site(registered=registered)
        start, bound = site.network.now, longest_after_unpublishing(registered=registered)
        assert await site.reason() == ""
        # Removed in the moment after it was served; and the server answers nobody any more.
        site.network.documents[URL.url] = UNREACHABLE
        site.network.now = start + bound - 1
        assert await site.reason() == ""
        site.network.now = start + bound
        assert await site.reason() == "timeout"

    asyncio.run(scenario())


@pytest.mark.parametrize("registered", [False, True], ids=["discovered", "registered"])
def test_a_removed_key_stops_verifying_as_soon_as_the_profile_is_fetched_again(
    *, registered: bool
) -> None:
    async def scenario() -> None:
        site = Site(registered=registered)
        start, bound = site.network.now, longest_after_unpublishing(registered=registered)
        assert await site.reason() == ""
        site.network.documents[URL.url] = published(ED25519)
        # The first request after the ceiling is served by the stale profile, and has it fetched.
        site.network.now = start + bound - 300
        assert await site.reason() == ""
        assert await site.reason() == "key_not_found"

    asyncio.run(scenario())


def test_the_next_key_ends_the_one_before_long_before_the_bound() -> None:
    async def scenario() -> None:
        site = Site(registered=True)
        assert await site.reason() == ""
        site.network.documents[URL.url] = published(ED25519)
        site.network.now += 10
        assert await site.reason(ED25519) == ""
        assert await site.reason() == "key_not_found"

    asyncio.run(scenario())


def test_no_request_fails_over_a_key_that_was_published_sixty_seconds_ahead() -> None:
    """Rotation: both keys for a while, each request signed by either, with its profile cached."""

    async def scenario() -> None:
        site = Site(registered=False)
        assert await site.reason() == ""
        site.network.now += 7
        site.network.documents[URL.url] = published(KEY, ED25519)
        site.network.now += 60
        for _ in range(3):
            assert await site.reason(ED25519) == ""
            assert await site.reason() == ""
            site.network.now += 1
        assert len(site.network.fetched) == 2
        site.network.documents[URL.url] = published(ED25519)
        removed = site.network.now
        while await site.reason() == "":
            assert await site.reason(ED25519) == ""
            site.network.now += 30
        assert site.network.now - removed <= longest_after_unpublishing(registered=False)
        assert await site.reason(ED25519) == ""

    asyncio.run(scenario())


def test_the_bounds_are_those_that_the_documentation_states() -> None:
    bounds = [longest_after_unpublishing(registered=each) for each in (False, True)]
    assert bounds == [15 * 60, 65 * 60]
