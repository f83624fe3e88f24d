"""Where the audit log cannot be written, nothing is sent; once it can, it goes on, and is whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.end_to_end import audit_log
from tests.end_to_end.gateway import (
    PATIENCE,
    RunningGateway,
    configuration,
    running_gateway,
    start,
)
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Platform
from tests.end_to_end.raw_server import RawServer, Seen, Visit, answer
from tests.end_to_end.refusals import check_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.end_to_end.client import Answer
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Draft

BODY: Final = b'{"line_items": []}'
KIBIBYTE: Final = 1 << 10
MEBIBYTE: Final = 1 << 20
OBSERVED: Final = "observed.example.com"
TORN: Final = 100
"""Octets of a line that still fit: fewer than any has."""
ERRORS: Final = ("the audit log cannot be written", "are left on the disk of the audit log")
"""Logged as errors, as they should be."""


@pytest.fixture
def shop(merchant: Merchant, platform: Platform) -> dict[str, Any]:
    merchant.script[CHECKOUTS] = answer(b'{"id": "chk_1"}', "201 Created")
    return merchant.settings(platforms={"registered": [platform.registration()]})


class _Scene:
    """A gateway, all that it was asked, and what it said."""

    def __init__(
        self, gateway: RunningGateway, home: Path, merchant: Merchant, platform: Platform
    ) -> None:
        self.gateway = gateway
        self.folder = audit_log.folder_of(home)
        self.merchant = merchant
        self._home = home
        self._platform = platform
        self._accepted: list[Answer] = []
        self._refused: list[Answer] = []

    @property
    def segment(self) -> Path:
        (found,) = (self.folder / "segments").glob("*.log")
        return found

    @property
    def written(self) -> int:
        """How long the segment is without the zeros behind its last line."""
        return len(self.segment.read_bytes().rstrip(b"\0"))

    def write(self) -> Draft:
        return self._platform.signed("POST", CHECKOUTS, BODY)

    def accepted(self, draft: Draft | None = None) -> Answer:
        """Ask what must be answered, as the merchant does, under the id that the merchant saw."""
        before = len(self.merchant.requests)
        answered = self.gateway.ask((draft or self.write()).wire())
        assert (answered.status, answered.body) == (201, b'{"id": "chk_1"}')
        (seen,) = self.merchant.requests[before:]
        assert seen.values("Audit-ID") == [answered.value("Audit-ID")]
        self._accepted.append(answered)
        return answered

    def replayed(self, draft: Draft) -> None:
        """Ask what was answered before; the merchant hears nothing of it."""
        before = len(self.merchant.requests)
        answered = self.gateway.ask(draft.wire())
        assert answered.values("Idempotent-Replayed") == ["true"]
        assert len(self.merchant.requests) == before
        self._accepted.append(answered)

    def refused(self, draft: Draft | None = None) -> None:
        """Ask what must be refused, and never reach the merchant."""
        before = len(self.merchant.requests)
        answered = self.gateway.ask((draft or self.write()).wire())
        check_refusal(answered, "audit_unavailable")
        self.gateway.expect_decision(answered, decision="reject", reason="audit_unavailable")
        assert len(self.merchant.requests) == before
        self._refused.append(answered)

    def not_ready(self, reason: str) -> None:
        """Look at what the operator is told; the gateway says so without being asked anything."""
        while (ready := self.gateway.admin("/readyz")).status == 200:
            pass
        assert [each for each in ready.document()["reasons"] if reason in each]

    def up(self) -> bool:
        metrics = self.gateway.admin("/metrics").body.decode()
        assert metrics.count("\nucp_connector_audit_up ") == 1
        return "\nucp_connector_audit_up 1.0\n" in metrics

    def lasting(
        self, begin: Callable[[], object], end: Callable[[], object], *, reason: str
    ) -> None:
        """Have the log fail until it is mended, which the gateway finds out by itself."""
        done, failing = self.write(), self.write()
        self.accepted(done)
        assert self.up()
        begin()
        self.refused(failing)
        self.refused(self._platform.signed(target=f"{ORDERS}/1"))
        self.refused(self._platform.draft(target=f"{ORDERS}/1").put("Host", OBSERVED))
        self.not_ready(reason)
        assert not self.up()
        self.refused(failing)
        self.replayed(done)
        end()
        self.gateway.await_ready()
        assert self.up()
        # The claim was given back: the same key is good for the one execution.
        self.accepted(failing)
        self.replayed(failing)
        self.accepted()

    def check(self) -> None:
        """Look at the log, once the gateway has ended: all is there that was answered."""
        found = audit_log.whole(self._home)
        by_id: dict[str, list[audit_log.Record]] = {}
        for each in found:
            by_id.setdefault(each.get("audit_id", ""), []).append(each)
        for answered in self._accepted:
            received, completed = by_id[answered.value("Audit-ID")]
            assert received["type"] == "received"
            assert completed["status"] == answered.status
            assert completed["outcome"] == "answered"
        for answered in self._refused:
            told = by_id[answered.value("Audit-ID")]
            assert (told[-1]["status"], told[-1]["code"]) == (503, "audit_unavailable")
            # Where it came to the disk after all, it says that it was not sent.
            assert told[-1].get("outcome") == ("not_sent" if len(told) > 1 else None)
        sent = [seen.values("Audit-ID") for seen in self.merchant.requests]
        assert all(by_id[audit_id][0]["type"] == "received" for (audit_id,) in sent)


@contextlib.contextmanager
def _scene(
    home: Path,
    merchant: Merchant,
    platform: Platform,
    shop: dict[str, Any],
    *,
    under: list[str] | None = None,
    **audit: Any,
) -> Iterator[_Scene]:
    observed = {
        **shop,
        "id": "observed",
        "authorities": [OBSERVED],
        "enforcement": {"signatures": "insecure_observe"},
    }
    settings = configuration(
        shop, observed, audit=audit, discovery={"insecure_allow_loopback_profiles": True}
    )
    with running_gateway(home, settings, errors=ERRORS, under=under or []) as gateway:
        scene = _Scene(gateway, home, merchant, platform)
        yield scene
    scene.check()


# A quota


_needs_prlimit = pytest.mark.skipif(
    sys.platform != "linux", reason="another process's limits can be set on Linux only"
)


@_needs_prlimit
def test_behind_a_quota_nothing_is_sent_until_there_is_more(
    shop: dict[str, Any], merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    with _scene(tmp_path, merchant, platform, shop) as scene:
        scene.lasting(
            lambda: audit_log.limit_files(scene.gateway, 0),
            lambda: audit_log.limit_files(scene.gateway, None),
            reason="the audit log cannot be written: File too large",
        )


@_needs_prlimit
def test_a_line_of_which_a_part_was_written_is_written_again(
    shop: dict[str, Any], merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    with _scene(tmp_path, merchant, platform, shop) as scene:
        done = scene.accepted()
        # Once what became of it stands there, too, nothing else comes.
        audit_log.of(tmp_path, done.value("Audit-ID"))
        scene.lasting(
            lambda: audit_log.limit_files(scene.gateway, scene.written + TORN),
            lambda: audit_log.limit_files(scene.gateway, None),
            reason="the audit log cannot be written: File too large",
        )
    abandoned = [
        each for each in audit_log.records(tmp_path) if each.get("action") == "segment_abandoned"
    ]
    assert len(abandoned) == 1
    assert abandoned[0]["details"]["segment"] == 0


@_needs_prlimit
def test_a_process_that_dies_over_half_a_line_leaves_a_log_that_goes_on(
    shop: dict[str, Any], merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    settings = configuration(shop)
    with start(tmp_path, settings) as process:
        first = RunningGateway(process)
        before = _Scene(first, tmp_path, merchant, platform)
        done, failing = before.write(), before.write()
        answered = before.accepted(done)
        audit_log.of(tmp_path, answered.value("Audit-ID"))
        audit_log.limit_files(first, before.written + TORN)
        before.refused(failing)
        before.not_ready("the audit log cannot be written")
        process.kill()
        first.wait()
    with _scene(tmp_path, merchant, platform, shop) as scene:
        scene.replayed(done)
        scene.accepted(failing)
    found = audit_log.records(tmp_path)
    opened = [each for each in found if each["type"] == "opened"]
    assert [each.get("torn") for each in opened] == [None, TORN]
    mine = [each["type"] for each in found if each.get("audit_id") == answered.value("Audit-ID")]
    assert mine == ["received", "completed"]


# Files and folders


def test_without_its_folder_nothing_is_sent_until_it_is_back(
    shop: dict[str, Any], merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    with _scene(tmp_path, merchant, platform, shop) as scene:
        segments, away = scene.folder / "segments", tmp_path / "away"
        scene.lasting(
            lambda: segments.rename(away),
            lambda: away.rename(segments),
            reason="the audit log cannot be written",
        )


def _without_privileges() -> list[str]:
    """Return the command under which root, too, may do what the modes of files let it do."""
    if os.getuid() != 0:
        return []
    command = shutil.which("setpriv")
    if command is None:
        pytest.skip("root may write everywhere, and there is no setpriv to take that away")
    taken = "-dac_override,-dac_read_search"
    return [command, f"--inh-caps={taken}", f"--bounding-set={taken}"]


def test_without_permission_nothing_is_sent_until_it_is_given(
    shop: dict[str, Any], merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    with _scene(tmp_path, merchant, platform, shop, under=_without_privileges()) as scene:
        segments = scene.folder / "segments"
        scene.lasting(
            lambda: segments.chmod(0o000),
            lambda: segments.chmod(0o700),
            reason="the audit log cannot be written: Permission denied",
        )


def _unlink(segment: Path) -> None:
    segment.unlink()


def _rename(segment: Path) -> None:
    segment.rename(segment.with_suffix(".old"))


def _replace(segment: Path) -> None:
    copy = segment.with_suffix(".copy")
    shutil.copy(segment, copy)
    copy.replace(segment)


def _link(segment: Path) -> None:
    old = segment.with_suffix(".old")
    segment.rename(old)
    segment.symlink_to(old)


TAKEN: Final = {"removed": _unlink, "renamed": _rename, "replaced": _replace, "a link": _link}


def test_a_segment_that_is_not_ours_any_more_costs_one_request_and_no_record(
    shop: dict[str, Any], merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    with _scene(tmp_path, merchant, platform, shop) as scene:
        for take in TAKEN.values():
            scene.accepted()
            failing = scene.write()
            take(scene.segment)
            scene.refused(failing)
            # Nobody mends it: the gateway writes all of it again, to a file of its own.
            scene.gateway.await_ready()
            scene.accepted(failing)
            for left in (*scene.folder.glob("segments/*.old"), *scene.folder.glob("*.copy")):
                left.unlink()


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Return what mounts a disk of so many octets where the audit log is going to be."""
    folder = tmp_path / "audit"
    mounted = False

    def mount(octets: int) -> Path:
        nonlocal mounted
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={octets},mode=700", "tmpfs", str(folder)]
        try:
            done = subprocess.run(  # noqa: S603 - our own words, and a path of the test's
                command, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            pytest.skip("there is no mount(8) here")
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        mounted = True
        return folder

    yield mount
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607 - see above


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4 * KIBIBYTE))


