"""Keys that a registered platform publishes: their coming and going is told to the audit log."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from canonical import load_key, load_key_set
from connector.egress.urls import DocumentKind, normalise
from connector.platforms.documents import Profile
from connector.platforms.freshness import Life
from connector.platforms.key_directory import DIRECTORY_PATH
from connector.server.platform_keys import PlatformKeys
from tests.connector.platforms.profiles import fetched, profile_json
from tests.connector.platforms.test_discovery import URL, Network
from tests.connector.settings.documents import KEY, OTHER_KEY, merchant, settings

if TYPE_CHECKING:
    from connector.settings.schema import Settings

FIRST, SECOND = load_key(KEY).thumbprint, load_key(OTHER_KEY).thumbprint


class Told(list[dict[str, object]]):
    def tell(self, action: str, by: str, details: dict[str, object]) -> None:
        assert (action, by) == ("platform_keys_changed", "the platform")
        self.append(details)


def registering(*ids: str, **platform: Any) -> Settings:
    listed = [{"profile": URL.url, **platform}]
    return settings(
        merchants=[
            merchant(id=each, authorities=[f"{each}.example"], platforms={"registered": listed})
            for each in ids
        ]
    )


def observed(configured: Settings, *documents: list[dict[str, Any]]) -> Told:
    """Return what is told while a profile is fetched with one set of keys after the other."""
    told, keys = Told(), PlatformKeys(configured)
    keys.tell = told.tell

    async def scenario() -> None:
        network = Network()
        discovery = network.discovery(landed=keys.landed)
        for each in documents:
            network.documents[URL.url] = fetched(profile_json(*each))
            await discovery.resolve(URL, peer="peer", registered=True, now=network.now)
            network.now += 3600

    asyncio.run(scenario())
    return told


def test_keys_that_came_and_went_are_told_once() -> None:
    told = observed(registering("a", "b"), [KEY], [KEY], [KEY, OTHER_KEY], [OTHER_KEY])
    common = {"profile": URL.url, "merchants": ["a", "b"]}
    assert told == [
        {**common, "first": True, "added": [FIRST]},
        {**common, "added": [SECOND]},
        {**common, "removed": [FIRST]},
    ]


def test_profiles_of_others_are_not_told_of() -> None:
    elsewhere = registering("a", profile="https://elsewhere.example/ucp")
    assert observed(elsewhere, [KEY], [OTHER_KEY]) == []


def test_pinned_platforms_are_not_told_of_here() -> None:
    pinned = registering("a", keys=[KEY], version="2026-08-25")
    assert observed(pinned, [KEY], [OTHER_KEY]) == []


def test_a_profile_without_usable_keys_is_told_as_one_whose_keys_went() -> None:
    told = observed(registering("a"), [KEY], [{"kty": "strange", "kid": "x"}])
    assert told[1]["removed"] == [FIRST]


def test_registrations_are_followed() -> None:
    keys = PlatformKeys(registering("a", profile="https://elsewhere.example/ucp"))
    told = Told()
    keys.tell = told.tell
    keys.follow(registering("b"))

    async def scenario() -> None:
        network = Network()
        network.documents[URL.url] = fetched(profile_json(KEY))
        discovery = network.discovery(landed=keys.landed)
        await discovery.resolve(URL, peer="peer", registered=True, now=network.now)

    asyncio.run(scenario())
    assert [each["merchants"] for each in told] == [["b"]]


def test_a_key_set_that_client_metadata_lead_to_is_the_platforms_too() -> None:
    elsewhere = normalise("https://keys.example/set").of_kind(DocumentKind.KEY_SET)
    metadata = URL.of_kind(DocumentKind.METADATA)
    told, keys = Told(), PlatformKeys(registering("a"))
    keys.tell = told.tell

    async def scenario() -> None:
        network = Network()
        discovery = network.discovery(landed=keys.landed)
        leads = json.dumps({"client_id": URL.url, "jwks_uri": elsewhere.location}).encode()
        network.documents[metadata.url] = fetched(leads)
        for entries in ([KEY], [OTHER_KEY]):
            network.documents[elsewhere.url] = fetched(profile_json(*entries))
            for each in (metadata, elsewhere):
                await discovery.resolve(each, peer="peer", registered=True, now=network.now)
            network.now += 3600

    asyncio.run(scenario())
    common = {"profile": URL.url, "merchants": ["a"], "document": elsewhere.location}
    assert told == [
        {**common, "first": True, "added": [FIRST]},
        {**common, "added": [SECOND], "removed": [FIRST]},
    ]


def test_a_key_directory_belongs_to_the_registered_profiles_of_its_origin() -> None:
    told, keys = Told(), PlatformKeys(registering("a"))
    keys.tell = told.tell
    directory = normalise(f"{URL.origin}{DIRECTORY_PATH}").of_kind(DocumentKind.DIRECTORY)
    other = normalise(f"https://other.example{DIRECTORY_PATH}").of_kind(DocumentKind.DIRECTORY)
    for url in (directory, other):
        life = Life(0.0, 0.0, 0.0)
        keys.landed(Profile(url, "2026-08-25", load_key_set([KEY]), 0.0, 0.0, life, 0))
    assert told == [
        {
            "profile": URL.url,
            "merchants": ["a"],
            "document": directory.location,
            "first": True,
            "added": [FIRST],
        }
    ]
