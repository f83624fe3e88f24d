"""Receipts: what is proven can be checked without the log, and nothing else is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.audit.checkpoint import NoteVerifier
from connector.audit.receipts import MOST_RECEIPT, ReceiptError, prove, verify_receipt
from tests.connector.audit.log_files import (
    OTHER,
    SIGNER,
    VERIFIER,
    MemoryFiles,
    audit_id,
    checkpoint_of,
    completed,
    log_files,
    opened,
    received,
    record,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRIES = run(600)
LOG = log_files(ENTRIES, 560, segments=(0, 512))
RECEIPT, _ = prove(MemoryFiles(LOG), audit_id(100))
OCTETS = json.dumps(RECEIPT).encode()


def test_a_receipt_has_all_records_of_a_request_and_is_checked_without_the_log() -> None:
    proven = verify_receipt(OCTETS, [VERIFIER])
    assert proven.audit_id == audit_id(100)
    assert proven.checkpoint == checkpoint_of(ENTRIES[:560])
    assert {index: each["type"] for index, each in proven.records.items()} == {
        199: "received",
        200: "completed",
    }
    assert RECEIPT["vkeys"] == [SIGNER.vkey]


@pytest.mark.parametrize("number", [1, 128, 129, 256, 270, 279])
def test_every_request_that_a_checkpoint_covers_can_be_proven(number: int) -> None:
    receipt, behind = prove(MemoryFiles(LOG), audit_id(number))
    assert verify_receipt(json.dumps(receipt).encode(), [VERIFIER]).records
    assert behind == 0


def test_what_no_checkpoint_covers_is_counted_or_asks_for_patience() -> None:
    entries = [opened(0), received(1, 1), completed(2, 1)]
    receipt, behind = prove(MemoryFiles(log_files(entries, 2)), audit_id(1))
    assert (len(receipt["records"]), behind) == (1, 1)
    with pytest.raises(ReceiptError, match="again in a second"):
        prove(MemoryFiles(log_files(entries, 1)), audit_id(1))


def test_what_an_operator_said_about_a_request_is_part_of_its_receipt() -> None:
    about = record("administration", 3, action="resolve_claim", details={"audit_id": audit_id(1)})
    entries = [opened(0), received(1, 1), completed(2, 1), about]
    receipt, _ = prove(MemoryFiles(log_files(entries)), audit_id(1))
    assert [each["index"] for each in receipt["records"]] == [1, 2, 3]


def test_a_request_in_a_log_that_was_pruned_before_it_can_be_proven() -> None:
    entries = [*ENTRIES[:520], opened(520), *ENTRIES[521:]]
    pruned = log_files(entries, 560, segments=(512,), pruned=512)
    receipt, _ = prove(MemoryFiles(pruned), audit_id(265))
    assert verify_receipt(json.dumps(receipt).encode(), [VERIFIER]).records


@pytest.mark.parametrize(
    ("path", "octets", "text"),
    [
        ("checkpoint", b"", "no checkpoint"),
        ("checkpoint", b"\xff", "no checkpoint"),
        ("checkpoint", log_files(run(500)[::-1])["checkpoint"], "not in the tree"),
        ("checkpoint", log_files(ENTRIES, 560, signers=[OTHER])["checkpoint"], "no key"),
        ("tile/0/000", b"", "too short"),
        ("tile/0/000", None, "missing"),
        ("tile/entries/001", None, "missing"),
    ],
)
def test_a_log_that_is_not_what_was_signed_gives_no_receipt(
    path: str, octets: bytes | None, text: str
) -> None:
    # The first segment is gone, as it is once its records are in full bundles.
    files = log_files(ENTRIES, 560, segments=(512,))
    if octets is None:
        del files[path]
    else:
        files[path] = octets
    with pytest.raises(ReceiptError, match=text):
        prove(MemoryFiles(files), audit_id(100))


def test_there_is_no_receipt_of_a_request_that_the_log_does_not_have() -> None:
    with pytest.raises(ReceiptError, match="has no record"):
        prove(MemoryFiles(LOG), audit_id(900))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(OCTETS) * 8 - 1))
def test_a_receipt_with_a_flipped_bit_shows_the_same_or_nothing(bit: int) -> None:
    changed = bytearray(OCTETS)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        proven = verify_receipt(bytes(changed), [VERIFIER])
    except ReceiptError:
        return
    assert proven == verify_receipt(OCTETS, [VERIFIER])


def _records(receipt: dict[str, Any]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = receipt["records"]
    return records


@pytest.mark.parametrize(
    "change",
    [
        lambda receipt: receipt.update(format="else"),
        lambda receipt: receipt.update(audit_id=audit_id(101)),
        lambda receipt: receipt.update(records=[]),
        lambda receipt: receipt.update(records=[1]),
        lambda receipt: receipt.update(records={}),
        lambda receipt: receipt.update(checkpoint=LOG["checkpoint"].decode() + "x"),
        lambda receipt: _records(receipt).reverse(),
        lambda receipt: _records(receipt).append(_records(receipt)[0]),
        lambda receipt: _records(receipt)[0].update(index=200),
        lambda receipt: _records(receipt)[0].update(index=199.0),
        lambda receipt: _records(receipt)[0].update(index=10**30),
        lambda receipt: _records(receipt)[0].update(record="[]"),
        lambda receipt: _records(receipt)[0].update(record="\ud800"),
        lambda receipt: _records(receipt)[0].update(proof=[1]),
        lambda receipt: _records(receipt)[0].update(proof=["AAAA"]),
        lambda receipt: _records(receipt)[0]["proof"].pop(),
        lambda receipt: _records(receipt)[0]["proof"].extend(["AAAA"] * 70),
    ],
)
def test_a_receipt_that_was_changed_shows_nothing(
    change: Callable[[dict[str, Any]], object],
) -> None:
    receipt = json.loads(OCTETS)
    change(receipt)
    with pytest.raises(ReceiptError):
        verify_receipt(json.dumps(receipt).encode(), [VERIFIER])


@pytest.mark.parametrize("octets", [b"", b"[]", b"{}", b"[" * 9000, b" " * (MOST_RECEIPT + 1)])
def test_what_is_no_receipt_shows_nothing(octets: bytes) -> None:
    with pytest.raises(ReceiptError):
        verify_receipt(octets, [VERIFIER])


def test_a_receipt_shows_nothing_to_whoever_has_another_key() -> None:
    with pytest.raises(ReceiptError, match="nobody"):
        verify_receipt(OCTETS, [NoteVerifier.parse(OTHER.vkey)])
