"""The decision line: one JSON object, an allow-list, never in the way."""

from __future__ import annotations

import json
import os
import re

from connector.errors import Refusal
from connector.steps import Caller
from connector.telemetry.decisions import DecisionLog, decision_line
from connector.telemetry.journal import new_audit_id
from tests.connector.caller_key import KEY

CALLER = Caller(
    identity="https://platform.example/.well-known/ucp",
    keyid='odd "kid"\n',
    thumbprint="poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U",
    scheme="rfc9421",
    label="sig1",
    tier="discovered",
    version="2026-08-25",
    signature_base=b'"@path": /secret-id\n',
    signature=b"secret",
    key=KEY,
)


def test_an_accepted_request_names_the_caller_and_the_operation_only() -> None:
    line = decision_line(
        1767225600.25, "id", "shop", "get_cart", "accept", 200, 0.0015, None, CALLER
    )
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "time": "2026-01-01T00:00:00.250Z",
        "audit_id": "id",
        "merchant": "shop",
        "operation": "get_cart",
        "decision": "accept",
        "status": 200,
        "duration_ms": 1.5,
        "identity": CALLER.identity,
        "keyid": CALLER.keyid,
        "thumbprint": CALLER.thumbprint,
        "scheme": "rfc9421",
        "tier": "discovered",
        "version": "2026-08-25",
    }


def test_a_refusal_says_what_was_wrong_in_bounded_words() -> None:
    refusal = Refusal("signature_invalid", "coverage_insufficient", "not covered: " + "x" * 1000)
    line = json.loads(decision_line(0.0, "id", "shop", "", "reject", 401, 0.0, refusal))
    assert (line["code"], line["reason"]) == ("signature_invalid", "coverage_insufficient")
    assert len(line["explanation"]) == 300
    assert "identity" not in line


def test_lines_arrive_whole_and_in_order() -> None:
    reading, writing = os.pipe()
    log = DecisionLog(writing)
    for number in range(500):
        log.write(f"{number}\n")
    log.close()
    os.close(writing)
    with os.fdopen(reading) as lines:
        assert [int(line) for line in lines] == list(range(500))
    assert log.dropped == 0


def test_a_reader_that_is_gone_costs_lines_and_nothing_else() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    log = DecisionLog(writing)
    log.write("lost\n")
    log.close()
    os.close(writing)
    assert log.dropped == 1


def test_a_reader_that_does_not_read_cannot_make_the_queue_grow_without_bound() -> None:
    reading, writing = os.pipe()
    log = DecisionLog(writing)
    # A pipe holds 64 KiB; the queue 20,000 lines.
    for _ in range(25_000):
        log.write("x" * 100 + "\n")
    assert log.dropped > 0
    assert len(log._waiting) <= 20_000
    os.close(reading)
    log.close()
    os.close(writing)


def test_an_audit_id_is_a_uuid_of_version_7_that_sorts_by_time() -> None:
    earlier, later = new_audit_id(1767225600.0), new_audit_id(1767225600.001)
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", later
    )
    assert earlier < later
    assert new_audit_id(0.0) != new_audit_id(0.0)


def test_what_is_wrong_with_a_body_and_only_told_is_bounded() -> None:
    told = "$.line_items: required; " + "x" * 1000
    line = json.loads(decision_line(0.0, "id", "shop", "", "accept", 200, 0.0, invalid=told))
    assert line["invalid_body"] == told[:300]
    assert "code" not in line
