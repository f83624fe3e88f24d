"""The log on real files: on disk before anybody goes on, whole after any end, and signed."""

from __future__ import annotations

import asyncio
import errno
import json
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connector.audit import evidence, writer
from connector.audit.blocks import BLOCK
from connector.audit.checkpoint import Checkpoint, NoteSigner, NoteVerifier, open_note
from connector.audit.disk import Disk
from connector.audit.errors import AuditLogError, AuditUnavailable
from connector.audit.log import AuditLog
from connector.audit.segment import FOLDER, first_of, read_lines, segment_name
from connector.audit.tiles import ENTRIES, WIDTH, entries_of, tile_path
from connector.audit.tree import leaf_hash, root
from tests.connector.audit.test_tree import reader
from tests.connector.moved_time import until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from connector.audit.writer import Abandoned

ORIGIN: Final = "shop-1/0"
SIGNER: Final = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"s" * 32))
VERIFIERS: Final = [NoteVerifier.parse(SIGNER.vkey)]
LAST: Final = b'{"type":"closed"}'


def received(number: int) -> bytes:
    return json.dumps({"audit_id": f"id-{number}", "merchant": "m", "type": "received"}).encode()


def completed(number: int) -> bytes:
    return json.dumps({"audit_id": f"id-{number}", "type": "completed"}).encode()


def resumed(abandoned: Abandoned, reason: str) -> bytes:
    return json.dumps(
        {"action": "segment_abandoned", "segment": abandoned.segment, "reason": reason}
    ).encode()


def log_in(folder: Path, disk: Disk | None = None, **options: Any) -> AuditLog:
    options.setdefault("timeout", 15.0)  # seconds: tests share the machine's disk
    return AuditLog(folder, ORIGIN, [SIGNER], resumed=resumed, disk=disk, **options)


def with_log(
    folder: Path,
    act: Callable[[AuditLog], Coroutine[Any, Any, Any]],
    disk: Disk | None = None,
    **options: Any,
) -> Any:
    async def main() -> Any:
        log = log_in(folder, disk, **options)
        log.open(VERIFIERS)
        found = await act(log)
        assert await log.aclose(LAST, 10.0)
        return found

    return asyncio.run(main())


