"""The entry functions for JSON Web Signatures and Keys; targets.py says what such a function is."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from canonical import (
    CanonicalError,
    Key,
    SignatureInvalid,
    canonicalize,
    load_key,
    load_key_set,
    sign_detached,
    sign_envelope,
    sign_merchant_authorization,
    thumbprint,
    verify_detached,
    verify_envelope,
    verify_merchant_authorization,
)
from canonical.envelope import envelope as talos_payload
from canonical.jcs import parse_json
from canonical.jws import protected_header
from tests.fuzz.inputs import read_message, resent
from tests.fuzz.signers import EDWARDS, KEYS, genuine

if TYPE_CHECKING:
    from collections.abc import Mapping


def jws(data: bytes) -> None:
    """RFC 7515 and 7797: nobody's JWS verifies but the seeds' own, and what we sign does."""
    text, _, payload = data.partition(b"\n")
    header: Mapping[str, Any] | None = None
    with suppress(CanonicalError):
        header = protected_header(text)
    for key in KEYS:
        try:
            verified = verify_detached(text, payload, key)
        except SignatureInvalid:
            continue
        assert verified == header
        assert data in genuine, "a forgery"
    encoded = len(data) % 2 == 0
    made = sign_detached(payload, EDWARDS, b64=encoded)
    assert verify_detached(made, payload, EDWARDS).get("b64", True) is encoded
    assert _refused(made, payload + b"\0", EDWARDS)
    if header is not None:
        _with_header({name: header[name] for name in header if name not in ("alg", "b64", "crit")})


def _with_header(headers: Mapping[str, Any]) -> None:
    """Whatever a header may carry survives signing."""
    try:
        made = sign_detached(b"{}", EDWARDS, headers=headers)
    except CanonicalError:
        return
    signed = verify_detached(made, b"{}", EDWARDS)
    assert canonicalize({name: signed[name] for name in headers}) == canonicalize(dict(headers))


def _refused(text: str, payload: bytes, key: Key) -> bool:
    try:
        verify_detached(text, payload, key)
    except SignatureInvalid:
        return True
    return False


def envelope(data: bytes) -> None:
    """Talos: the payload is canonical and says what was sent; nobody's verifies but the seeds'."""
    _, request = read_message(data)
    try:
        payload = talos_payload(request, endpoint="")
    except CanonicalError:
        payload = None
    for key in KEYS:
        try:
            verify_envelope(request, key)
        except SignatureInvalid:
            continue
        assert payload in genuine, "a forgery"
    if payload is None:
        return
    assert canonicalize(payload) == payload
    said = json.loads(payload, parse_int=float)
    assert said["method"] == request.method.upper()
    assert _pairs(said["query"]) == _pairs(request.target.partition("?")[2])
    if said["body"] is not None:
        assert said["body"] == json.loads(request.body, parse_int=float)
    kept = [line for line in request.headers if line[0].lower() != b"request-signature"]
    made = sign_envelope(request, EDWARDS).encode()
    signed = resent(request, [*kept, (b"Request-Signature", made)])
    verify_envelope(signed, EDWARDS)


def _pairs(query: str) -> list[list[bytes]]:
    """Decode form-encoded pairs to octets: none may be lost, or become another one."""
    octets = query.encode("utf-8", "surrogateescape").replace(b"+", b" ")
    pairs = [pair.partition(b"=")[::2] for pair in octets.split(b"&") if pair]
    return sorted([unquote_to_bytes(part) for part in pair] for pair in pairs)


def ap2(data: bytes) -> None:
    """AP2: nobody's authorization verifies but the seeds' own, and what we sign does."""
    try:
        checkout = parse_json(data)
    except CanonicalError:
        checkout = None
    for key in KEYS:
        try:
            verify_merchant_authorization(data, key)
        except SignatureInvalid:
            continue
        rest = {name: value for name, value in checkout.items() if name != "ap2"}
        assert canonicalize(rest) in genuine, "a forgery"
    try:
        made = sign_merchant_authorization(data, KEYS[0])
    except CanonicalError:
        return
    verify_merchant_authorization({**checkout, "ap2": {"merchant_authorization": made}}, KEYS[0])


def keys(data: bytes) -> None:
    """RFC 7517: a key that loads verifies what is signed with it, and a set never fails for one."""
    try:
        document = parse_json(data)
    except CanonicalError:
        return
    try:
        name = thumbprint(document)
    except CanonicalError:
        name = ""
    try:
        key = load_key(document)
    except CanonicalError:
        pass
    else:
        assert key.thumbprint == name
        assert load_key(key.public_jwk()).thumbprint == name
        if key.is_private:
            key.verify(key.sign(data), data)
    try:
        found = load_key_set(document)
    except CanonicalError:
        return
    for each in found:
        if each.kid is not None:
            try:
                found.get(each.kid)
            except CanonicalError:
                continue
