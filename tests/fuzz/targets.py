"""What is fuzzed: one entry function for each part of ``canonical`` that reads a stranger's octets.

An entry function takes any octets. Only CanonicalError may come out of the code under test, and
the functions let even that end there; an AssertionError is a property that does not hold. The
properties hold for all inputs, so nothing here knows which input is good.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

import http_sf

from canonical import (
    CanonicalError,
    Date,
    DisplayString,
    Key,
    Request,
    Response,
    SignatureInvalid,
    Token,
    canonicalize,
    check_content_digest,
    content_digest,
    load_key,
    load_key_set,
    parse_dictionary,
    parse_item,
    parse_list,
    parse_signatures,
    serialize,
    sign,
    sign_detached,
    sign_envelope,
    sign_merchant_authorization,
    signature_base,
    thumbprint,
    verify,
    verify_detached,
    verify_envelope,
    verify_merchant_authorization,
)
from canonical import components as component_plans
from canonical import signatures as signature_lists
from canonical.envelope import envelope as talos_payload
from canonical.fields import parse_inner_list
from canonical.jcs import parse_json
from canonical.jws import protected_header
from connector.diagnosis.generator.keys import private_jwk
from tests.canonical.structured_values import typed
from tests.fuzz.inputs import read_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from canonical.message import Message

_EDWARDS: Final = load_key(private_jwk("platform-ed25519"))
KEYS: Final = (
    load_key(private_jwk("platform-2026")),
    load_key(private_jwk("platform-es384")),
    _EDWARDS,
)
_DIGESTS: Final = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
# Parameters are arguments of `sign` by name: these names are taken by others.
_ARGUMENTS: Final = frozenset({"message", "key", "components", "label"})

genuine: Final[set[bytes]] = set()
"""What the seeds' test keys have signed: anything else that verifies is a forgery."""


def fields(data: bytes) -> None:
    """RFC 9651: what is read can be written, is read again as the same, and http-sf agrees."""
    _field(data, "item", parse_item)
    _field(data, "list", parse_list)
    members = _field(data, "dictionary", parse_dictionary)
    try:
        unique: Any = parse_dictionary(data, unique=True)
    except CanonicalError:
        unique = None
    assert unique is None or typed(unique) == typed(members)
    try:
        inner = parse_inner_list(data)
    except CanonicalError:
        return
    assert typed([inner]) == typed(parse_list(data))


def _field(data: bytes, kind: str, parse: Callable[[bytes | str], Any]) -> Any:
    theirs: Any = None
    with suppress(http_sf.StructuredFieldError):
        theirs = http_sf.parse(data, tltype=kind)
    try:
        ours = parse(data)
    except CanonicalError:
        # Where it is the more lenient one: tabs, and base64 in other than its one spelling.
        assert theirs is None or b"\t" in data or b":" in data
        return None
    text = serialize(ours)
    again = parse(text)
    assert typed(again) == typed(ours)
    assert serialize(again) == text
    # A datetime holds fewer seconds than a Date.
    if theirs is not None or b"@" not in data:
        assert _theirs(theirs) == typed(ours)
    return ours


def _theirs(value: Any) -> Any:
    """Spell the types of http-sf's values as ``typed`` does ours."""
    match value:
        case dict():
            return {key: _theirs(each) for key, each in value.items()}
        case list() | tuple():
            return [_theirs(each) for each in value]
        case http_sf.Token():
            return typed(Token(str(value)))
        case http_sf.DisplayString():
            return typed(DisplayString(str(value)))
        case bool() | int() | str() | bytes() | Decimal():
            return typed(value)
    return typed(Date(value.timestamp()))


def components(data: bytes) -> None:
    """RFC 9421 section 2: a base has a line for each component and is the same without memory."""
    member, request = read_message(data)
    try:
        text = member.decode("ascii")
    except UnicodeDecodeError:
        text = "()"
    response = Response(
        status=len(data) % 1000, headers=list(request.headers), request=request, body=request.body
    )
    messages: tuple[Message, ...] = (request, response)
    for message in messages:
        base = _base(message, text)
        if base is None:
            continue
        assert base.isascii()
        assert b"\r" not in base
        lines = base.split(b"\n")
        assert lines[-1] == b'"@signature-params": ' + text.strip(" ").encode()
        items, _ = parse_inner_list(text)
        # Every line is told by its identifier, and none occurs twice.
        starts = [serialize(item).encode() + b": " for item in items]
        assert len(lines) == len(starts) + 1
        assert all(line.startswith(start) for line, start in zip(lines, starts, strict=False))
        assert len(set(starts)) == len(starts)
        for (name, parameters), line in zip(items, lines, strict=False):
            if not parameters and not str(name).startswith("@"):
                assert line == _plain_line(str(name), request)
        forget()
        assert _base(message, text) == base


