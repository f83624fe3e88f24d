"""What the audit log learns of a configuration that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canonical import canonicalize, load_key
from connector.audit.records import parse_record
from connector.audit.redaction import EvidenceSealer, Redactor
from connector.audit.rendering import Scribe
from connector.server.registry_changes import Change, changes, key_changes
from tests.connector.settings.documents import KEY, OTHER_KEY, merchant, settings

if TYPE_CHECKING:
    from connector.settings.schema import Settings

ACME = "https://acme.example/.well-known/ucp"
THUMBPRINT, OTHER = load_key(KEY).thumbprint, load_key(OTHER_KEY).thumbprint
PINNED = {"profile": ACME, "keys": [KEY], "version": "2026-08-25"}


def registering(*platforms: dict[str, Any], **sections: Any) -> Settings:
    return settings(merchants=[merchant(platforms={"registered": list(platforms)})], **sections)


def registry(**details: Any) -> Change:
    told = {"merchant": "flower-shop", "profile": ACME, **details}
    return Change("registry_changed", told)


def test_nothing_is_told_where_nothing_changed() -> None:
    assert changes(registering(PINNED), registering(PINNED)) == []


def test_a_platform_that_came_or_went_is_told_with_its_keys() -> None:
    came = changes(registering(), registering(PINNED))
    assert came == [registry(change="registered", added=[THUMBPRINT])]
    went = changes(registering(PINNED), registering())
    assert went == [registry(change="removed", removed=[THUMBPRINT])]


def test_a_changed_pin_is_told_by_the_thumbprints() -> None:
    found = changes(registering(PINNED), registering(PINNED | {"keys": [OTHER_KEY]}))
    assert found == [
        registry(change="changed", added=[OTHER], removed=[THUMBPRINT], settings=["keys"])
    ]


def test_changed_terms_are_told_by_the_names_of_the_settings() -> None:
    found = changes(registering(PINNED), registering(PINNED | {"operations": ["get_order"]}))
    assert found == [registry(change="changed", settings=["operations"])]


def test_what_a_merchant_says_of_strangers_is_told_too() -> None:
    def serving(**platforms: Any) -> Settings:
        return settings(merchants=[merchant(platforms=platforms)])

    found = changes(serving(), serving(discovery="registered", signature_agent="same_as_ucp_agent"))
    told = {"change": "terms", "settings": ["discovery", "signature_agent"]}
    assert found == [Change("registry_changed", {"merchant": "flower-shop", **told})]


def test_revoked_keys_are_told_first() -> None:
    found = changes(
        registering(discovery={"revoked": [OTHER]}),
        registering(PINNED, discovery={"revoked": [THUMBPRINT]}),
    )
    assert found[:2] == [
        Change("revoked_changed", {"added": [THUMBPRINT]}),
        Change("revoked_changed", {"removed": [OTHER]}),
    ]


def test_of_very_many_changes_some_are_counted_only() -> None:
    many = [{"profile": f"https://p{number}.example/"} for number in range(300)]
    found = changes(registering(), registering(*many))
    assert len(found) == 257
    assert found[-1] == Change("registry_changed", {"change": "more", "count": 44})


def test_every_change_fits_into_a_record_of_the_log() -> None:
    keys = {f"{number:043d}" for number in range(1000)}
    revoked = changes(registering(), registering(discovery={"revoked": sorted(keys)}))
    told: list[Any] = [each.details["added"] for each in revoked]
    assert sum(map(len, told)) == 1000
    long = f"https://acme.example/{'x' * 1900}"
    both = {"merchant": "flower-shop", "profile": long[:1024], **key_changes(keys, {"k" * 43})}
    assert both["removed_count"] == 1000
    scribe = Scribe(Redactor("h1", bytes(32)), EvidenceSealer(None), "sha-256:AAAAAAAAAAAAAAAA")
    for action, details in [*revoked, Change("platform_keys_changed", both)]:
        record = scribe.other("administration", action=action, by="a test", details=details)
        assert canonicalize(record) == record
        parse_record(record)
