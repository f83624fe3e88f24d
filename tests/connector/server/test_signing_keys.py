"""The key files of a process: shared or not, made or read, and followed when they change."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any

import pytest

from connector.server.admissions import Admissions, open_client
from connector.server.build import build_discovery, build_lane
from connector.server.signing_keys import SigningKeys
from connector.settings.loading import settings_from
from connector.signing.key_document import KeyFileError, new_document, revoked
from connector.signing.key_file import change, create, load_keys
from connector.telemetry.metrics import Metrics
from tests.connector.signing.samples import NOW, Clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from connector.settings.schema import Settings
    from connector.signing.key_ring import SigningKey


def settings(folder: Path, *merchants: dict[str, Any]) -> Settings:
    listed = [
        {
            "id": f"m{number}",
            "authorities": [f"m{number}.example.com"],
            "upstream": {"url": "http://127.0.0.1:9"},
            **merchant,
        }
        for number, merchant in enumerate(merchants)
    ]
    return settings_from({"merchants": listed}, folder=folder)


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_merchants_share_a_file_or_have_their_own(tmp_path: Path) -> None:
    configured = settings(tmp_path, {}, {}, {"signing": {"keys": "own.json"}})
    keys = SigningKeys(configured, Clock())
    first, second, third = (keys.of(each) for each in configured.merchants)
    assert first is second
    assert first is not third
    assert names(tmp_path) == {"keys.json", "own.json"}
    assert {path.name for path in keys.made} == names(tmp_path)


def test_who_signs_nothing_needs_no_file(tmp_path: Path) -> None:
    configured = settings(tmp_path, {"responses": {"sign": False}})
    keys = SigningKeys(configured, Clock())
    assert keys.of(configured.merchants[0]) is None
    assert names(tmp_path) == set()


def test_a_file_that_is_there_is_used(tmp_path: Path) -> None:
    create(tmp_path / "keys.json", new_document(NOW, "ES384"))
    configured = settings(tmp_path, {})
    keys = SigningKeys(configured, Clock())
    found = keys.of(configured.merchants[0])
    assert keys.made == []
    assert found is not None
    signing = found.phase(NOW).signing
    assert signing is not None
    assert signing.algorithm == "ES384"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"keys": []}, "has no key that signs now"),
        (new_document(NOW + 10, "ES256"), "has no key that signs now"),
        ({"keys": [1]}, "is not an object"),
    ],
)
def test_a_file_without_a_usable_key_does_not_start(
    document: dict[str, Any], says: str, tmp_path: Path
) -> None:
    create(tmp_path / "keys.json", document)
    with pytest.raises(KeyFileError, match=says):
        SigningKeys(settings(tmp_path, {}), Clock())


class Watched:
    """The keys of one merchant, and the watch over them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keys.json"
        configured = settings(folder, {})
        self.keys = SigningKeys(configured, Clock())
        found = self.keys.of(configured.merchants[0])
        assert found is not None
        self.current = found

    def kid(self) -> str | None:
        signing = self.current.phase(NOW).signing
        return None if signing is None else signing.kid

    async def look(self) -> None:
        """Have the files read again, as a signal does."""
        for file in self.keys._files.values():
            await file.look(again=True)


def test_other_keys_are_followed(tmp_path: Path) -> None:
    async def follow() -> None:
        watched = Watched(tmp_path)
        create(tmp_path / "other.json", new_document(NOW, "ES256"))
        (other,) = load_keys(tmp_path / "other.json")
        (tmp_path / "other.json").replace(watched.path)
        assert watched.kid() != other.kid
        await watched.look()
        assert watched.kid() == other.kid

    asyncio.run(follow())


@pytest.mark.parametrize("told", [False, True])
def test_a_change_is_found_without_being_told_and_with(told: bool, tmp_path: Path) -> None:  # noqa: FBT001 - data
    async def follow() -> None:
        watched = Watched(tmp_path)
        before = watched.kid()
        change(watched.path, lambda document: revoked(document, str(before), NOW)[0])
        found = asyncio.Event()
        replace = watched.current.replace

        def replaced(keys: Sequence[SigningKey]) -> None:
            replace(keys)
            found.set()

        watched.current.replace = replaced  # type: ignore[method-assign]  # to hear of it
        reload = asyncio.Event()
        if told:
            reload.set()
        task = asyncio.create_task(watched.keys.watch(reload))
        async with asyncio.timeout(30):
            await found.wait()
        task.cancel()
        assert watched.kid() != before
        assert not reload.is_set()

    asyncio.run(follow())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"{"),
        lambda path: path.chmod(0o644),
        lambda path: path.unlink(),
    ],
    ids=["malformed", "others may read it", "gone"],
)
def test_a_bad_file_leaves_the_keys_that_were_read_and_says_so(
    spoil: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def follow() -> None:
        watched = Watched(tmp_path)
        before = watched.kid()
        spoil(watched.path)
        with caplog.at_level(logging.WARNING):
            await watched.look()
        assert watched.kid() == before

    asyncio.run(follow())
    assert caplog.records
    assert all("stay in use" in record.getMessage() for record in caplog.records)


def test_a_bad_file_is_told_once_until_it_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def follow() -> None:
        watched = Watched(tmp_path)
        (file,) = watched.keys._files.values()
        watched.path.write_bytes(b"{")
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                await file.look(again=False)
            os.utime(watched.path, ns=(1, 1))
            await file.look(again=False)

    asyncio.run(follow())
    assert len(caplog.records) == 2


def test_revocation_counts_even_where_it_leaves_no_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def follow() -> None:
        watched = Watched(tmp_path)

        def withdraw(document: dict[str, Any]) -> dict[str, Any]:
            return {"keys": [entry | {"revoked": NOW} for entry in document["keys"]]}

        change(watched.path, withdraw)
        with caplog.at_level(logging.ERROR):
            await watched.look()
        assert watched.kid() is None

    asyncio.run(follow())
    assert "no key that signs now" in caplog.text


def test_a_lane_signs_and_publishes_as_its_merchant_wants(tmp_path: Path) -> None:
    configured = settings(tmp_path, {}, {"responses": {"sign": False}})
    keys = SigningKeys(configured, Clock())
    discovery = build_discovery(configured, Clock())
    admissions = Admissions(configured, open_client(configured.store), Metrics())
    signing, silent = (
        build_lane(configured, each, discovery, admissions, keys.of(each))
        for each in configured.merchants
    )
    assert signing.answers is not None
    assert silent.answers is None
