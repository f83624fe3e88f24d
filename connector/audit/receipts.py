"""Receipts: the records of one request with the proof that a signed checkpoint covers them.

A receipt is a JSON object that can be checked without the log, with the key alone:
``format``, ``audit_id``, ``vkeys`` (what the checkpoint is signed with), ``checkpoint`` (the signed
note) and ``records``, each with its ``index``, the ``record`` as it stands in the log, and the
hashes of its ``proof`` (RFC 6962 section 2.1.1) in base64.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connector.audit.checkpoint import Checkpoint, NoteError, NoteVerifier, open_note
from connector.audit.files import FileFault
from connector.audit.inventory import CHECKPOINT, MOST_NOTE, MOST_TILE, take_inventory
from connector.audit.named_keys import MARKS, named_vkeys
from connector.audit.reading import RecordsMissing, read_records
from connector.audit.segment import MOST_RECORD
from connector.audit.tiles import TileError, TileReader, tile_path
from connector.audit.tree import ProofError, inclusion_proof, leaf_hash, root_of_inclusion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from connector.audit.files import Files

FORMAT: Final = "ucp-audit-receipt/1"
MOST_RECEIPT: Final = 2 << 20
"""Octets of a receipt."""
_MOST_RECORDS: Final = 64
_MOST_HASHES: Final = 64
_MOST_VKEYS: Final = 64


class ReceiptError(Exception):
    """A receipt cannot be made, or shows nothing; ``str`` is one line that says why."""


class Proven(NamedTuple):
    """What a receipt shows."""

    audit_id: str
    checkpoint: Checkpoint
    records: dict[int, dict[str, Any]]


def prove(files: Files, audit_id: str) -> tuple[dict[str, Any], int]:
    """Return the receipt of a request, and how many of its records no checkpoint covers yet.

    Raises ReceiptError, also where the log does not lead to what its checkpoint says.
    """
    note, checkpoint = _checkpoint(files)
    found: dict[int, bytes] = {}
    vkeys: dict[str, None] = {}
    behind = 0
    try:
        for index, record in read_records(files):
            if _names(record, audit_id):
                if index >= checkpoint.size:
                    behind += 1
                else:
                    found[index] = record
            elif any(mark in record for mark in MARKS):
                vkeys |= dict.fromkeys(_vkeys(record))
        if not found:
            raise ReceiptError(
                "no checkpoint covers its records yet: try again in a second"
                if behind
                else f"the log {checkpoint.origin} has no record of this audit id"
            )
        if len(found) > _MOST_RECORDS:
            raise ReceiptError(f"more than {_MOST_RECORDS} records have this audit id")
        records = _proofs(files, checkpoint, found)
    except (RecordsMissing, TileError, FileFault, ProofError) as error:
        raise ReceiptError(f"{error}: see ucp-connector audit verify") from error
    signed = [vkey for vkey in vkeys if _opens(note, vkey)]
    if not signed:
        raise ReceiptError("no key that the log names has signed its checkpoint")
    receipt = {
        "format": FORMAT,
        "audit_id": audit_id,
        "vkeys": signed,
        "checkpoint": note,
        "records": records,
    }
    return receipt, behind


def verify_receipt(octets: bytes, verifiers: Sequence[NoteVerifier]) -> Proven:
    """Return what a receipt shows to whoever trusts these keys; raises ReceiptError."""
    if len(octets) > MOST_RECEIPT:
        raise ReceiptError(f"more than {MOST_RECEIPT} octets")
    try:
        receipt = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise ReceiptError("not JSON") from error
    if not isinstance(receipt, dict) or receipt.get("format") != FORMAT:
        raise ReceiptError(f"not a receipt of the format {FORMAT}")
    audit_id, note, listed = (receipt.get(name) for name in ("audit_id", "checkpoint", "records"))
    if not isinstance(audit_id, str) or not isinstance(note, str) or not isinstance(listed, list):
        raise ReceiptError("a receipt without an audit id, a checkpoint or records")
    if not 0 < len(listed) <= _MOST_RECORDS:
        raise ReceiptError(f"not between 1 and {_MOST_RECORDS} records")
    try:
        checkpoint = Checkpoint.parse(open_note(note, verifiers))
        records: dict[int, dict[str, Any]] = {}
        for each in listed:
            index, record = _proven(each, checkpoint)
            if audit_id not in _audit_ids(record):
                raise ReceiptError(f"the record {index} is of another request")
            if index <= max(records, default=-1):
                raise ReceiptError(f"the record {index} is out of order")
            records[index] = record
    except NoteError as error:
        raise ReceiptError(f"the checkpoint: {error}") from error
    except ProofError as error:
        raise ReceiptError(str(error)) from error
    return Proven(audit_id, checkpoint, records)


def _checkpoint(files: Files) -> tuple[str, Checkpoint]:
    try:
        note = files.read(CHECKPOINT, MOST_NOTE).decode()
        return note, Checkpoint.parse(f"{note.rpartition(chr(10) * 2)[0]}\n")
    except (FileFault, UnicodeDecodeError, NoteError) as error:
        raise ReceiptError("there is no checkpoint that can be read") from error


def _proofs(
    files: Files, checkpoint: Checkpoint, found: Mapping[int, bytes]
) -> list[dict[str, Any]]:
    read = TileReader(checkpoint.size, _tiles(files))
    records = []
    for index, record in found.items():
        path = inclusion_proof(index, checkpoint.size, read)
        if root_of_inclusion(index, checkpoint.size, leaf_hash(record), path) != checkpoint.root:
            raise ProofError(f"the record {index} is not in the tree that was signed")
        records.append(
            {
                "index": index,
                "record": record.decode(),
                "proof": [b64encode(each).decode("ascii") for each in path],
            }
        )
    return records


def _tiles(files: Files) -> Callable[[int, int, int], bytes]:
    """Return what reads a tile from whichever file has enough of it."""
    there = take_inventory(files.paths()).tiles

    def load(level: int, index: int, width: int) -> bytes:
        for each in there.get((level, index), ()):
            if each >= width:
                return files.read(tile_path(level, index, each), MOST_TILE)
        raise TileError(f"{tile_path(level, index, width)} is missing")

    return load


def _proven(each: object, checkpoint: Checkpoint) -> tuple[int, dict[str, Any]]:
    """Return a record that its proof leads from to the checkpoint's root."""
    if not isinstance(each, dict):
        raise ReceiptError("a record that is none")
    index, text, proof = (each.get(name) for name in ("index", "record", "proof"))
    if type(index) is not int or not isinstance(text, str) or not isinstance(proof, list):
        raise ReceiptError("a record without its index, its text or its proof")
    try:
        octets = text.encode()
        path = [b64decode(step, validate=True) for step in proof[:_MOST_HASHES]]
        record = json.loads(octets)
    except (ValueError, TypeError, RecursionError) as error:
        raise ReceiptError(f"the record {index} or its proof is malformed") from error
    if len(octets) > MOST_RECORD or len(proof) > _MOST_HASHES or not isinstance(record, dict):
        raise ReceiptError(f"the record {index} or its proof is malformed")
    if any(len(step) != len(checkpoint.root) for step in path):
        raise ReceiptError(f"the record {index} or its proof is malformed")
    if root_of_inclusion(index, checkpoint.size, leaf_hash(octets), path) != checkpoint.root:
        raise ReceiptError(f"the record {index} is not in the tree that was signed")
    return index, record


def _names(record: bytes, audit_id: str) -> bool:
    """Whether a record is of the request with this id."""
    if audit_id.encode() not in record:
        return False
    found = _object(record)
    return audit_id in _audit_ids(found)


def _audit_ids(record: Mapping[str, Any]) -> set[object]:
    """Return whose request a record is, or is about."""
    details = record.get("details")
    about = details.get("audit_id") if isinstance(details, dict) else None
    return {each for each in (record.get("audit_id"), about) if isinstance(each, str)}


def _vkeys(record: bytes) -> list[str]:
    vkeys = named_vkeys(_object(record))
    return [vkey for vkey in vkeys[:_MOST_VKEYS] if isinstance(vkey, str)]


def _object(record: bytes) -> dict[str, Any]:
    try:
        found = json.loads(record)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _opens(note: str, vkey: str) -> bool:
    try:
        open_note(note, [NoteVerifier.parse(vkey)])
    except NoteError:
        return False
    return True
