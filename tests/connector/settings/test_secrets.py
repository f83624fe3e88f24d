"""No error, no repr and no dump shows a secret."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connector.settings.documents import PLATFORM, problems, registering, settings

SECRET = "hunter2hunter2"  # noqa: S105 - what must not be shown
GOOD = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI="


def test_secrets_are_hidden_in_what_is_printed() -> None:
    made = settings(
        store={"url": f"redis://:{SECRET}@store:6379/0", "encryption_keys": [GOOD]},
        audit={"evidence_key": GOOD},
        discovery={"fleet_key": GOOD.rstrip("=")},
    )
    shown = f"{made!r} {made} {made.store} {made.model_dump()} {made.model_dump_json()}"
    assert SECRET not in shown
    assert "c2VjcmV0" not in shown
    assert made.store.url.get_secret_value() == f"redis://:{SECRET}@store:6379/0"


@pytest.mark.parametrize(
    "document",
    [
        {"store": {"encryption_keys": [SECRET]}},
        {"store": {"encryption_keys": SECRET}},
        {"store": {"encryption_keys": {"a": SECRET}}},
        {"store": {"encryption_keys": [GOOD, GOOD]}},
        {"store": {"encryption_keys": [{"a": SECRET}]}},
        {"store": {"url": f"http://:{SECRET}@store"}},
        {"store": {"url": f"redis://:{SECRET} @store"}},
        {"store": {"url": [SECRET]}},
        {"audit": {"evidence_key": SECRET}},
        {"audit": {"evidence_key": GOOD + GOOD}},
        {"audit": {"evidence_key": [SECRET]}},
        {"discovery": {"fleet_key": SECRET}},
        {"discovery": {"fleet_key": 5}},
        {"admin": {"token_file": [SECRET]}},
        registering({**PLATFORM, "version": "2026-08-25", "keys": [{"kty": "oct", "k": SECRET}]}),
        registering(
            {
                **PLATFORM,
                "version": "2026-08-25",
                "keys": [{"kty": "OKP", "crv": "Ed25519", "x": GOOD[:43], "d": SECRET, "kid": "a"}],
            }
        ),
    ],
)
def test_an_error_about_a_secret_does_not_repeat_it(document: dict[str, Any]) -> None:
    told = "\n".join(problems(document))
    assert SECRET not in told
    assert GOOD not in told


def test_a_private_key_of_a_platform_is_refused() -> None:
    key = {"kty": "OKP", "crv": "Ed25519", "x": GOOD[:43], "d": GOOD[:43], "kid": "a"}
    (line,) = problems(registering({**PLATFORM, "version": "2026-08-25", "keys": [key]}))
    assert "keys[0]: is a private key" in line


@pytest.mark.parametrize(
    "url",
    [
        "embedded:",
        "redis://store:6379/0",
        "rediss://store",
        "unix:///run/store.sock",
        "redis+sentinel://a:1,b:2/main/0",
        "redis+cluster://a:1,b:2",
    ],
)
def test_every_kind_of_store_is_taken(url: str) -> None:
    assert settings(store={"url": url}).store.url.get_secret_value() == url


@pytest.mark.parametrize(
    "url", ["", "embedded", "embedded:x", "redis://", "redis:store", "memory:"]
)
def test_any_other_store_is_refused(url: str) -> None:
    (line,) = problems(store={"url": url})
    assert line.startswith("config.yaml: store.url: ")
