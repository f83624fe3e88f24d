from __future__ import annotations

from base64 import b64encode
from hashlib import sha256, sha384
from typing import Any

import pytest

from connector.diagnosis.audit_record import explain_record, looks_like_record
from connector.diagnosis.generator import keys
from connector.diagnosis.raw_request import RawRequestError

BASE = b'"@method": GET\n"authorization": Bearer s3cret\n"@signature-params": ("@method")'
HASHES: dict[str, Any] = {
    "platform-2026": ("base_sha256", sha256),
    "platform-es384": ("base_sha384", sha384),
}


def _record(name: str = "platform-2026", **changed: Any) -> dict[str, Any]:
    record = {
        "audit_id": "019b76da-a800-7000-8000-000000000000",
        "public_key": keys.public_jwk(name),
        "thumbprint": keys.thumbprint(name),
        "keyid": name,
        "signature": b64encode(keys.sign(name, BASE)).decode(),
        "sealed": "what is not known is not looked at",
    }
    if name in HASHES:
        member, hashed = HASHES[name]
        record[member] = b64encode(hashed(BASE).digest()).decode()
    return {**record, **changed}


def _faults(record: dict[str, Any], theirs: bytes | None = None) -> list[str]:
    return [check.step for check in explain_record(record, theirs).checks if check.explanation]


@pytest.mark.parametrize("name", HASHES)
def test_a_record_verifies_from_the_hash_of_the_base_alone(name: str) -> None:
    explanation = explain_record(_record(name))

    assert looks_like_record(_record(name))
    assert explanation.good
    assert explanation.keyid == name
    assert explanation.base == ()


def test_an_edwards_signature_verifies_where_the_base_was_opened() -> None:
    record = _record("platform-ed25519", signature_base=BASE.decode())

    assert explain_record(record).good
    assert _faults({**record, "signature_base": "x"}) == ["signature over the opened base"]
    assert explain_record(_record("platform-ed25519"), BASE + b"\n").good
    with pytest.raises(RawRequestError, match="needs signature_base"):
        explain_record(_record("platform-ed25519"))


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"thumbprint": keys.thumbprint("stranger")}, "thumbprint"),
        (
            {"base_sha256": b64encode(sha256(b"x").digest()).decode()},
            "signature over the recorded hash",
        ),
        (
            {"signature": b64encode(bytes(64)).decode()},
            "signature over the recorded hash",
        ),
        ({"signature": b64encode(bytes(70)).decode()}, "signature over the recorded hash"),
        ({"signature_base": "x"}, "opened base against the recorded hash"),
    ],
)
def test_each_member_is_held_against_the_others(changed: dict[str, Any], fault: str) -> None:
    assert _faults(_record(**changed)) == [fault]


def test_the_signers_base_is_held_against_the_hash() -> None:
    assert _faults(_record(), BASE) == []
    assert _faults(_record(), BASE + b"\n") == []
    assert _faults(_record(), b"x") == ["signer's base against the recorded hash"]


def test_secrets_in_an_opened_base_are_masked() -> None:
    explanation = explain_record(_record(signature_base=BASE.decode()))

    assert explanation.good
    assert explanation.base[1] == '"authorization": [masked]'


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"keyid": 1}, "keyid of the audit record"),
        ({"signature": "*"}, "key or signature"),
        ({"public_key": {}}, "key or signature"),
        ({"public_key": 1}, "key or signature"),
        ({"base_sha256": None}, "base_sha256"),
        ({"base_sha256": "AAAA"}, "base_sha256"),
    ],
)
def test_what_is_no_record_is_one_clear_line(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(RawRequestError, match=says):
        explain_record(_record(**changed))
