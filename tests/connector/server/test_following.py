"""A configuration that is followed while the process runs: whole, or as it was."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from canonical import load_key
from connector.server.following import FOLLOWED, OVERDUE, Followed, Following
from connector.server.standing_warnings import warnings_of
from connector.settings.loading import ConfigurationError
from connector.settings.merchants import MerchantPlatforms
from tests.connector.settings.documents import KEY, MERCHANT, OTHER_KEY
from tests.connector.settings.test_registrations import ACME, BETA, PINNED, put

if TYPE_CHECKING:
    from pathlib import Path

THUMBPRINT = load_key(KEY).thumbprint
OTHER = load_key(OTHER_KEY).thumbprint


class Site:
    """A configuration on disk, followed: ``taken`` is what came of each look."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "connector.yaml"
        self.platforms = folder / "platforms"
        self.platforms.mkdir()
        self.write()
        self.taken: list[Followed] = []
        self.now = 1000.0
        self.following = Following(self._path, {}, lambda: self.now)

    def write(self, merchant: dict[str, Any] | None = None, **sections: Any) -> None:
        one = MERCHANT | {"platforms": {"directory": "platforms"}} | (merchant or {})
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps({"merchants": [one], **sections}))
        new.replace(self._path)

    def write_text(self, text: str) -> None:
        self._path.write_text(text)

    def look(self, *, again: bool = False) -> Followed | None:
        """Return what was taken at this look; None where nothing was."""
        before = len(self.taken)
        asyncio.run(self.following.look(self.taken.append, again=again))
        assert len(self.taken) <= before + 1
        return self.taken[-1] if len(self.taken) > before else None

    def discovery(self) -> str:
        return self.following.settings.merchants[0].platforms.discovery

    def registered(self) -> list[str]:
        return [each.profile for each in self.following.settings.merchants[0].platforms.registered]


@pytest.fixture(name="site")
def fixture_site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_what_did_not_change_is_not_taken_again(site: Site) -> None:
    assert site.look() is None
    put(site.platforms, "acme.yaml", PINNED)
    assert site.look() is not None
    assert site.look() is None


def test_when_asked_the_files_are_read_though_they_look_the_same(site: Site) -> None:
    taken = site.look(again=True)
    assert taken is not None
    assert taken.changes == []


def test_a_new_file_registers_a_platform_with_its_terms_and_its_plan(site: Site) -> None:
    put(site.platforms, "acme.yaml", PINNED | {"operations": ["get_order"]})
    taken = site.look()
    assert taken is not None
    registered = taken.terms["flower-shop"].registered[ACME]
    assert registered.policy.operations == frozenset({"get_order"})
    assert registered.keys is not None
    assert [key.thumbprint for key in registered.keys] == [THUMBPRINT]
    assert list(taken.plans["flower-shop"]) == [ACME]
    assert site.registered() == [ACME]


def test_a_file_that_changed_or_went_is_followed(site: Site) -> None:
    put(site.platforms, "acme.yaml", PINNED)
    put(site.platforms, "beta.yaml", {"profile": BETA})
    site.look()
    put(site.platforms, "acme.yaml", PINNED | {"keys": [OTHER_KEY]})
    taken = site.look()
    assert taken is not None
    assert taken.changes[0].details["settings"] == ["keys"]
    (site.platforms / "acme.yaml").unlink()
    assert site.look() is not None
    assert site.registered() == [BETA]


def test_a_file_written_in_place_is_followed_too(site: Site) -> None:
    path = put(site.platforms, "acme.yaml", {"profile": ACME})
    site.look()
    path.write_text(json.dumps({"profile": BETA}))
    os.utime(path, (1, 1))
    assert site.look() is not None
    assert site.registered() == [BETA]


def test_revoked_keys_and_open_discovery_are_followed(site: Site) -> None:
    site.write(
        {"platforms": {"discovery": "registered", "discovered_operations": ["get_order"]}},
        discovery={"revoked": [THUMBPRINT]},
    )
    taken = site.look()
    assert taken is not None
    terms = taken.terms["flower-shop"]
    assert terms.revoked == {THUMBPRINT}
    assert not terms.discovery_open
    assert terms.discovered.operations == frozenset({"get_order"})
    assert taken.restart == ()