def entries_in(folder: Path) -> list[bytes]:
    """Return all records: of the bundles first, then of the segments, which must agree."""
    found: list[bytes] = []
    while (path := folder / tile_path(ENTRIES, len(found) // WIDTH)).exists():
        found += entries_of(path.read_bytes())
    for path in sorted((folder / FOLDER).iterdir()):
        first = first_of(path.name)
        assert first is not None
        lines = read_lines(path.read_bytes(), first)
        for index, entry in enumerate(lines.entries, first):
            assert index <= len(found)
            if index < len(found):
                assert found[index] == entry
            else:
                found.append(entry)
    return found


def check_signed(folder: Path) -> list[bytes]:
    """Hold the checkpoint against all records, and return those."""
    entries = entries_in(folder)
    note = open_note((folder / evidence.CHECKPOINT).read_text(), VERIFIERS)
    assert Checkpoint.parse(note) == Checkpoint(
        ORIGIN, len(entries), root(len(entries), reader(entries))
    )
    return entries


def test_a_segment_has_room_while_it_is_written_and_none_behind(tmp_path: Path) -> None:
    roomy: list[bool] = []

    async def act(log: AuditLog) -> None:
        for number in range(40):
            await log.append(bytes(b"%d" % number) * 4000)
            (segment,) = (tmp_path / FOLDER).iterdir()
            octets = segment.read_bytes()
            lines = read_lines(octets, 0)
            assert (len(lines.entries), lines.fault) == (number + 1, None)
            assert len(octets) > lines.octets
            roomy.append(_has_room(tmp_path))

    with_log(tmp_path, act, Spacious(tmp_path))
    assert roomy.count(True) > roomy.count(False)
    (segment,) = (tmp_path / FOLDER).iterdir()
    assert segment.read_bytes().endswith(LAST + b"\n")


def _has_room(folder: Path) -> bool:
    """Whether there are more zeros than those that fill the last block."""
    octets = max((folder / FOLDER).iterdir()).read_bytes()
    return len(octets) - len(octets.rstrip(b"\0")) >= BLOCK


@pytest.mark.parametrize("free", [0, writer.LEAST_FREE])
def test_where_the_disk_is_low_none_is_taken_for_room(tmp_path: Path, free: int) -> None:
    async def act(log: AuditLog) -> None:
        await log.append(received(1))
        assert not _has_room(tmp_path)

    with_log(tmp_path, act, Spacious(tmp_path, free))


def test_behind_a_segment_that_failed_none_is_taken_for_room(tmp_path: Path) -> None:
    class Once(Spacious):
        failed = False

        def write(self, descriptor: int, octets: bytes, room: int = 0) -> int:
            if room and not self.failed:
                self.failed = True
                raise OSError(errno.EDQUOT, "it would fit without")
            return super().write(descriptor, octets, room)

    async def act(log: AuditLog) -> None:
        with pytest.raises(AuditUnavailable):
            await log.append(received(1))
        await well_again(log)
        await log.append(received(2))
        assert not _has_room(tmp_path)

    with_log(tmp_path, act, Once(tmp_path))


def test_room_is_made_while_nobody_waits(tmp_path: Path) -> None:
    waited_for: list[int] = []
    made: list[int] = []

    class Watched(Spacious):
        def write(self, descriptor: int, octets: bytes, room: int = 0) -> int:
            waited_for.append(room)
            return super().write(descriptor, octets, room)

        def extend(self, descriptor: int, room: int) -> int:
            made.append(room)
            return super().extend(descriptor, room)

    async def act(log: AuditLog) -> None:
        for number in range(240):
            await log.append((b"%d" % (number % 10)) * (writer.ROOM // 32))

    with_log(tmp_path, act, Watched(tmp_path))
    # But for the segment's first batch, which has to be waited for.
    assert waited_for == [writer.ROOM] + [0] * (len(waited_for) - 1)
    assert made == [writer.ROOM] * 7


def test_where_room_cannot_be_made_the_log_goes_on_without(tmp_path: Path) -> None:
    asked: list[int] = []

    class Never(Spacious):
        def extend(self, descriptor: int, room: int) -> int:
            asked.append(room)
            raise OSError(errno.EIO, "not there", str(descriptor))

    async def act(log: AuditLog) -> None:
        for number in range(60):
            await log.append(received(number) + b"x" * (writer.ROOM // 40))
        assert log.failures == 0
        assert not _has_room(tmp_path)

    with_log(tmp_path, act, Never(tmp_path))
    assert len(asked) == 1
    assert len(check_signed(tmp_path)) == 61


def test_who_waits_is_let_go_before_evidence_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    wake = evidence.Evidence.wake

    def woken(self: evidence.Evidence) -> None:
        order.append("woken")
        wake(self)

    monkeypatch.setattr(evidence.Evidence, "wake", woken)

    async def act(log: AuditLog) -> None:
        waiters = [log.append(received(number)) for number in range(WIDTH)]
        waiters[-1].add_done_callback(lambda _: order.append("let go"))
        await waiters[-1]
        await asyncio.sleep(0)
        assert order[-2:] == ["let go", "woken"]

    with_log(tmp_path, act)


def test_no_room_is_put_behind_a_batch_that_would_soon_fill_it(tmp_path: Path) -> None:
    async def act(log: AuditLog) -> None:
        waiting = [log.append(bytes(b"x" * 8000)) for _ in range(10)]
        await asyncio.gather(*waiting)
        assert not _has_room(tmp_path)
        (segment,) = (tmp_path / FOLDER).iterdir()
        assert segment.stat().st_size > writer.ROOM // 4

    with_log(tmp_path, act, Spacious(tmp_path))


def test_room_that_a_process_left_behind_is_cut_off_and_is_nothing_torn(tmp_path: Path) -> None:
    with_log(tmp_path, _append_one)
    (segment,) = (tmp_path / FOLDER).iterdir()
    whole = segment.read_bytes()
    segment.write_bytes(whole + bytes(5000))

    async def main() -> None:
        log = log_in(tmp_path)
        assert log.open(VERIFIERS).torn == []
        assert await log.aclose(LAST, 10.0)

    asyncio.run(main())
    assert segment.read_bytes().startswith(whole)
    assert check_signed(tmp_path) == [received(1), LAST, LAST]


class Spacious(Disk):
    """A disk of which so many octets are free, whatever machine the tests run on."""

    def __init__(self, folder: Path, free: int = 1 << 40) -> None:
        super().__init__(folder)
        self._free = free

    def space(self) -> tuple[int, int]:
        return self._free, 1 << 41


def test_a_record_is_on_disk_when_its_request_goes_on(tmp_path: Path) -> None:
    async def act(log: AuditLog) -> None:
        for number in range(5):
            await log.append(received(number), f"id-{number}")
            assert entries_in(tmp_path)[-1] == received(number)
            log.note(completed(number), closes=f"id-{number}")

    with_log(tmp_path, act)
    assert check_signed(tmp_path) == [
        *(each(number) for number in range(5) for each in (received, completed)),
        LAST,
    ]


def test_records_that_come_together_share_a_sync(tmp_path: Path) -> None:
    async def act(log: AuditLog) -> int:
        await asyncio.gather(*(log.append(received(number)) for number in range(200)))
        return log.commits

    assert with_log(tmp_path, act) <= 3
    assert len(check_signed(tmp_path)) == 201


@pytest.mark.parametrize("count", [1, 255, 256, 257, 700])
def test_a_log_goes_on_where_it_ended(tmp_path: Path, count: int) -> None:
    async def act(log: AuditLog) -> None:
        await asyncio.gather(*(log.append(received(number)) for number in range(count)))

    for times in range(1, 4):
        with_log(tmp_path, act)
        assert len(check_signed(tmp_path)) == times * (count + 1)


def test_full_segments_are_removed_once_their_records_are_in_bundles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_RECORDS", 300)
    monkeypatch.setattr(evidence, "_SETTLE", 512)

    async def act(log: AuditLog) -> None:
        await log.append(received(0), "id-0")
        for _ in range(30):
            await asyncio.gather(*(log.append(received(1)) for _ in range(100)))
        await until(lambda: not log.behind)
        kept = {first_of(path.name) for path in (tmp_path / FOLDER).iterdir()}
        assert 0 in kept, "its request is open"
        log.note(completed(0), closes="id-0")
        for _ in range(20):
            await asyncio.gather(*(log.append(received(1)) for _ in range(100)))
        await until(lambda: not log.behind)
        assert min(map(str, (tmp_path / FOLDER).iterdir())) > str(tmp_path / FOLDER / f"{512:020d}")

    with_log(tmp_path, act)
    assert len(check_signed(tmp_path)) == 5003
    with_log(tmp_path, lambda log: asyncio.sleep(0, log))
    assert len(check_signed(tmp_path)) == 5004


def test_what_was_not_closed_is_told_of_at_the_next_start(tmp_path: Path) -> None:
    async def act(log: AuditLog) -> None:
        for number in range(3):
            await log.append(received(number), f"id-{number}")
        log.note(completed(1), closes="id-1")

    with_log(tmp_path, act)

    async def again() -> list[str]:
        log = log_in(tmp_path)
        found = log.open(VERIFIERS)
        await log.aclose(LAST, 10.0)
        return [orphan.audit_id for orphan in found.orphans]

    assert asyncio.run(again()) == ["id-0", "id-2"]


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_torn_tail_is_cut_off_and_told_of(tmp_path: Path, cut: int) -> None:
    async def act(log: AuditLog) -> None:
        await asyncio.gather(*(log.append(received(number)) for number in range(3)))

    with_log(tmp_path, act)
    (segment,) = (tmp_path / FOLDER).iterdir()
    (tmp_path / evidence.CHECKPOINT).unlink()
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-cut])

    async def again() -> list[int]:
        log = log_in(tmp_path)
        found = log.open(VERIFIERS)
        await log.aclose(LAST, 10.0)
        return [torn.octets for torn in found.torn]

    (octets,) = asyncio.run(again())
    assert 0 < octets < len(whole)
    assert set(check_signed(tmp_path)) <= {LAST, *map(received, range(3))}


def test_lost_tiles_are_made_again_from_the_segments(tmp_path: Path) -> None:
    async def act(log: AuditLog) -> None:
        await asyncio.gather(*(log.append(received(number)) for number in range(600)))

    with_log(tmp_path, act)
    for path in (tmp_path / "tile").rglob("*"):
        if path.is_file():
            path.unlink()
    with_log(tmp_path, act)
    assert len(check_signed(tmp_path)) == 1202
    assert (tmp_path / tile_path(0, 0)).read_bytes() == b"".join(
        map(leaf_hash, entries_in(tmp_path)[:WIDTH])
    )


def test_a_log_that_is_not_what_its_checkpoint_says_is_not_gone_on_with(tmp_path: Path) -> None:
    async def act(log: AuditLog) -> None:
        await asyncio.gather(*(log.append(received(number)) for number in range(3)))

    with_log(tmp_path, act)
    (segment,) = (tmp_path / FOLDER).iterdir()
    whole = segment.read_bytes()
    segment.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1])
    with pytest.raises(AuditLogError, match="has 3 records, and its checkpoint says 4"):
        with_log(tmp_path, act)


def test_a_log_of_another_origin_or_key_is_not_gone_on_with(tmp_path: Path) -> None:
    with_log(tmp_path, _append_one)
    other = NoteSigner("shop-2/0", SIGNER.key)

    async def as_another() -> None:
        log = AuditLog(tmp_path, "shop-2/0", [other], resumed=resumed, timeout=15.0)
        log.open([NoteVerifier.parse(other.vkey)])

    with pytest.raises(AuditLogError, match="is not ours"):
        asyncio.run(as_another())


def test_one_process_writes_a_log(tmp_path: Path) -> None:
    async def act(_: AuditLog) -> None:
        with pytest.raises(AuditLogError, match="in use by another gateway"):
            log_in(tmp_path).open(VERIFIERS)

    with_log(tmp_path, act)


def test_old_segments_are_removed_where_little_happens_too(tmp_path: Path) -> None:
    passed = 0.0

    async def act(log: AuditLog) -> None:
        nonlocal passed
        await asyncio.gather(*(log.append(received(1)) for _ in range(300)))
        passed += 86_400.0
        # It is the last one of its segment, which is too old; the next one begins another.
        await log.append(received(1))
        await log.append(received(1))
        await until(lambda: not (tmp_path / FOLDER / segment_name(0)).exists())
        assert (tmp_path / FOLDER / segment_name(256)).exists()

    with_log(tmp_path, act, clock=lambda: time.monotonic() + passed)
    assert len(check_signed(tmp_path)) == 303


# A disk that fails


class Failing(Disk):
    """A disk on which one kind of call fails, for as long as it is told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fails: str | None = None
        self.number = errno.EIO
        self.short = 0

    def _maybe(self, call: str) -> None:
        if self.fails == call:
            raise OSError(self.number, "it fails", call)

    def create(self, path: str, *, durable: bool) -> int:
        self._maybe("create")
        return super().create(path, durable=durable)

    def publish(self, path: str) -> None:
        self._maybe("publish")
        super().publish(path)

    def write(self, descriptor: int, octets: bytes, room: int = 0) -> int:
        if self.fails == "write" and self.short:
            super().write(descriptor, octets[: self.short])
        self._maybe("write")
        beyond = super().write(descriptor, octets, room)
        self._maybe("sync")
        return beyond

    def put(self, path: str, octets: bytes) -> None:
        self._maybe("put")
        super().put(path, octets)


async def _append_one(log: AuditLog) -> None:
    await log.append(received(1))


async def well_again(log: AuditLog) -> None:
    await until(lambda: log.problem is None)


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize(
    ("call", "number", "short"),
    [
        ("write", errno.ENOSPC, 0),
        ("write", errno.ENOSPC, 30),
        ("write", errno.EROFS, 0),
        ("sync", errno.EIO, 0),
        ("create", errno.EMFILE, 0),
        ("publish", errno.EACCES, 0),
    ],
)
def test_a_disk_that_fails_refuses_at_once_and_comes_back_by_itself(
    tmp_path: Path, call: str, number: int, short: int, *, begun: bool
) -> None:
    if begun and call in ("create", "publish"):
        pytest.skip("a segment that is begun needs neither")
    disk = Failing(tmp_path)
    disk.number, disk.short = number, short

    async def act(log: AuditLog) -> None:
        if begun:
            await log.append(received(0))
        disk.fails = call
        waiting = [log.append(received(number)) for number in (1, 2)]
        for each in waiting:
            with pytest.raises(AuditUnavailable, match="it fails"):
                await each
        assert log.problem is not None
        with pytest.raises(AuditUnavailable):
            log.append(received(3))
        log.note(completed(1))
        disk.fails = None
        await well_again(log)
        await log.append(received(4))

    with_log(tmp_path, act, disk)
    entries = check_signed(tmp_path)
    wanted = [*(received(number) for number in (0, 1, 2)[not begun :]), completed(1), received(4)]
    assert [each for each in entries if each in wanted] == wanted
    if begun:
        (told,) = [each for each in entries if b"segment_abandoned" in each]
        assert b"it fails" in told


def test_a_disk_that_comes_back_while_the_log_ends_gets_everything(tmp_path: Path) -> None:
    disk = Failing(tmp_path)

    async def main() -> None:
        log = log_in(tmp_path, disk)
        log.open(VERIFIERS)
        disk.fails = "write"
        with pytest.raises(AuditUnavailable, match="it fails"):
            await log.append(received(0), "id-0")
        log.note(completed(0), closes="id-0")
        tried = log.failures
        ending = asyncio.create_task(log.aclose(LAST, 30.0))
        await until(lambda: log.failures > tried)
        disk.fails = None
        assert await ending

    asyncio.run(main())
    assert check_signed(tmp_path) == [received(0), completed(0), LAST]


@pytest.mark.parametrize("how", ["unlink", "replace"])
def test_a_segment_that_is_taken_away_is_noticed_and_its_records_are_kept(
    tmp_path: Path, how: str
) -> None:
    async def act(log: AuditLog) -> None:
        for number in range(300):
            await log.append(received(number))
        (segment,) = (tmp_path / FOLDER).iterdir()
        if how == "unlink":
            segment.unlink()
        else:
            (tmp_path / FOLDER / "other").write_bytes(b"")
            (tmp_path / FOLDER / "other").replace(segment)
        with pytest.raises(AuditUnavailable, match="taken away"):
            await log.append(received(300))
        await well_again(log)
        if how == "replace":
            segment.unlink()

    with_log(tmp_path, act)
    entries = check_signed(tmp_path)
    assert entries[:301] == [received(number) for number in range(301)]
    with_log(tmp_path, _append_one)
    assert check_signed(tmp_path)[: len(entries)] == entries


def test_evidence_that_cannot_be_written_refuses_too_and_is_made_up_for(tmp_path: Path) -> None:
    disk = Failing(tmp_path)

    async def act(log: AuditLog) -> None:
        await log.append(received(0))
        disk.fails = "put"
        await asyncio.gather(*(log.append(received(number)) for number in range(1, 600)))
        await until(lambda: log.problem is not None)
        with pytest.raises(AuditUnavailable, match="evidence"):
            log.append(received(600))
        disk.fails = None
        await well_again(log)
        await log.append(received(601))

    with_log(tmp_path, act, disk)
    assert len(check_signed(tmp_path)) == 602


def test_what_was_written_for_a_checkpoint_that_failed_is_removed(tmp_path: Path) -> None:
    class HalfFailing(Disk):
        fails = True

        def put(self, path: str, octets: bytes) -> None:
            if self.fails and path.startswith("tile/0/"):
                raise OSError(errno.ENOSPC, "it fails", path)
            super().put(path, octets)

    disk = HalfFailing(tmp_path)

    async def act(log: AuditLog) -> None:
        await log.append(received(0))
        await until(lambda: log.problem is not None)
        log.note(completed(0))
        await until(lambda: log.records == 2)
        disk.fails = False
        await well_again(log)

    with_log(tmp_path, act, disk)
    assert len(check_signed(tmp_path)) == 3
    partial = sorted(str(each.relative_to(tmp_path)) for each in tmp_path.glob("tile/**/*.p/*"))
    assert partial == ["tile/0/000.p/3", "tile/entries/000.p/3"]


def test_nobody_waits_longer_than_the_deadline(tmp_path: Path) -> None:
    class Slow(Disk):
        def __init__(self, folder: Path) -> None:
            super().__init__(folder)
            self.may_go_on = asyncio.Event()

        def write(self, descriptor: int, octets: bytes, room: int = 0) -> int:
            asyncio.run_coroutine_threadsafe(self.may_go_on.wait(), self.loop).result()
            return super().write(descriptor, octets, room)

        loop: asyncio.AbstractEventLoop

    async def main() -> None:
        disk = Slow(tmp_path)
        disk.loop = asyncio.get_running_loop()
        log = log_in(tmp_path, disk, timeout=0.1)
        log.open(VERIFIERS)
        with pytest.raises(AuditUnavailable, match="in time"):
            await log.append(received(0), "id-0")
        log.note(completed(0), closes="id-0")
        disk.may_go_on.set()
        await log.append(received(1))
        await log.aclose(LAST, 10.0)

    asyncio.run(main())
    assert check_signed(tmp_path) == [received(0), completed(0), received(1), LAST]


def test_what_is_appended_together_is_committed_together(tmp_path: Path) -> None:
    async def act(log: AuditLog) -> int:
        waiting = []
        for number in range(5):
            waiting.append(log.append(received(number)))
            # The next turn of the loop brings another one.
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        return log.commits

    assert with_log(tmp_path, act) == 1


def test_a_commit_is_not_put_off_for_ever(tmp_path: Path) -> None:
    async def act(log: AuditLog) -> None:
        first, number = log.append(received(0)), 1
        while not first.done():
            log.note(received(number))
            number += 1
            await asyncio.sleep(0)

    with_log(tmp_path, act)


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.audit.log.MOST_WAITING", 1000)

    async def act(log: AuditLog) -> None:
        waiting = [log.append(b"x" * 400) for _ in range(2)]
        with pytest.raises(AuditUnavailable, match="too long"):
            log.append(b"x" * 8193)
        await asyncio.gather(*waiting)

    with_log(tmp_path / "one", act)

    async def crowded(log: AuditLog) -> None:
        first = log.append(b"x" * 400)
        for _ in range(3):
            await asyncio.sleep(0)  # it is on its way then: no turn has brought another
        more = [log.append(b"x" * 400) for _ in range(2)]
        with pytest.raises(AuditUnavailable, match="too much"):
            log.append(b"x" * 400)
        await asyncio.gather(first, *more)

    with_log(tmp_path / "other", crowded)
