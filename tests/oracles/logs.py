"""Audit logs as the gateway's own writer leaves them, judged by implementations in other hands.

Each opens the signed checkpoint, reads hashes from the tiles, proves every record of the bundles
and that the log grew out of the checkpoints that were saved before. Of a log in which anything was
altered they have to say so.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connector.audit.checkpoint import sign_note
from connector.audit.log import AuditLog
from connector.audit.tiles import ENTRIES, WIDTH, tile_path
from tests.connector.audit.log_files import (
    ORIGIN,
    OTHER,
    SIGNER,
    VERIFIER,
    audit_id,
    completed,
    received,
    record,
)
from tests.oracles.verdicts import REFUSED, VERIFIED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from connector.audit.writer import Abandoned
    from tests.oracles.programs import Oracle
    from tests.oracles.verdicts import Verdict

SIZES: Final = (1, 256, 257, 70_000)
_CHECKPOINT: Final = "checkpoint"
_TOGETHER: Final = 1000
_PATIENCE: Final = 60.0


class Log(NamedTuple):
    """A log, the checkpoints that were saved before, and what is expected of an oracle."""

    size: int
    change: str
    """What was done to it."""
    expected: str
    folder: Path
    saved: Sequence[Path] = ()

    def task(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "vkey": SIGNER.vkey,
            "saved": [str(path) for path in self.saved],
        }


class Judged(NamedTuple):
    """What each oracle said of a log."""

    log: Log
    verdicts: Mapping[str, Verdict]

    def disagreements(self) -> list[str]:
        return [
            f"{self.log.size} records, {self.log.change}: {name} says {said.word} "
            f"({said.reason}), expected {self.log.expected}"
            for name, said in self.verdicts.items()
            if said.word != self.log.expected
        ]


def judge_logs(oracles: Sequence[Oracle], sizes: Sequence[int] = SIZES) -> list[Judged]:
    """Have logs of these sizes written, altered and judged; raises OracleError."""
    with tempfile.TemporaryDirectory(prefix="ucp-logs-") as folder:
        logs = make_logs(Path(folder), sizes)
        tasks = [log.task() for log in logs]
        said = {oracle.name: oracle.ask(tasks) for oracle in oracles}
    return [
        Judged(log, {name: given[number] for name, given in said.items()})
        for number, log in enumerate(logs)
    ]


def as_table(judged: Sequence[Judged]) -> list[list[str]]:
    """Return a heading and a line for each change: the sizes, and what was said of these logs."""
    names = list(judged[0].verdicts)
    table = [["log", "records", *names]]
    for change in dict.fromkeys(each.log.change for each in judged):
        own = [each for each in judged if each.log.change == change]
        sizes = "; ".join(f"{each.log.size:,}" for each in own)
        words = [", ".join(sorted({each.verdicts[name].word for each in own})) for name in names]
        table.append([change, sizes, *words])
    return table


def make_logs(home: Path, sizes: Sequence[int]) -> list[Log]:
    """Grow one log and copy it at each size; then alter copies of the copies."""
    folders = _grown(home / "log", sizes)
    saved = [folder / _CHECKPOINT for folder in folders]
    good = [
        Log(size, "as it was written", VERIFIED, folder, saved[:number])
        for number, (size, folder) in enumerate(zip(sizes, folders, strict=True))
    ]
    other = _grown(home / "other", sizes, "rose-shop")
    bad: list[Log] = []
    for log, folder, before in zip(good, other, saved, strict=True):
        bad += _altered(home, log)
        bad.append(Log(log.size, "all written anew and signed", REFUSED, folder, [before]))
    for log, later in zip(good, saved[1:], strict=False):
        bad.append(Log(log.size, "where there were more before", REFUSED, log.folder, [later]))
    return [*good, *bad]


def _grown(folder: Path, sizes: Sequence[int], merchant: str = "flower-shop") -> list[Path]:
    """Let one log grow, with a run of its writer for each size; return a copy of each."""
    copies = []
    for size in sizes:
        asyncio.run(_run(folder, size, merchant))
        copies.append(folder.with_name(f"{folder.name}-{size}"))
        shutil.copytree(folder, copies[-1])
    return copies


async def _run(folder: Path, size: int, merchant: str) -> None:
    log = AuditLog(folder, ORIGIN, [SIGNER], resumed=_resumed, durable=False)
    log.open([VERIFIER])
    for index in range(log.size, size - 1):
        make = completed if index % 2 else received
        octets = make(index, index // 2, merchant=merchant)
        if index % _TOGETHER:
            log.note(octets, closes=audit_id(index // 2) if index % 2 else "")
        else:
            await log.append(octets)
    last = record("closed", size, records=size - 1, merchant=merchant)
    if not await log.aclose(last, _PATIENCE):
        raise OSError(f"the log was not written: {log.problem}")


def _resumed(abandoned: Abandoned, reason: str) -> bytes:
    raise OSError(f"the segment {abandoned.segment} could not be written: {reason}")


def _altered(home: Path, log: Log) -> Iterator[Log]:
    """Return a copy with each alteration."""
    size, last = log.size, (log.size - 1) // WIDTH
    width = size - last * WIDTH
    tile, records = tile_path(0, last, width), tile_path(ENTRIES, last, width)
    note = (log.folder / _CHECKPOINT).read_text(encoding="utf-8")
    text = note.partition("\n\n")[0] + "\n"
    alterations: dict[str, tuple[str, Callable[[bytes], bytes] | None]] = {
        "another size in the checkpoint": (_CHECKPOINT, lambda _: _lines(note, 1, str(size + 1))),
        "another root in the checkpoint": (
            _CHECKPOINT,
            lambda _: _lines(note, 2, b64encode(b"r" * 32).decode()),
        ),
        "a flipped bit in the signature": (_CHECKPOINT, lambda _: _other_signature(note)),
        "signed by another key": (_CHECKPOINT, lambda _: sign_note(text, [OTHER]).encode()),
        "a flipped bit in the last tile": (tile, _flipped),
        "the last tile missing": (tile, None),
        "a flipped bit in the last record": (records, _flipped),
        "the last record cut off": (records, lambda octets: octets[:-1]),
        "the last bundle missing": (records, None),
    }
    for number, (name, (path, change)) in enumerate(alterations.items()):
        folder = home / f"altered-{size}-{number}"
        shutil.copytree(log.folder, folder, copy_function=os.link)
        octets = (folder / path).read_bytes()
        (folder / path).unlink()  # it is the other folder's, too
        if change is not None:
            (folder / path).write_bytes(change(octets))
        yield Log(size, name, REFUSED, folder, log.saved)


def _flipped(octets: bytes) -> bytes:
    return octets[:-1] + bytes([octets[-1] ^ 1])


def _lines(note: str, number: int, text: str) -> bytes:
    lines = note.split("\n")
    lines[number] = text
    return "\n".join(lines).encode()


def _other_signature(note: str) -> bytes:
    before, _, encoded = note.rstrip("\n").rpartition(" ")
    return f"{before} {b64encode(_flipped(b64decode(encoded))).decode()}\n".encode()
