"""Carries out the repairs of vector files, as vectors/README.md tells it.

It works on the files' JSON alone, signs with the file's own test keys, and shares nothing with what
generated the repairs.
"""

from __future__ import annotations

import copy
import json
from base64 import b64decode, b64encode, urlsafe_b64decode
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from canonical import Request, Response, parse_signatures, signature_base
from canonical.base64 import decode_url, encode_url
from canonical.envelope import envelope

Members = dict[str, Any]

_CURVES: Final[dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]]] = {
    "P-256": (ec.SECP256R1(), hashes.SHA256()),
    "P-384": (ec.SECP384R1(), hashes.SHA384()),
}
_JWS: Final = "Request-Signature"


def repaired(file: Members, case: Members) -> Members:
    """Return the case as its repair leaves it, with the documents as it leaves them beside it."""
    repair = case["repair"]
    whole = copy.deepcopy({**case, "documents": file["documents"]})
    _operate(whole, repair)
    then = repair.get("then", {})
    message = message_of(whole)
    if then.get("digest"):
        digest = b64encode(sha256(octets(message)).digest()).decode("ascii")
        put(message, "Content-Digest", f"sha-256=:{digest}:")
    if "signature_input" in then:
        put(message, "Signature-Input", then["signature_input"])
    if "sign" in then:
        values = signed(file, whole, then["sign"])
        if "" in values:
            put(message, _JWS, values.pop(""))
        if values:
            put(message, "Signature", ", ".join(f"{k}=:{v}:" for k, v in values.items()))
    return whole


def signed(file: Members, case: Members, signers: dict[str, str]) -> dict[str, str]:
    """Return what each label's signature is, made with the named key: base64, or a JWS."""
    made = {}
    for label, name in signers.items():
        if label:
            value = _sign(file["keys"][name], _base(case, label))
            made[label] = b64encode(value).decode("ascii")
        else:
            made[label] = _jws(file["keys"][name], case)
    return made


def message_of(case: Members) -> Members:
    """Return what is verified: the response where there is one, else the request."""
    members: Members = case["response"] if "response" in case else case["request"]
    return members


def header(message: Members, name: str) -> str | None:
    """Return a header's only value; None where it is absent."""
    values = [value for field, value in message["headers"] if field == name]
    assert len(values) < 2
    return values[0] if values else None


def put(message: Members, name: str, value: str) -> None:
    """Replace a header's only value, or add a line at the end."""
    lines = [line for line in message["headers"] if line[0] == name]
    assert len(lines) < 2
    if lines:
        lines[0][1] = value
    else:
        message["headers"].append([name, value])


def octets(message: Members) -> bytes:
    """Return a message's body."""
    if "body_base64" in message:
        return b64decode(message["body_base64"])
    return str(message.get("body", "")).encode()


def keyid_of(case: Members, label: str) -> str | None:
    """Return the keyid of a label's member of Signature-Input."""
    found = _signature(case, label).parameters.get("keyid")
    return found if isinstance(found, str) else None


def _operate(document: Any, operation: Members) -> None:
    """RFC 6902: add, remove or replace."""
    *parents, last = (
        part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
    )
    target = document
    for part in parents:
        target = target[int(part)] if isinstance(target, list) else target[part]
    place: Any = int(last) if isinstance(target, list) else last
    if operation["op"] == "remove":
        del target[place]
    elif operation["op"] == "add" and isinstance(target, list):
        target.insert(place, operation["value"])
    else:
        # RFC 6902 section 4.3: what is replaced must be there; section 4.1: else it is added.
        present = place < len(target) if isinstance(target, list) else place in target
        assert present == (operation["op"] == "replace")
        target[place] = operation["value"]


def _request(case: Members) -> Request:
    request = case["request"]
    headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in request["headers"]
    ]
    return Request(
        method=request["method"],
        target=request["target"],
        scheme=request["scheme"],
        headers=headers,
        body=octets(request),
    )


def _signature(case: Members, label: str) -> Any:
    """Read a label's member of Signature-Input, whatever stands in Signature."""
    message = copy.deepcopy(message_of(case))
    put(message, "Signature", f"{label}=:AA==:")
    text = Request(method="", target="/", headers=[tuple(line) for line in message["headers"]])
    return next(each for each in parse_signatures(text) if each.label == label)


def _base(case: Members, label: str) -> bytes:
    member = _signature(case, label).member
    if "response" not in case:
        return signature_base(_request(case), member)
    response = case["response"]
    headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in response["headers"]
    ]
    answer = Response(
        status=response["status"], headers=headers, body=octets(response), request=_request(case)
    )
    return signature_base(answer, member)


def _jws(jwk: Members, case: Members) -> str:
    """Sign again what the JWS's own header says, which stays as it is."""
    request = _request(case)
    value = header(case["request"], _JWS)
    assert value is not None
    protected = value.partition(".")[0]
    members = json.loads(urlsafe_b64decode(protected + "=" * (-len(protected) % 4)))
    if header(case["request"], "Talos-Signature-Meta") is not None:
        endpoint = case.get("settings", {}).get("endpoints", {}).get("rest", "/")
        payload = envelope(request, endpoint=endpoint.removesuffix("/"))
    else:
        payload = request.body
    if members.get("b64", True):
        payload = encode_url(payload).encode("ascii")
    return f"{protected}..{encode_url(_sign(jwk, protected.encode('ascii') + b'.' + payload))}"


def _sign(jwk: Members, data: bytes) -> bytes:
    """Sign as the files were signed: Ed25519, or ECDSA with the nonces of RFC 6979."""
    secret = decode_url(jwk["d"])
    if jwk["crv"] == "Ed25519":
        return Ed25519PrivateKey.from_private_bytes(secret).sign(data)
    curve, digest = _CURVES[jwk["crv"]]
    key = ec.derive_private_key(int.from_bytes(secret), curve)
    der = key.sign(data, ec.ECDSA(digest, deterministic_signing=True))
    return b"".join(number.to_bytes(len(secret)) for number in decode_dss_signature(der))
