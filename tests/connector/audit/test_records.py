"""EXAMPLES are records of every kind, for other tests too: their signatures verify."""

from __future__ import annotations

import copy
import json
from hashlib import sha256, sha384
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import canonicalize, load_key, sign_detached
from canonical.base64 import decode_url, encode
from canonical.jws import signing_input
from connector.audit.records import RecordError, main, parse_record, schema
from connector.audit.redaction import EvidenceSealer, Redactor
from tests.connector.authentication.platform import ED25519, KEY
from tests.project.test_documents import read

if TYPE_CHECKING:
    from pathlib import Path

    from canonical import Key

EVIDENCE_KEY = bytes(range(32))
REDACTOR = Redactor("h1", bytes(range(32, 64)))
SEALER = EvidenceSealer(EVIDENCE_KEY)
AUDIT_ID = "019b76da-a800-7000-8000-0123456789ab"
_HASHES = {"ES256": ("sha-256", sha256), "ES384": ("sha-384", sha384)}


def common(kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "v": 1,
        "time": "2026-01-01T00:00:00.000000001Z",
        "order": "18446744073709551615",
    }


def base_of(keyid: str) -> bytes:
    return (
        '"@method": POST\n"@authority": shop.example.com\n"@path": /ucp/v1/checkout-sessions\n'
        f'"@signature-params": ("@method" "@authority" "@path");created=1767225600;keyid="{keyid}"'
    ).encode()


def received(
    jwk: dict[str, Any], *, scheme: str = "rfc9421", audit_id: str = AUDIT_ID
) -> dict[str, Any]:
    """A record of a request that was signed with this private key."""
    key = load_key(jwk)
    keyid = str(key.kid)
    caller = {
        "identity": "https://platform.example/.well-known/ucp",
        "keyid": keyid,
        "thumbprint": key.thumbprint,
        "scheme": scheme,
        "tier": "discovered",
        "version": "2026-08-25",
        "key": key.public_jwk(),
    }
    if scheme == "rfc9421":
        caller["label"] = "sig1"
        signature = signature_over(key, base_of(keyid), audit_id)
    else:
        jws = sign_detached(b'{"line_items": []}', key)
        signed = signing_input(jws, b'{"line_items": []}')
        value = encode(decode_url(jws.rpartition(".")[2]))
        signature = signature_over(key, signed, audit_id) | {"value": value}
        del signature["base"], signature["created"]
    return common("received") | {
        "audit_id": audit_id,
        "merchant": "flower-shop",
        "caller": caller,
        "signature": signature,
        "request": {
            "method": "POST",
            "operation": "update_checkout",
            "kind": "write",
            "path": f"/checkout-sessions/{REDACTOR.hash('path', 'chk_1')}",
            "query": [["expand", REDACTOR.hash("query", "customer")]],
            "octets": 18,
            "idempotency_key": REDACTOR.hash("idempotency_key", "550e8400"),
        },
        "peer": REDACTOR.hash("peer", "203.0.113.7"),
        "decision": {
            "result": "claimed",
            "rule": "discovered",
            "settings": "sha-256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "claim": "00112233445566778899aabbccddeeff",
        },
    }


def signature_over(key: Key, base: bytes, audit_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "value": encode(key.sign(base)),
        "hash": "none",
        "base": SEALER.seal(audit_id, base),
        "created": 1767225600,
    }
    if key.algorithm in _HASHES:
        found["hash"], hashed = _HASHES[key.algorithm]
        found["base_hash"] = encode(hashed(base).digest())
    return found


def unverified() -> dict[str, Any]:
    found = received(KEY)
    del found["caller"], found["signature"]
    found["decision"] = {
        "result": "observed",
        "rule": "insecure_observe",
        "settings": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        "code": "signature_missing",
        "reason": "no_signature",
    }
    return found


EXAMPLES: dict[str, dict[str, Any]] = {
    "received": received(KEY),
    "received under Ed25519": received(ED25519),
    "received under an older scheme": received(KEY, scheme="detached-jws"),
    "received unverified": unverified(),
    "completed": common("completed")
    | {
        "audit_id": AUDIT_ID,
        "merchant": "flower-shop",
        "status": 200,
        "decision": "accept",
        "outcome": "answered",
        "octets": 512,
        "duration": 31_000_000,
    },
    "completed with a refusal": common("completed")
    | {
        "audit_id": AUDIT_ID,
        "merchant": "flower-shop",
        "status": 502,
        "decision": "reject",
        "code": "upstream_unreachable",
        "reason": "upstream_unreachable",
        "outcome": "not_sent",
        "duration": 2_000_000_000,
    },
    "completed after a restart": common("completed")
    | {
        "audit_id": AUDIT_ID,
        "merchant": "flower-shop",
        "outcome": "unknown",
        "recovered": True,
    },
    "denied": common("denied")
    | {
        "audit_id": AUDIT_ID,
        "merchant": "flower-shop",
        "status": 401,
        "code": "signature_invalid",
        "reason": "too_old",
        "peer": REDACTOR.hash("peer", "203.0.113.7"),
    },
    "denied to a proven caller": common("denied")
    | {
        "audit_id": AUDIT_ID,
        "merchant": "flower-shop",
        "operation": "complete_checkout",
        "status": 429,
        "code": "rate_limited",
        "reason": "writes",
        "peer": REDACTOR.hash("peer", "2001:db8::7"),
        "caller": {name: value for name, value in received(KEY)["caller"].items() if name != "key"},
    },
    "denied many times": common("denied")
    | {
        "count": 4711,
        "since": "2026-01-01T00:00:00.000000000Z",
        "until": "2026-01-01T00:00:09.999999999Z",
        "class": "ipv4-public",
        "code": "signature_missing",
    },
    "administration": common("administration")
    | {
        "action": "resolve_claim",
        "by": "ops@shop",
        "details": {"outcome": "executed", "attempt": 2, "told": False, "ids": ["a", "b"]},
    },
    "opened": common("opened")
    | {
        "origin": "shop-1/0",
        "software": "ucp-connector 0.1.0",
        "settings": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        "keys": {
            "checkpoint": ["shop-1/0+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"],
            "redaction": ["h2", "h1"],
            "evidence": ["e:630dcd29"],
        },
        "torn": 17,
        "orphans": 1,
    },
    "closed": common("closed") | {"records": 1_000_000},
}
_MEMBERS = sorted(
    (kind, name) for kind, example in EXAMPLES.items() for name in example if name != "type"
)


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_kind_of_record_is_accepted(kind: str, validator: Any) -> None:
    example = EXAMPLES[kind]
    record = parse_record(canonicalize(example))
    assert record.type == example["type"]
    written = json.loads(record.model_dump_json(by_alias=True, exclude_none=True))
    assert written == example
    validator.validate(example)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_further_member_is_refused(kind: str, validator: Any) -> None:
    example = EXAMPLES[kind] | {"body": "4111111111111111"}
    with pytest.raises(RecordError, match="body") as caught:
        parse_record(canonicalize(example))
    assert "4111" not in str(caught.value)
    assert not validator.is_valid(example)


