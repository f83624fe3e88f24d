"""Logs as tests want them: a dictionary of files, made of records by the definitions."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connector.audit.checkpoint import Checkpoint, NoteSigner, NoteVerifier, sign_note
from connector.audit.files import FileFault
from connector.audit.pruned import Pruned
from connector.audit.segment import line, segment_name
from connector.audit.tiles import ENTRIES, bundle, tile_path, tile_root
from connector.audit.tree import leaf_hash, root

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

ORIGIN: Final = "shop-1/0"
IDENTITY: Final = "https://agent.example/profile"


def signer(secret: bytes = b"s", name: str = ORIGIN) -> NoteSigner:
    return NoteSigner(name, Ed25519PrivateKey.from_private_bytes(secret * 32))


SIGNER: Final = signer()
VERIFIER: Final = NoteVerifier.parse(SIGNER.vkey)
OTHER: Final = signer(b"o")


class MemoryFiles:
    """Files in a dictionary."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def paths(self) -> Iterable[str]:
        return sorted(self.files)

    def read(self, path: str, most: int) -> bytes:
        octets = self.files.get(path)
        if octets is None:
            raise FileFault("is not there")
        if len(octets) > most:
            raise FileFault(f"has more than {most} octets")
        return octets

    def put(self, folder: Path) -> None:
        for path, octets in self.files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(octets)


def record(kind: str, order: int, **members: Any) -> bytes:
    found = {
        "type": kind,
        "v": 1,
        "time": f"2026-11-21T10:{order // 60 % 60:02d}:{order % 60:02d}.000000000Z",
        "order": str(order),
        **members,
    }
    return json.dumps(found, sort_keys=True, separators=(",", ":")).encode()


def audit_id(number: int) -> str:
    return f"01900000-0000-7000-8000-{number:012d}"


def opened(order: int, signers: Sequence[NoteSigner] = (SIGNER,), **members: Any) -> bytes:
    keys = {"checkpoint": [each.vkey for each in signers], "redaction": ["h1"]}
    return record("opened", order, origin=signers[0].name, keys=keys, software="t", **members)


def received(order: int, number: int, **members: Any) -> bytes:
    return record(
        "received",
        order,
        audit_id=audit_id(number),
        **{
            "merchant": "flower-shop",
            "caller": {"identity": IDENTITY},
            "request": {"method": "POST", "operation": "create_checkout"},
            "decision": {"result": "claimed"},
            **members,
        },
    )


def completed(order: int, number: int, **members: Any) -> bytes:
    said = {"merchant": "flower-shop", "status": 201, "decision": "accept", **members}
    return record("completed", order, audit_id=audit_id(number), **said)


def closed(order: int, index: int) -> bytes:
    return record("closed", order, records=index)


def run(size: int) -> list[bytes]:
    """Return a log of one run, with an open end."""
    entries = [opened(0)]
    for number in range(1, size):
        make = received if number % 2 else completed
        entries.append(make(number, (number + 1) // 2))
    return entries


def segment(entries: Sequence[bytes], first: int = 0) -> bytes:
    return b"".join(line(index, leaf_hash(each), each) for index, each in enumerate(entries, first))


def checkpoint_of(entries: Sequence[bytes], origin: str = ORIGIN) -> Checkpoint:
    leaves = [leaf_hash(each) for each in entries]
    return Checkpoint(
        origin,
        len(entries),
        root(len(entries), lambda level, index: tile_root(leaves[index << level :][: 1 << level])),
    )


def log_files(
    entries: Sequence[bytes],
    size: int | None = None,
    *,
    segments: Sequence[int] = (0,),
    signers: Sequence[NoteSigner] = (SIGNER,),
    pruned: int = 0,
) -> dict[str, bytes]:
    """Return a log of these records with a checkpoint of the first ``size`` of them."""
    covered = entries[:size]
    name = signers[0].name
    files = {"lock": b""}
    files["checkpoint"] = sign_note(checkpoint_of(covered, name).text(), signers).encode()
    for first, end in zip(segments, [*segments[1:], len(entries)], strict=True):
        files[f"segments/{segment_name(first)}"] = segment(entries[first:end], first)
    row = [leaf_hash(each) for each in covered]
    for first in range(pruned, len(covered), 256):
        some = covered[first : first + 256]
        files[tile_path(ENTRIES, first // 256, len(some))] = bundle(some)
    if pruned:
        files["pruned"] = sign_note(Pruned(name, pruned).text(), signers).encode()
    level = 0
    while row:
        tiles = [row[at : at + 256] for at in range(0, len(row), 256)]
        for index, hashes in enumerate(tiles):
            files[tile_path(level, index, len(hashes))] = b"".join(hashes)
        row = [tile_root(hashes) for hashes in tiles if len(hashes) == 256]
        level += 1
    return files


def base64(octets: bytes) -> str:
    return b64encode(octets).decode()