def test_on_a_full_disk_nothing_is_sent_until_there_is_room(
    shop: dict[str, Any],
    merchant: Merchant,
    platform: Platform,
    tmp_path: Path,
    small_disk: Callable[[int], Path],
) -> None:
    filler = small_disk(2 * MEBIBYTE) / "filler"

    def fill() -> None:
        # The page that the segment ends in has room for some records.
        _fill(filler)
        while scene.gateway.ask(platform.signed(target=f"{ORDERS}/1").wire()).status == 200:
            pass

    with _scene(tmp_path, merchant, platform, shop, reserve=0) as scene:
        scene.lasting(
            fill, filler.unlink, reason="the audit log cannot be written: No space left on device"
        )


def test_while_there_is_no_reserve_what_was_sent_is_closed_and_nothing_else_is_sent(
    shop: dict[str, Any],
    merchant: Merchant,
    platform: Platform,
    tmp_path: Path,
    small_disk: Callable[[int], Path],
) -> None:
    filler = small_disk(4 * MEBIBYTE) / "filler"
    released = threading.Event()

    def slow(visit: Visit, seen: Seen) -> None:
        assert released.wait(PATIENCE)
        answer(b'{"id": "chk_1"}')(visit, seen)

    merchant.script[f"{CHECKOUTS}/slow"] = slow
    with _scene(tmp_path, merchant, platform, shop, reserve=2 * MEBIBYTE) as scene:
        with scene.gateway.connect() as connection:
            running = platform.signed("PUT", f"{CHECKOUTS}/slow", BODY)
            connection.send(running.wire())
            merchant.await_requests(1)
            failing = scene.write()
            filler.write_bytes(bytes(3 * MEBIBYTE))
            scene.not_ready("are left on the disk of the audit log")
            scene.refused(failing)
            scene.refused()
            released.set()
            answered = connection.answer()
            assert answered.status == 200
            _, completed = audit_log.of(tmp_path, answered.value("Audit-ID"))
            assert (completed["outcome"], completed["status"]) == ("answered", 200)
        filler.unlink()
        scene.gateway.await_ready()
        scene.accepted(failing)


