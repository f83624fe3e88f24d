from __future__ import annotations

import copy
from hashlib import sha256
from typing import Any

import pytest

from canonical import load_key
from canonical.base64 import encode
from connector.diagnosis.audit_record import RecordExplanation, explain_record, looks_like_record
from connector.diagnosis.generator import keys
from connector.diagnosis.raw_request import RawRequestError
from tests.connector.audit.test_records import EXAMPLES, signature_over
from tests.connector.audit.test_records import received as received_from

BASE = b'"@method": GET\n"authorization": Bearer s3cret\n"@signature-params": ("@method")'


def received(name: str = "platform-2026", **signature: Any) -> dict[str, Any]:
    """A record of a request with BASE that was signed with a test key."""
    jwk = keys.private_jwk(name)
    record = received_from(jwk)
    record["signature"] = signature_over(load_key(jwk), BASE, record["audit_id"]) | signature
    return record


def _faults(record: dict[str, Any], theirs: bytes | None = None) -> list[str]:
    return [check.step for check in explain_record(record, theirs).checks if check.explanation]


@pytest.mark.parametrize("name", ["platform-2026", "platform-es384"])
def test_a_record_verifies_from_the_hash_of_the_base_alone(name: str) -> None:
    explanation = explain_record(received(name))

    assert looks_like_record(received(name))
    assert explanation.good
    assert explanation.keyid == name
    assert explanation.base == ()


def test_a_line_of_audit_show_will_do() -> None:
    line = {"cursor": "0:17", "record": received()}
    assert looks_like_record(line)
    assert explain_record(line) == explain_record(received())


def test_an_edwards_signature_verifies_over_the_signers_base() -> None:
    record = received("platform-ed25519")

    assert explain_record(record, BASE).good
    assert explain_record(record, BASE + b"\n").good
    assert _faults(record, b"x") == ["signature over the signer's base"]
    with pytest.raises(RawRequestError, match="needs the signature base"):
        explain_record(record)


@pytest.mark.parametrize(
    "changed", [{"base_hash": encode(sha256(b"x").digest())}, {"value": encode(bytes(64))},
                {"value": encode(bytes(70))}]
)  # fmt: skip
def test_a_signature_that_is_not_over_the_hash_is_found(changed: dict[str, Any]) -> None:
    assert _faults(received(**changed)) == ["signature over the recorded hash"]


def test_a_thumbprint_of_another_key_is_found() -> None:
    record = received()
    record["caller"]["thumbprint"] = keys.thumbprint("stranger")
    assert _faults(record) == ["thumbprint"]


def test_the_signers_base_is_held_against_the_hash() -> None:
    assert _faults(received(), BASE) == []
    assert _faults(received(), BASE + b"\n") == []
    assert _faults(received(), b"x") == ["signer's base against the recorded hash"]


def test_the_signers_base_is_shown_where_it_was_signed_and_secrets_are_masked() -> None:
    assert explain_record(received(), BASE).base[1] == '"authorization": [masked]'
    assert explain_record(received(), BASE + b"x").base == ()


def test_under_an_older_scheme_there_is_a_body_in_it_which_is_not_shown() -> None:
    record = received()
    record["caller"]["scheme"] = "detached-jws"
    del record["caller"]["label"]
    explanation = explain_record(record, BASE)
    assert isinstance(explanation, RecordExplanation)
    assert explanation.good
    assert explanation.base == ()


@pytest.mark.parametrize("kind", [each for each in EXAMPLES if not each.startswith("received")])
def test_a_record_without_a_signature_is_said_to_be_one(kind: str) -> None:
    assert looks_like_record(EXAMPLES[kind])
    with pytest.raises(RawRequestError, match="of the type received"):
        explain_record(EXAMPLES[kind])


def test_a_request_that_was_forwarded_unverified_proves_nothing() -> None:
    with pytest.raises(RawRequestError, match="forwarded unverified"):
        explain_record(EXAMPLES["received unverified"])


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("caller.keyid", 1, "caller.keyid"),
        ("signature.value", "*", "signature.value"),
        ("signature.hash", "sha-384", "the audit record: "),
        ("caller.key", {}, "caller.key"),
        ("caller.key.x", "A" * 43, "the audit record's key"),
        ("caller.key", keys.public_jwk("platform-es384"), "not sha-384"),
        ("merchant", "\ud800", "the audit record: "),
        ("more", 1, "more"),
    ],
)
def test_what_is_no_record_is_one_clear_line(path: str, value: Any, says: str) -> None:
    record = copy.deepcopy(received())
    *parents, name = path.split(".")
    inner = record
    for parent in parents:
        inner = inner[parent]
    inner[name] = value
    with pytest.raises(RawRequestError, match=says) as caught:
        explain_record(record)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("document", [{}, {"record": 1}, {"type": "received"}, {"record": {}}])
def test_other_json_does_not_look_like_a_record(document: dict[str, Any]) -> None:
    assert not looks_like_record(document)