def _plain_line(name: str, request: Request) -> bytes:
    """Make the line of a field without parameters anew, from the lines as received."""
    values = [value for each, value in request.headers if each.lower() == name.encode()]
    unfolded = [re.sub(rb"[ \t]*\r\n[ \t]+", b" ", value).strip(b" \t") for value in values]
    return f'"{name}": '.encode() + b", ".join(unfolded)


def _base(message: Message, member: str) -> bytes | None:
    try:
        return signature_base(message, member)
    except CanonicalError:
        return None


def forget() -> None:
    """Clear what ``canonical`` keeps between messages: it must not change a result."""
    component_plans._plans.clear()
    signature_lists._component_lists.clear()


def signatures(data: bytes) -> None:
    """RFC 9421: nobody's signature verifies but the seeds' own, and what we sign does."""
    _, request = read_message(data)
    try:
        found = parse_signatures(request)
    except CanonicalError:
        return
    assert len({each.label for each in found}) == len(found)
    for each in found[:4]:
        for key in KEYS:
            try:
                verify(request, each, key)
            except SignatureInvalid:
                continue
            assert signature_base(request, each) in genuine, "a forgery"
        if not _ARGUMENTS.isdisjoint(each.parameters):
            continue
        try:
            made = sign(
                request,
                _EDWARDS,
                [(name, parameters) for name, parameters in each.components],
                label=each.label,
                **each.parameters,
            )
        except CanonicalError:
            continue
        _check_made(request, made, each.label)


def _check_made(request: Request, made: tuple[str, str], label: str) -> None:
    """What was just signed is read and verifies."""
    kept = [
        line
        for line in request.headers
        if line[0].lower() not in (b"signature", b"signature-input")
    ]
    headers = [*kept, (b"Signature-Input", made[0].encode()), (b"Signature", made[1].encode())]
    signed = _resent(request, headers)
    (only,) = parse_signatures(signed)
    assert only.label == label
    covered = {name for name, _ in only.components}
    if covered.isdisjoint({"signature", "signature-input"}):
        verify(signed, only, _EDWARDS)


def _resent(request: Request, headers: list[tuple[bytes, bytes]]) -> Request:
    return Request(method=request.method, target=request.target, headers=headers, body=request.body)


def digest(data: bytes) -> None:
    """RFC 9530: a digest that passes is what hashlib says of the body, by http-sf's reading."""
    lines, _, body = data.partition(b"\n\n")
    values = lines.split(b"\n")
    check_content_digest(content_digest(body), body)
    check_content_digest([content_digest(body, "sha-512").encode()], body)
    try:
        check_content_digest(values, body)
    except CanonicalError:
        return
    read: Any = http_sf.parse(b", ".join(values), tltype="dictionary")
    known = {name: member[0] for name, member in read.items() if name in _DIGESTS}
    assert known
    assert known == {name: _DIGESTS[name](body).digest() for name in known}


def jcs(data: bytes) -> None:
    """RFC 8785: the canonical form is its own, means the same, and is ordered."""
    try:
        canonical = canonicalize(data)
    except CanonicalError:
        return
    assert canonicalize(canonical) == canonical
    assert canonicalize(parse_json(data)) == canonical
    # Python's own reader, every number a double: the same value before and after.
    before = json.loads(data.decode(), parse_int=float)
    assert json.loads(canonical.decode(), parse_int=float, object_pairs_hook=_ordered) == before


def _ordered(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name.encode("utf-16-be") for name, _ in pairs]
    assert names == sorted(set(names))
    return dict(pairs)


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
    made = sign_detached(payload, _EDWARDS, b64=encoded)
    assert verify_detached(made, payload, _EDWARDS).get("b64", True) is encoded
    assert _refused(made, payload + b"\0", _EDWARDS)
    if header is not None:
        _with_header({name: header[name] for name in header if name not in ("alg", "b64", "crit")})


def _with_header(headers: Mapping[str, Any]) -> None:
    """Whatever a header may carry survives signing."""
    try:
        made = sign_detached(b"{}", _EDWARDS, headers=headers)
    except CanonicalError:
        return
    signed = verify_detached(made, b"{}", _EDWARDS)
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
    made = sign_envelope(request, _EDWARDS).encode()
    signed = _resent(request, [*kept, (b"Request-Signature", made)])
    verify_envelope(signed, _EDWARDS)


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


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "fields": fields,
    "components": components,
    "signatures": signatures,
    "digest": digest,
    "jcs": jcs,
    "jws": jws,
    "envelope": envelope,
    "ap2": ap2,
    "keys": keys,
}