# A part of it for those whom nobody knows


def test_who_is_not_registered_is_refused_where_their_part_of_the_log_is_full(
    shop: dict[str, Any], merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    with (
        RawServer() as profiles,
        _scene(tmp_path, merchant, platform, shop, discovered_daily=4 * KIBIBYTE) as scene,
    ):
        stranger = Platform(f"{profiles.origin}/.well-known/ucp")
        profiles.default = answer(stranger.profile())
        while (answered := scene.gateway.ask(stranger.signed().wire())).status == 200:
            pass
        before = len(merchant.requests)
        assert 0 < before < 4 * KIBIBYTE // 500
        check_refusal(answered, "rate_limited")
        scene.gateway.expect_decision(answered, decision="reject", reason="audit_budget")
        (denied,) = audit_log.of(tmp_path, answered.value("Audit-ID"), 1)
        assert (denied["type"], denied["reason"]) == ("denied", "audit_budget")
        assert denied["caller"]["tier"] == "discovered"
        write = scene.gateway.ask(stranger.signed("POST", CHECKOUTS, BODY).wire())
        check_refusal(write, "rate_limited")
        assert len(merchant.requests) == before
        # Those who are registered notice nothing.
        scene.accepted()
        assert scene.gateway.admin("/readyz").status == 200
