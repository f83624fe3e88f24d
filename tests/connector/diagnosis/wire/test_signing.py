"""What is signed again is what was signed, mistakes included.

Held against the edits from which the shipped cases were generated: what those make of the message
that is sent, the run must have made of it, too.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from canonical import load_key, parse_signatures, signature_base
from canonical.base64 import decode_url, encode_url
from canonical.envelope import envelope
from canonical.jcs import canonicalize
from connector.diagnosis.generator import keys
from connector.diagnosis.generator.recipes import Sent, put
from connector.diagnosis.generator.topics import bases, encodings
from connector.diagnosis.wire.moving import Mover
from connector.diagnosis.wire.signing import Resigner, message_of
from tests.connector.diagnosis.wire.shipped import FILES, NOW, around, case_of, moved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.diagnosis.generator.recipes import Case as Written
    from connector.diagnosis.generator.recipes import Edit
    from connector.diagnosis.vectors import WireRequest
    from connector.diagnosis.wire.signing import Remade, Versions

WRONG_BASES: Final = [case for case in bases.TOPIC.cases if case.edits]
ENCODED: Final = [
    case
    for case in encodings.TOPIC.cases
    # DER is made with the key, not of the octets.
    if case.edits and case.code and not case.id.endswith("-der")
]


def ids(cases: list[Written]) -> list[str]:
    return [case.id for case in cases]


def sent_of(request: WireRequest, *signed: bytes) -> Sent:
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers
    )
    return Sent(request.method, request.target, headers, request.body, signed)


@pytest.mark.parametrize("written", WRONG_BASES, ids=ids(WRONG_BASES))
def test_a_mistaken_base_is_mistaken_in_the_same_way(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_of("bases", written.id)
    # At the file's own time, so that the edits find what they replace.
    request = moved("bases", case, case.now).request
    message = message_of(request)
    (signature,) = parse_signatures(message)
    over: list[bytes] = []

    def sign(_: str, data: bytes) -> bytes:
        over.append(data)
        return b""

    monkeypatch.setattr(keys, "sign", sign)
    for edit in written.edits:
        edit(sent_of(request, signature_base(message, signature)))

    load_key(keys.private_jwk("platform-2026")).verify(signature.value, over[-1])
    assert b"127." in over[-1] or b"ucp-agent" not in over[-1]


def with_other_s(raw: bytes) -> bytes:
    """Of an ECDSA signature on P-256 both verify."""
    s = ec.SECP256R1().group_order - int.from_bytes(raw[32:])
    return raw[:32] + s.to_bytes(32) if s > 0 and len(raw) == 64 else raw


@pytest.mark.parametrize("written", ENCODED, ids=ids(ENCODED))
def test_a_spoilt_signature_is_spoilt_in_the_same_way(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = FILES["encodings"]
    case = case_of("encodings", written.id)
    made: list[bytes] = []
    remade = Resigner.remade

    def recorded(self: Resigner, versions: Versions, known: Mapping[bytes, bytes]) -> Remade:
        found = remade(self, versions, known)
        if not known:
            made.extend(found.values())
        return found

    monkeypatch.setattr(Resigner, "remade", recorded)
    request = Mover(file).move(case, around(file, case), NOW)

    (good,) = made
    assert sent_of(request) in [
        spoilt
        for each in (good, with_other_s(good))
        for edit in written.edits
        for spoilt in _spoilt(edit, sent_of(request), each)
    ]


def _spoilt(edit: Edit, sent: Sent, octets: bytes) -> list[Sent]:
    """Edit a message with this signature; nothing where it has nothing that would change."""
    signed = put("Signature", f"sig1=:{b64encode(octets).decode()}:")(sent)
    try:
        return [edit(signed)]
    except ValueError:
        # One signature in fifteen has neither of the letters in which the alphabets differ.
        return []


def test_der_is_made_of_the_new_signature() -> None:
    message = message_of(moved("encodings", case_of("encodings", "encoding-es384-der")).request)
    (signature,) = parse_signatures(message)
    jwk = keys.public_jwk("platform-es384")
    x, y = (int.from_bytes(decode_url(jwk[name])) for name in ("x", "y"))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP384R1()).public_key()

    public.verify(signature.value, signature_base(message, signature), ec.ECDSA(hashes.SHA384()))


@pytest.mark.parametrize(("id_", "high"), [("encoding-low-s", False), ("encoding-high-s", True)])
def test_s_stays_on_its_side_of_the_order(id_: str, *, high: bool) -> None:
    case = case_of("encodings", id_)
    for second in range(8):
        request = moved("encodings", case, NOW + second).request
        (signature,) = parse_signatures(message_of(request))
        s = int.from_bytes(signature.value[32:])
        assert (s > ec.SECP256R1().group_order // 2) is high


def test_a_zero_octet_at_the_beginning_stays() -> None:
    request = moved("encodings", case_of("encodings", "encoding-leading-zero")).request
    (signature,) = parse_signatures(message_of(request))
    assert signature.value[0] == 0


ENVELOPES: Final[dict[str, dict[str, Any]]] = {
    "talos-method-lower": {"method": "post"},
    "talos-query-as-sent": {"query": "source=chat&campaign=spring"},
    "talos-no-headers": {"headers": {}},
    "talos-typ": {},
}


@pytest.mark.parametrize(("id_", "changed"), ENVELOPES.items(), ids=ENVELOPES)
def test_a_mistaken_envelope_is_mistaken_in_the_same_way(id_: str, changed: dict[str, Any]) -> None:
    message = message_of(moved("talos", case_of("talos", id_)).request)
    (jws,) = message.headers.lines(b"request-signature")
    header, _, signature = jws.decode().partition("..")
    payload = canonicalize({**json.loads(envelope(message)), **changed})

    key = load_key(keys.private_jwk("platform-2026"))
    key.verify(decode_url(signature), f"{header}.{encode_url(payload)}".encode())


def test_no_two_runs_send_the_same_signature() -> None:
    case = case_of("requests", "request-post-es256")
    first, second = (moved("requests", case, NOW + number).request for number in range(2))
    assert first.headers != second.headers
