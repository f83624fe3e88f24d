"""Records as they are put together on the way are those of the models, in canonical form."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import Request
from connector.audit.ledger import resumed
from connector.audit.records import parse_record
from connector.audit.redaction import EvidenceSealer, Redactor
from connector.audit.rendering import Scribe
from connector.audit.writer import Abandoned
from connector.errors import CODES, Refusal
from connector.steps import Admission, Caller, Claim, Operation, Received
from tests.connector.caller_key import KEY

if TYPE_CHECKING:
    from connector.audit.records import Record

AUDIT_ID: Final = "01a1fdaa-c939-77b9-ab1f-90c059dd4b6d"
REDACTOR: Final = Redactor("h1", b"r" * 32)
SEALER: Final = EvidenceSealer(b"e" * 32)
SETTINGS: Final = f"sha-256:{'0' * 64}"
CLAIM: Final = Claim((b"c", b"a"), b"p", b"f" * 32, b"", (1.0, 1.0), margin=5.0)
CALLER: Final = Caller(
    identity="https://platform.example/.well-known/ucp",
    keyid="platform-2026",
    thumbprint=KEY.thumbprint,
    scheme="rfc9421",
    label="sig1",
    tier="registered",
    version="2026-08-25",
    signature_base=b'"@method": POST\n',
    signature=b"s" * 64,
    key=KEY,
    created=1_795_000_000,
)
_visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)


def scribe(sealer: EvidenceSealer = SEALER) -> Scribe:
    return Scribe(REDACTOR, sealer, SETTINGS, wall=lambda: 1_795_000_000_000_000_001)


def received(
    operation: Operation,
    *,
    caller: Caller = CALLER,
    target: str = "/ucp/v1/checkout-sessions/chk_1/complete?x=secret",
    template: str = "/checkout-sessions/{id}/complete",
    admission: Admission | None = None,
    sealer: EvidenceSealer = SEALER,
) -> tuple[bytes, Record]:
    request = Request(method="POST", target=target, body=b'{"secret": 1}')
    octets = scribe(sealer).received(
        Received(request, "flower-shop", "203.0.113.9", 1_795_000_000.0, 0.0),
        caller,
        operation,
        admission or Admission("claimed", [], claim=CLAIM),
        AUDIT_ID,
        template,
    )
    return octets, parse_record(octets)


KEYED: Final = Operation("complete_checkout", "write", "0123456789abcdef012345", b"p" * 32)
READ: Final = Operation("get_order", "read", None)


def test_a_request_is_written_down_with_all_that_verifies_it_again() -> None:
    octets, record = received(KEYED)
    shown: Any = record.model_dump(exclude_none=True)

    assert shown["caller"]["identity"] == CALLER.identity
    assert shown["caller"]["key"] == {
        name: KEY.public_jwk()[name] for name in ("kty", "crv", "x", "y")
    }
    assert shown["signature"]["created"] == CALLER.created
    assert SEALER.open(AUDIT_ID, shown["signature"]["base"]) == CALLER.signature_base
    assert shown["signature"]["hash"] == "sha-256"
    assert shown["decision"]["claim"] == "f" * 32
    assert shown["request"]["octets"] == 13
    assert shown["time"] == "2026-11-18T11:06:40.000000001Z"
    assert sha256(octets).digest() != sha256(received(READ)[0]).digest()


def test_what_could_name_a_person_is_hashed() -> None:
    octets, record = received(KEYED)
    shown: Any = record.model_dump(exclude_none=True)

    assert shown["peer"] == REDACTOR.hash("peer", "203.0.113.9")
    assert shown["request"]["path"] == (
        f"/checkout-sessions/{REDACTOR.hash('path', 'chk_1')}/complete"
    )
    assert shown["request"]["query"] == REDACTOR.hash("query", "x=secret")
    assert shown["request"]["idempotency_key"] == REDACTOR.hash("idempotency_key", KEYED.key or "")
    for leak in (b"chk_1", b"203.0.113", b"secret", b"0123456789abcdef012345", b"@method"):
        assert leak not in octets


@pytest.mark.parametrize(
    ("operation", "target", "template"),
    [
        (READ, "/orders/1", "/orders/{id}"),
        (READ, "/a/b/orders/1", "/orders/{id}"),
        (READ, "/ucp/v1/catalog/search", "/catalog/search"),
        (KEYED, "/checkout-sessions", "/checkout-sessions"),
    ],
)
def test_any_operation_has_a_record(operation: Operation, target: str, template: str) -> None:
    _, record = received(operation, target=target, template=template)
    shown: Any = record.model_dump()
    assert shown["request"]["path"].count("/") == template.count("/")
    assert "{" not in shown["request"]["path"]


@given(_visible, _visible, st.sampled_from(["", "sig1", 'odd"label\\']), st.binary(max_size=6000))
def test_whatever_a_caller_says_of_itself_the_record_is_one(
    keyid: str, path_id: str, label: str, base: bytes
) -> None:
    caller = CALLER._replace(keyid=keyid, label=label, signature_base=base, expires=1, created=None)
    part = "".join(each for each in path_id if each not in "/?#") or "x"
    _, record = received(READ, caller=caller, target=f"/orders/{part}", template="/orders/{id}")
    shown: Any = record.model_dump()
    assert shown["caller"]["keyid"] == keyid


def test_the_largest_record_fits() -> None:
    caller = CALLER._replace(keyid="k" * 256, label="l" * 256, signature_base=b"b" * 3072)
    octets, _ = received(KEYED, caller=caller._replace(identity=f"https://{'p' * 2000}.example"))
    assert len(octets) <= 8192


@pytest.mark.parametrize("scheme", ["detached-jws", "talos"])
def test_what_holds_the_body_is_never_kept(scheme: str) -> None:
    _, record = received(KEYED, caller=CALLER._replace(scheme=scheme, label=""))
    shown: Any = record.model_dump(exclude_none=True)
    assert "base" not in shown["signature"]
    assert "base_hash" in shown["signature"]


def test_without_an_evidence_key_no_base_is_kept() -> None:
    _, record = received(KEYED, sealer=EvidenceSealer(None))
    shown: Any = record.model_dump(exclude_none=True)
    assert "base" not in shown["signature"]
    assert "base_hash" in shown["signature"]


def test_what_is_only_observed_is_written_down_without_a_caller() -> None:
    refusal = Refusal("signature_missing", "signature_missing", "secret")
    request = Request(method="GET", target="/orders/1")
    octets = scribe().unverified(
        Received(request, "shop", "192.0.2.1", 0.0, 0.0),
        *("get_order", "read", AUDIT_ID, "/orders/{id}"),
        refusal,
    )
    shown: Any = parse_record(octets).model_dump()
    assert shown["caller"] is None
    assert shown["decision"]["code"] == "signature_missing"
    assert b"secret" not in octets


@pytest.mark.parametrize("code", [None, *CODES])
def test_every_end_and_every_refusal_has_a_record(code: str | None) -> None:
    refusal = None if code is None else Refusal(code, code, "for operators")
    octets = scribe().completed(
        AUDIT_ID,
        "shop",
        decision="reject" if code else "accept",
        outcome="answered",
        status=200,
        octets=5,
        duration=1000,
        refusal=refusal,
    )
    shown: Any = parse_record(octets).model_dump()
    assert shown["code"] == code
    if refusal is None:
        return
    for merchant, operation, caller in (("", "", None), ("shop", "get_order", CALLER)):
        octets = scribe().denied(
            *(AUDIT_ID, merchant, "::1", refusal.code.status, refusal),
            operation=operation,
            caller=caller,
        )
        shown = parse_record(octets).model_dump()
        assert shown["code"] == code
        assert b"for operators" not in octets


def test_what_the_log_says_of_itself_are_records_too() -> None:
    made = scribe()
    records = [
        made.other("closed", records=7),
        made.other("completed", audit_id=AUDIT_ID, merchant="m", outcome="unknown", recovered=True),
        made.other(
            "opened",
            origin="shop/0",
            software="ucp-connector 1",
            settings=SETTINGS,
            keys={"checkpoint": ["v"], "redaction": ["h1"]},
            torn=None,
        ),
        made.other(
            "denied",
            **{"class": "public_v4"},
            code="signature_missing",
            count=3,
            since=made.time(),
            until=made.time(),
        ),
        resumed(made)(Abandoned(256, 1000), "disk full é"),
    ]
    for octets in records:
        parse_record(octets)


def test_a_record_that_would_be_too_long_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="octets"):
        scribe().other("administration", details={"text": "x" * 9000})