def test_everything_about_a_merchants_platforms_is_followed(site: Site) -> None:
    site.write({"platforms": {"signature_agent": "same_as_ucp_agent"}})
    taken = site.look()
    assert taken is not None
    assert taken.terms["flower-shop"].signature_agent is not None
    assert set(FOLLOWED) == MerchantPlatforms.model_fields.keys()


def test_what_only_a_restart_changes_is_named_once_and_stays_as_it_was(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    put(site.platforms, "acme.yaml", PINNED)
    site.write({"path_ids": "encoded"}, store={"timeout": "1s"})
    taken = site.look()
    assert taken is not None
    assert taken.restart == ("store.timeout", "merchants[0].path_ids")
    assert taken.settings.store.timeout == 0.25
    assert site.registered() == [ACME]
    put(site.platforms, "beta.yaml", {"profile": BETA})
    assert site.look() is not None
    told = [each.message for each in caplog.records if "restart" in each.message]
    assert told == [
        "changed, but in force only after a restart: store.timeout, merchants[0].path_ids"
    ]


def test_a_merchant_that_is_new_waits_for_a_restart(site: Site) -> None:
    site.write(discovery={"revoked": [THUMBPRINT]})
    document = json.loads((site.platforms.parent / "connector.yaml").read_text())
    new = MERCHANT | {"id": "second", "authorities": ["second.example"]}
    site.write_text(json.dumps({**document, "merchants": [*document["merchants"], new]}))
    taken = site.look()
    assert taken is not None
    assert taken.restart == ("merchants",)
    assert list(taken.terms) == ["flower-shop"]
    assert taken.terms["flower-shop"].revoked == {THUMBPRINT}


# Bad files


@pytest.mark.parametrize("bad", ["nonsense: true", "profile: [", ""])
def test_one_bad_file_leaves_everything_as_it_was(site: Site, bad: str) -> None:
    put(site.platforms, "acme.yaml", PINNED)
    site.look()
    (site.platforms / "bad.yaml").write_text(bad)
    put(site.platforms, "beta.yaml", {"profile": BETA})
    site.write({"platforms": {"directory": "platforms", "discovery": "registered"}})
    assert site.look() is None
    assert site.registered() == [ACME]
    assert site.discovery() == "open"
    (site.platforms / "bad.yaml").unlink()
    assert site.look() is not None
    assert site.registered() == [ACME, BETA]
    assert site.discovery() == "registered"


def revoke_beside_a_mistake(site: Site, where: str) -> None:
    """Revoke THUMBPRINT in a configuration that is not taken."""
    put(site.platforms, "beta.yaml", {"profile": BETA} | ({"bogus": 1} if where == "file" else {}))
    merchant = {"nonsense": True} if where == "settings" else {}
    revoked = [THUMBPRINT, "short"] if where == "list" else [THUMBPRINT]
    site.write(merchant, discovery={"revoked": revoked})


@pytest.mark.parametrize("where", ["file", "settings", "list"])
def test_keys_are_revoked_whatever_else_is_wrong(site: Site, where: str) -> None:
    put(site.platforms, "acme.yaml", PINNED)
    site.look()
    revoke_beside_a_mistake(site, where)
    taken = site.look()
    assert taken is not None
    assert taken.terms["flower-shop"].revoked == {THUMBPRINT}
    assert [*taken.terms["flower-shop"].registered] == [ACME]
    assert [(each.action, each.details) for each in taken.changes] == [
        ("revoked_changed", {"added": [THUMBPRINT]})
    ]
    assert site.registered() == [ACME]
    assert site.following.warning is not None
    assert site.look(again=True) is None


def test_beside_a_mistake_no_key_verifies_again(site: Site) -> None:
    site.write(discovery={"revoked": [OTHER]})
    site.look()
    revoke_beside_a_mistake(site, "file")
    taken = site.look()
    assert taken is not None
    assert taken.terms["flower-shop"].revoked == {THUMBPRINT, OTHER}
    (site.platforms / "beta.yaml").unlink()
    taken = site.look()
    assert taken is not None
    assert taken.terms["flower-shop"].revoked == {THUMBPRINT}
    assert site.following.warning is None


@pytest.mark.parametrize("discovery", [None, [], {"revoked": "all"}, {"revoked": [1, None, []]}])
def test_a_list_of_revoked_keys_that_makes_no_sense_revokes_nothing(
    site: Site, discovery: object
) -> None:
    site.write({"nonsense": True}, discovery=discovery)
    assert site.look() is None
    assert site.following.warning is not None


def test_a_bad_configuration_leaves_everything_as_it_was(site: Site) -> None:
    site.write({"nonsense": True})
    assert site.look() is None
    assert site.following.warning is not None
    assert "merchants[0].nonsense: unknown key" in site.following.warning


def test_a_bad_file_is_told_once_and_warned_of_until_it_is_good(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(site.platforms, "acme.yaml", {"profile": ACME, "colour": "red", "rates": 1})
    for _ in range(3):
        assert site.look(again=True) is None
    told = [each.message for each in caplog.records if str(path) in each.message]
    assert told == [f"{path}: rates: is not a mapping of settings", f"{path}: colour: unknown key"]
    assert site.following.warning == (
        "the configuration that was read before stays in force:"
        f" {path}: rates: is not a mapping of settings (and 1 more)"
    )
    put(site.platforms, "acme.yaml", PINNED)
    site.look()
    assert site.following.warning is None


def test_a_bad_file_that_did_not_change_is_not_read_at_every_look(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site.platforms, "acme.yaml", {})
    assert site.look() is None
    reads: list[int] = []
    monkeypatch.setattr(site.following, "_read", lambda: reads.append(1))
    assert site.look() is None
    assert reads == []


def test_a_folder_that_is_gone_changes_nothing_until_it_is_back(site: Site) -> None:
    put(site.platforms, "acme.yaml", PINNED)
    site.look()
    aside = site.platforms.rename(site.platforms.with_name("aside"))
    assert site.look() is None
    assert site.registered() == [ACME]
    put(aside, "beta.yaml", {"profile": BETA})
    aside.rename(site.platforms)
    assert site.look() is not None
    assert site.registered() == [ACME, BETA]


def test_a_folder_that_was_emptied_gives_nobody_wider_terms(site: Site) -> None:
    file = put(site.platforms, "acme.yaml", PINNED | {"operations": ["get_order"]})
    site.look()
    file.unlink()
    for _ in range(2):
        assert site.look(again=True) is None
        assert site.registered() == [ACME]
        assert site.following.warning is not None
        assert f"{site.platforms}: has no registrations any more" in site.following.warning
    put(site.platforms, "beta.yaml", {"profile": BETA})
    assert site.look() is not None
    assert site.registered() == [BETA]
    assert site.following.warning is None


def test_a_folder_that_the_settings_name_no_more_registers_nobody(site: Site) -> None:
    put(site.platforms, "acme.yaml", PINNED)
    site.look()
    site.write({"platforms": {}})
    assert site.look() is not None
    assert site.registered() == []


def test_a_folder_without_registrations_is_warned_of_as_long_as_it_has_none(site: Site) -> None:
    warning = f"merchant flower-shop: no platform is registered in {site.platforms}"
    assert warning in warnings_of(site.following.configuration)
    site.write(discovery={"revoked": [THUMBPRINT]})
    taken = site.look()
    assert taken is not None
    assert warning in taken.warnings
    put(site.platforms, "acme.yaml", PINNED)
    taken = site.look()
    assert taken is not None
    assert warning not in taken.warnings


def test_what_is_good_only_with_what_needs_a_restart_is_refused_whole(site: Site) -> None:
    extension = {"name": "fly", "method": "POST", "path": "/fly", "kind": "write"}
    put(site.platforms, "acme.yaml", {"profile": ACME, "operations": ["fly"]})
    site.write({"operations": [extension]})
    assert site.look() is None
    assert site.following.warning is not None
    assert "no operation is called 'fly', before a restart" in site.following.warning


def test_a_configuration_from_a_pipe_is_read_once_and_its_folders_are_followed(
    tmp_path: Path,
) -> None:
    (tmp_path / "platforms").mkdir()
    document = {"merchants": [MERCHANT | {"platforms": {"directory": str(tmp_path / "platforms")}}]}
    reading, writing = os.pipe()
    os.write(writing, json.dumps(document).encode())
    os.close(writing)
    following = Following(f"/dev/fd/{reading}", {})
    os.close(reading)
    taken: list[Followed] = []
    put(tmp_path / "platforms", "acme.yaml", PINNED)
    asyncio.run(following.look(taken.append))
    assert [*taken[0].terms["flower-shop"].registered] == [ACME]


def test_a_start_with_a_bad_registration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(json.dumps({"merchants": [MERCHANT | {"platforms": {"directory": "p"}}]}))
    put(tmp_path / "p", "acme.yaml", {})
    with pytest.raises(ConfigurationError, match=r"acme\.yaml: profile: is missing"):
        Following(path, {})


# The watch


def test_the_watch_looks_at_once_when_it_is_asked_to(site: Site) -> None:
    async def main() -> Followed:
        reload, done = asyncio.Event(), asyncio.Event()
        taken: list[Followed] = []

        def take(followed: Followed) -> None:
            taken.append(followed)
            done.set()

        watching = asyncio.create_task(site.following.watch(reload, take))
        reload.set()
        await asyncio.wait_for(done.wait(), 30)
        watching.cancel()
        return taken[0]

    put(site.platforms, "acme.yaml", PINNED)
    assert [*asyncio.run(main()).plans["flower-shop"]] == [ACME]


def test_a_configuration_that_became_a_pipe_is_not_waited_for(site: Site) -> None:
    path = site.platforms.with_name("connector.yaml")
    path.unlink()
    os.mkfifo(path)
    assert site.look() is None
    assert site.following.warning is not None
    assert f"{path}: is no file" in site.following.warning


def test_a_look_that_hangs_is_warned_of_until_it_is_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, release = site.following._look, threading.Event()

    async def main() -> list[str | None]:
        loop, reload = asyncio.get_running_loop(), asyncio.Event()
        hanging, taken = asyncio.Event(), asyncio.Event()

        def hang() -> Any:
            loop.call_soon_threadsafe(hanging.set)
            assert release.wait(30)
            return look()

        monkeypatch.setattr(site.following, "_look", hang)
        watching = asyncio.create_task(site.following.watch(reload, lambda _: taken.set()))
        reload.set()
        await asyncio.wait_for(hanging.wait(), 30)
        told = [site.following.warning]
        site.now += OVERDUE + 1
        told.append(site.following.warning)
        release.set()
        await asyncio.wait_for(taken.wait(), 30)
        told.append(site.following.warning)
        watching.cancel()
        return told

    before, overdue, after = asyncio.run(main())
    assert overdue is not None
    assert "could not be looked at for more than 10 s" in overdue
    assert (before, after) == (None, None)


def test_a_look_that_fails_is_told_once_and_does_not_end_the_watch(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    look, looks = site.following._look, iter([RuntimeError("ours"), RuntimeError("ours")])

    async def main() -> None:
        loop, reload = asyncio.get_running_loop(), asyncio.Event()
        taken = asyncio.Event()

        def fail_twice() -> Any:
            loop.call_soon_threadsafe(reload.set)
            for mistake in looks:
                raise mistake
            return look()

        monkeypatch.setattr(site.following, "_look", fail_twice)
        watching = asyncio.create_task(site.following.watch(reload, lambda _: taken.set()))
        reload.set()
        await asyncio.wait_for(taken.wait(), 30)
        watching.cancel()

    asyncio.run(main())
    assert caplog.text.count("the configuration could not be followed") == 1


def test_a_mistake_of_ours_is_told_and_does_not_end_the_watch(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        reload, twice = asyncio.Event(), asyncio.Event()
        asked: list[Followed] = []

        def take(followed: Followed) -> None:
            asked.append(followed)
            reload.set()
            if len(asked) == 2:
                twice.set()
            raise RuntimeError("a mistake of ours")

        watching = asyncio.create_task(site.following.watch(reload, take))
        reload.set()
        await asyncio.wait_for(twice.wait(), 30)
        watching.cancel()

    asyncio.run(main())
    assert "could not be followed" in caplog.text
    assert site.following.warning is not None
    assert site.following.warning.endswith("an unexpected error; see the log")