@pytest.mark.parametrize(("kind", "name"), _MEMBERS)
def test_a_member_of_another_kind_is_refused(kind: str, name: str, validator: Any) -> None:
    values: tuple[Any, ...] = (None, 1.5, "", [], "x" * 4097, "private\nx")
    for value in values:
        example = EXAMPLES[kind] | {name: value}
        with pytest.raises(RecordError) as caught:
            parse_record(canonicalize(example))
        assert "private" not in str(caught.value)
        assert not validator.is_valid(example)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("received", ("caller", "key", "d"), KEY["d"]),
        ("received", ("caller", "scheme"), "none"),
        ("received", ("caller", "thumbprint"), "x"),
        ("received", ("signature", "base"), '"@method": POST'),
        ("received", ("signature", "value"), "c2hvcnQ="),
        ("received", ("signature", "hash"), "sha-384"),
        ("received", ("signature", "hash"), "none"),
        ("received", ("request", "query"), [["expand", "in the clear"]]),
        ("received", ("request", "query"), [["expand", REDACTOR.hash("query", "")]] * 65),
        ("received", ("request", "idempotency_key"), "550e8400"),
        ("received", ("request", "octets"), -1),
        ("received", ("request", "octets"), 2**53),
        ("received", ("request", "octets"), True),
        ("received", ("peer",), "203.0.113.7"),
        ("received", ("time",), "2026-01-01T00:00:00.000Z"),
        ("received", ("time",), "2026-01-01T00:00:00.000000000+00:00"),
        ("received", ("order",), 5),
        ("received", ("v",), 2),
        ("received", ("type",), "sent"),
        ("completed", ("status",), 99),
        ("completed", ("outcome",), "maybe"),
        ("completed after a restart", ("recovered",), False),
        ("denied many times", ("count",), 0),
        ("administration", ("details",), {"nested": {"more": 1}}),
        ("opened", ("keys", "redaction"), []),
    ],
)
def test_what_the_document_does_not_allow_is_refused(
    kind: str, path: tuple[str, ...], value: Any
) -> None:
    example = copy.deepcopy(EXAMPLES[kind])
    inner = example
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    encoded = json.dumps(example, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(RecordError):
        parse_record(encoded)


@pytest.mark.parametrize(
    "missing", [("caller",), ("signature",), ("caller", "key"), ("request",), ("audit_id",)]
)
def test_evidence_is_whole_or_not_there(missing: tuple[str, ...]) -> None:
    example = copy.deepcopy(EXAMPLES["received"])
    inner = example if len(missing) == 1 else example[missing[0]]
    del inner[missing[-1]]
    with pytest.raises(RecordError):
        parse_record(canonicalize(example))


def test_another_spelling_of_a_record_is_refused() -> None:
    octets = canonicalize(EXAMPLES["closed"])
    for other in (b" " + octets, octets.replace(b'"v":', b'"v": '), octets[:-1] + b',"v":1}'):
        assert other != octets
        with pytest.raises(RecordError):
            parse_record(other)


def test_a_record_of_more_than_eight_kibibytes_is_refused() -> None:
    details = {f"d{index}": "x" * 1000 for index in range(9)}
    with pytest.raises(RecordError, match="8192"):
        parse_record(canonicalize(EXAMPLES["administration"] | {"details": details}))


@given(st.binary(max_size=64) | st.sampled_from([b"null", b"[]", b'{"type":7}', b'{"count":1}']))
def test_only_one_kind_of_error_comes_of_other_octets(octets: bytes) -> None:
    with pytest.raises(RecordError):
        parse_record(octets)


@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_a_damaged_record_is_a_record_or_a_record_error(kind: str, data: st.DataObject) -> None:
    octets = bytearray(canonicalize(EXAMPLES[kind]))
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        record = parse_record(bytes(octets))
    except RecordError:
        return
    written = record.model_dump_json(by_alias=True, exclude_none=True).encode()
    assert canonicalize(written) == bytes(octets)


def test_the_published_schema_is_that_of_the_models() -> None:
    said = "run: python -m connector.audit.records"
    assert json.loads(read("docs/audit-record.schema.json")) == schema(), said


def test_the_schema_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    main([str(tmp_path / "schema.json")])
    text = (tmp_path / "schema.json").read_text(encoding="utf-8")
    assert text == read("docs/audit-record.schema.json")
    assert "python -m connector.audit.records" in text
    assert "null" not in text
