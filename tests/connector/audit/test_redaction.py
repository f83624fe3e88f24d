from __future__ import annotations

import hmac
from base64 import b64decode, b64encode, urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from connector.audit.redaction import EvidenceKeyMissing, EvidenceSealer, Redactor, Unopened

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
AUDIT_ID = "019b76da-a800-7000-8000-0123456789ab"
BASE = b'"@method": POST\n"@signature-params": ("@method");keyid="k"'


def test_a_hash_is_what_the_document_says() -> None:
    whole = hmac.new(KEY, b"peer\x00203.0.113.7", "sha256").digest()
    expected = urlsafe_b64encode(whole[:16]).rstrip(b"=").decode()
    assert Redactor("h1", KEY).hash("peer", "203.0.113.7") == f"h1:{expected}"
    assert len(expected) == 22


@given(st.text(), st.text())
def test_field_and_value_both_decide(one: str, other: str) -> None:
    redactor = Redactor("h1", KEY)
    assert (redactor.hash("peer", one) == redactor.hash("peer", other)) == (one == other)
    assert redactor.hash("peer", one) != redactor.hash("path", one)
    assert Redactor("h1", OTHER).hash("peer", one) != redactor.hash("peer", one)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_and_its_octets_have_one_hash(value: str) -> None:
    redactor = Redactor("h2", KEY)
    assert redactor.hash("query", value) == redactor.hash("query", value.encode())


def test_no_text_is_refused() -> None:
    assert Redactor("h1", KEY).hash("query", "\udcff").startswith("h1:")


@given(st.binary(max_size=2048))
def test_what_was_sealed_opens(octets: bytes) -> None:
    sealer = EvidenceSealer(KEY)
    sealed = sealer.seal(AUDIT_ID, octets)
    assert sealed is not None
    assert sealer.open(AUDIT_ID, sealed) == octets


def test_a_sealed_base_opens_by_the_document_alone() -> None:
    sealed = EvidenceSealer(KEY).seal(AUDIT_ID, BASE)
    assert sealed is not None
    assert sealed.startswith("e:630dcd29:")  # of the SHA-256 of KEY
    octets = b64decode(sealed[11:], validate=True)
    key = HKDFExpand(SHA256(), 32, b"ucp-connector/audit/base/019b76da").derive(KEY)
    assert AESGCM(key).decrypt(octets[:12], octets[12:], AUDIT_ID.encode()) == BASE


def test_one_base_is_sealed_differently_each_time() -> None:
    sealer = EvidenceSealer(KEY)
    assert sealer.seal(AUDIT_ID, BASE) != sealer.seal(AUDIT_ID, BASE)


def test_without_a_key_no_base_is_kept() -> None:
    assert EvidenceSealer(None).seal(AUDIT_ID, BASE) is None
    assert not EvidenceSealer(None).key_ids


def test_the_first_key_seals_and_older_ones_open() -> None:
    before = EvidenceSealer(OTHER).seal(AUDIT_ID, BASE)
    rotated = EvidenceSealer(KEY, OTHER)
    now = rotated.seal(AUDIT_ID, BASE)
    assert before is not None
    assert now is not None
    assert rotated.open(AUDIT_ID, before) == rotated.open(AUDIT_ID, now) == BASE
    assert list(rotated.key_ids) == [now[:10], before[:10]]
    with pytest.raises(EvidenceKeyMissing, match=r"e:630dcd29 is not at hand"):
        EvidenceSealer(OTHER).open(AUDIT_ID, now)


def test_a_destroyed_key_is_missing_and_nothing_worse() -> None:
    sealed = EvidenceSealer(KEY).seal(AUDIT_ID, BASE)
    assert sealed is not None
    with pytest.raises(EvidenceKeyMissing):
        EvidenceSealer(None).open(AUDIT_ID, sealed)


def test_a_sealed_base_opens_for_its_own_record_only() -> None:
    sealer = EvidenceSealer(KEY)
    sealed = sealer.seal(AUDIT_ID, BASE)
    assert sealed is not None
    # Within the same period, where the key is the same.
    with pytest.raises(Unopened, match="not what was sealed"):
        sealer.open(AUDIT_ID[:-1] + "c", sealed)


@given(st.integers(min_value=0, max_value=12 + len(BASE) + 16 - 1), st.integers(0, 7))
def test_a_flipped_bit_in_a_sealed_base_is_noticed(at: int, bit: int) -> None:
    sealer = EvidenceSealer(KEY)
    sealed = sealer.seal(AUDIT_ID, BASE)
    assert sealed is not None
    octets = bytearray(b64decode(sealed[11:]))
    octets[at] ^= 1 << bit
    with pytest.raises(Unopened, match="not what was sealed"):
        sealer.open(AUDIT_ID, sealed[:11] + b64encode(octets).decode())


@given(st.text(max_size=64))
def test_what_is_no_sealed_base_is_refused(text: str) -> None:
    with pytest.raises(Unopened):
        EvidenceSealer(KEY).open(AUDIT_ID, text)


@pytest.mark.parametrize("key", [b"", KEY[1:], KEY + b"\0"])
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="32 octets"):
        Redactor("h1", key)
    with pytest.raises(ValueError, match="32 octets"):
        EvidenceSealer(key)


@pytest.mark.parametrize("octets", [0, 11, 12, 27])
def test_a_sealed_base_that_is_cut_short_is_refused(octets: int) -> None:
    with pytest.raises(Unopened):
        EvidenceSealer(KEY).open(AUDIT_ID, f"e:630dcd29:{b64encode(bytes(octets)).decode()}")
