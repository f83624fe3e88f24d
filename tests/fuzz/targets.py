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

import http_sf

from canonical import (
    CanonicalError,
    Date,
    DisplayString,
    Request,
    Response,
    SignatureInvalid,
    Token,
    canonicalize,
    check_content_digest,
    content_digest,
    parse_dictionary,
    parse_item,
    parse_list,
    parse_signatures,
    serialize,
    sign,
    signature_base,
    verify,
)
from canonical import components as component_plans
from canonical import signatures as signature_lists
from canonical.fields import parse_inner_list
from canonical.jcs import parse_json
from tests.canonical.structured_values import typed
from tests.fuzz.inputs import read_message, resent
from tests.fuzz.jose_targets import ap2, envelope, jws, keys
from tests.fuzz.signers import EDWARDS, KEYS, genuine

if TYPE_CHECKING:
    from collections.abc import Callable

    from canonical.message import Message

_DIGESTS: Final = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
# Parameters are arguments of `sign` by name: these names are taken by others.
_ARGUMENTS: Final = frozenset({"message", "key", "components", "label"})


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
                EDWARDS,
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
    signed = resent(request, headers)
    (only,) = parse_signatures(signed)
    assert only.label == label
    covered = {name for name, _ in only.components}
    if covered.isdisjoint({"signature", "signature-input"}):
        verify(signed, only, EDWARDS)


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
