"""Vector files: signed requests with the decision that is expected of a verifier.

The format is ``ucp-signature-vectors/1``; vectors/README.md tells it for other languages. Reading
is strict, so that a typing error in a case is an error and never a case that passes for nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.steps import RawHeaders

FORMAT: Final = "ucp-signature-vectors/1"

DOCUMENT_ERRORS: Final = frozenset({"timeout", "connection", "tls", "unresolvable", "special_use"})
"""What a document's ``error`` may say went wrong while it was fetched."""

_TYPES: Final = {str: "a string", int: "an integer", dict: "an object", list: "a list"}


class VectorFileError(Exception):
    """A vector file that cannot be used; the text is one line that says where and why."""


class Document(NamedTuple):
    """What a URL answers: a body with status 200, another status, or an error."""

    body: bytes | None
    status: int
    error: str | None


class WireRequest(NamedTuple):
    """A request as the file gives it: one octet per character of a header."""

    method: str
    target: str
    scheme: str
    headers: RawHeaders
    body: bytes


class Accept(NamedTuple):
    """The request must verify, with these results."""

    identity: str
    keyid: str
    label: str
    signature_base: str


class Reject(NamedTuple):
    """The request must be refused with this code and, where one is given, this reason."""

    code: str
    reason: str | None


class Case(NamedTuple):
    """One request and what is expected of it; ``now`` is UNIX time in seconds."""

    id: str
    description: str
    rule: str
    settings: Mapping[str, Any]
    now: int
    request: WireRequest
    expect: Accept | Reject


class VectorFile(NamedTuple):
    """One file: its test keys (private JWKs), the documents behind URLs, and the cases."""

    title: str
    spec: str
    keys: Mapping[str, Mapping[str, Any]]
    documents: Mapping[str, Document]
    cases: tuple[Case, ...]


def read_vectors(data: bytes) -> VectorFile:
    """Read a vector file's octets; raises VectorFileError."""
    try:
        top = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise VectorFileError(f"not JSON: {error}") from error
    node = _Node(top, "the file")
    if node.get("format", str) != FORMAT:
        raise VectorFileError(f'format is not "{FORMAT}"')
    node.only("format", "title", "spec", "keys", "documents", "cases")
    keys = node.get("keys", dict)
    documents = node.get("documents", dict)
    cases = tuple(
        _case(entry, f"case {number}") for number, entry in enumerate(node.get("cases", list), 1)
    )
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise VectorFileError(f'case "{case.id}" occurs twice')
        seen.add(case.id)
    return VectorFile(
        node.get("title", str),
        node.get("spec", str),
        {name: _Node(jwk, f'key "{name}"').members for name, jwk in keys.items()},
        {url: _document(entry, f'document "{url}"') for url, entry in documents.items()},
        cases,
    )


class _Node:
    """A JSON object and where it stands, so that a complaint can name the place."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise VectorFileError(f"{where} is not an object")
        self.members: dict[str, Any] = value
        self.where = where

    def get(self, name: str, kind: type, *, default: object = None) -> Any:
        value = self.members.get(name, default)
        # bool is an int in Python, and none in JSON.
        if not isinstance(value, kind) or isinstance(value, bool):
            fault = f"not {_TYPES[kind]}" if name in self.members else "missing"
            raise VectorFileError(f"{self.where}: {name} is {fault}")
        return value

    def only(self, *names: str) -> None:
        for name in self.members:
            if name not in names:
                raise VectorFileError(f'{self.where}: "{name}" is not known')


def _document(value: object, where: str) -> Document:
    node = _Node(value, where)
    if len(node.members) != 1:
        raise VectorFileError(f"{where} has one of json, status and error")
    node.only("json", "status", "error")
    if "json" in node.members:
        return Document(json.dumps(node.members["json"]).encode("ascii"), 200, None)
    if "status" in node.members:
        return Document(None, node.get("status", int), None)
    error = node.get("error", str)
    if error not in DOCUMENT_ERRORS:
        raise VectorFileError(f"{where}: error is none of {', '.join(sorted(DOCUMENT_ERRORS))}")
    return Document(None, 0, error)


def _case(value: object, where: str) -> Case:
    node = _Node(value, where)
    node.where = f'case "{node.get("id", str)}"'
    node.only("id", "description", "rule", "settings", "now", "request", "expect")
    return Case(
        node.get("id", str),
        node.get("description", str),
        node.get("rule", str),
        node.get("settings", dict, default={}),
        node.get("now", int),
        _request(_Node(node.get("request", dict), f"{node.where}: request")),
        _expectation(_Node(node.get("expect", dict), f"{node.where}: expect")),
    )


def _request(node: _Node) -> WireRequest:
    node.only("method", "target", "scheme", "headers", "body", "body_base64")
    headers: RawHeaders = []
    for line in node.get("headers", list):
        if not (isinstance(line, list) and len(line) == 2 and all(type(x) is str for x in line)):
            raise VectorFileError(f"{node.where}: a header is a list of a name and a value")
        try:
            headers.append((line[0].encode("latin-1"), line[1].encode("latin-1")))
        except UnicodeEncodeError:
            raise VectorFileError(f"{node.where}: a header has a character past U+00FF") from None
    return WireRequest(
        node.get("method", str),
        node.get("target", str),
        node.get("scheme", str, default="https"),
        headers,
        _body(node),
    )


def _body(node: _Node) -> bytes:
    if "body_base64" not in node.members:
        text: str = node.get("body", str, default="")
        return text.encode("utf-8", "surrogatepass")
    if "body" in node.members:
        raise VectorFileError(f"{node.where} has body and body_base64")
    try:
        return base64.b64decode(node.get("body_base64", str), validate=True)
    except (binascii.Error, ValueError):
        raise VectorFileError(f"{node.where}: body_base64 is not base64") from None


def _expectation(node: _Node) -> Accept | Reject:
    decision = node.get("decision", str)
    if decision == "accept":
        node.only("decision", *Accept._fields)
        return Accept(*(node.get(name, str) for name in Accept._fields))
    if decision == "reject":
        node.only("decision", *Reject._fields)
        reason = node.get("reason", str) if "reason" in node.members else None
        return Reject(node.get("code", str), reason)
    raise VectorFileError(f"{node.where}: decision is neither accept nor reject")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has a name twice")
    return members
