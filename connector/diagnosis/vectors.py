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

SCHEMA: Final = "schema.json"
"""The one JSON file in a folder of vectors that holds no cases: it describes the others."""

RFC9421: Final = "rfc9421"
SCHEMES: Final = frozenset({RFC9421, "detached-jws", "talos"})
"""What may have vouched for an accepted message."""

KINDS: Final = frozenset({"request", "response", "webhook", "ap2"})
"""What is verified: a platform's request, the business's answer to it, the business's own request
to the platform, or the merchant's authorization in an answer."""

ANSWERED: Final = frozenset({"response", "ap2"})
"""The kinds whose cases have a ``response``."""

OPERATIONS: Final = frozenset({"add", "remove", "replace"})
"""The operations of RFC 6902 that a repair may be."""

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


class WireResponse(NamedTuple):
    """What the business answered to the request, as the file gives it."""

    status: int
    headers: RawHeaders
    body: bytes


class Accept(NamedTuple):
    """The message must verify, with these results."""

    identity: str
    keyid: str
    label: str
    """Empty where the scheme has no labels."""
    signature_base: str
    """What was signed; of a JSON Web Signature its signing input."""
    scheme: str = RFC9421


class Reject(NamedTuple):
    """The request must be refused with this code and, where one is given, this reason."""

    code: str
    reason: str | None


class Repair(NamedTuple):
    """What turns a refused case into an accepted one: one change, and what follows from it.

    The change is an operation of RFC 6902 on the case, with the file's ``documents`` beside its
    members. Then, in this order and where asked for, Content-Digest is made again, Signature-Input
    is replaced, and the message is signed again.
    """

    op: str
    """``add``, ``remove`` or ``replace``."""
    path: str
    """A JSON pointer (RFC 6901)."""
    value: Any = None
    digest: bool = False
    signature_input: str | None = None
    sign: Mapping[str, str] = {}
    """Label to the name of the test key; the label is empty where the scheme has none."""


class Case(NamedTuple):
    """One message and what is expected of it; ``now`` is UNIX time in seconds.

    What is verified is the request, or for the kinds ``response`` and ``ap2`` the response to it.
    """

    id: str
    description: str
    rule: str
    settings: Mapping[str, Any]
    now: int
    request: WireRequest
    expect: Accept | Reject
    kind: str = "request"
    response: WireResponse | None = None
    differs_from: str = ""
    """The id of the accepted case from which this one differs in one thing."""
    repair: Repair | None = None


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
    _check_ids(cases)
    return VectorFile(
        node.get("title", str),
        node.get("spec", str),
        {name: _Node(jwk, f'key "{name}"').members for name, jwk in keys.items()},
        {url: _document(entry, f'document "{url}"') for url, entry in documents.items()},
        cases,
    )


def _check_ids(cases: tuple[Case, ...]) -> None:
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise VectorFileError(f'case "{case.id}" occurs twice')
        seen.add(case.id)
    for case in cases:
        if case.differs_from and case.differs_from not in seen:
            raise VectorFileError(f'case "{case.id}": differs_from names no case of the file')


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

    def inner(self, name: str) -> _Node:
        return _Node(self.get(name, dict), f"{self.where}: {name}")

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
    node.only(*Case._fields)
    kind = node.get("kind", str, default="request")
    if kind not in KINDS:
        raise VectorFileError(f"{node.where}: kind is none of {', '.join(sorted(KINDS))}")
    if ("response" in node.members) != (kind in ANSWERED):
        raise VectorFileError(f"{node.where}: a response belongs to the kinds response and ap2")
    if ("differs_from" in node.members) != ("repair" in node.members):
        raise VectorFileError(f"{node.where}: differs_from and repair belong together")
    expect = _expectation(node.inner("expect"))
    if "repair" in node.members and isinstance(expect, Accept):
        raise VectorFileError(f"{node.where}: what is accepted needs no repair")
    return Case(
        node.get("id", str),
        node.get("description", str),
        node.get("rule", str),
        node.get("settings", dict, default={}),
        node.get("now", int),
        _request(node.inner("request")),
        expect,
        kind,
        _response(node.inner("response")) if "response" in node.members else None,
        node.get("differs_from", str, default=""),
        _repair(node.inner("repair")) if "repair" in node.members else None,
    )


def _request(node: _Node) -> WireRequest:
    node.only("method", "target", "scheme", "headers", "body", "body_base64")
    headers = _headers(node)
    return WireRequest(
        node.get("method", str),
        node.get("target", str),
        node.get("scheme", str, default="https"),
        headers,
        _body(node),
    )


def _response(node: _Node) -> WireResponse:
    node.only("status", "headers", "body", "body_base64")
    return WireResponse(node.get("status", int), _headers(node), _body(node))


def _headers(node: _Node) -> RawHeaders:
    headers: RawHeaders = []
    for line in node.get("headers", list):
        if not (isinstance(line, list) and len(line) == 2 and all(type(x) is str for x in line)):
            raise VectorFileError(f"{node.where}: a header is a list of a name and a value")
        try:
            headers.append((line[0].encode("latin-1"), line[1].encode("latin-1")))
        except UnicodeEncodeError:
            raise VectorFileError(f"{node.where}: a header has a character past U+00FF") from None
    return headers


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
        scheme = node.get("scheme", str, default=RFC9421)
        if scheme not in SCHEMES:
            raise VectorFileError(f"{node.where}: scheme is none of {', '.join(sorted(SCHEMES))}")
        return Accept(
            node.get("identity", str),
            node.get("keyid", str),
            node.get("label", str),
            node.get("signature_base", str),
            scheme,
        )
    if decision == "reject":
        node.only("decision", *Reject._fields)
        reason = node.get("reason", str) if "reason" in node.members else None
        return Reject(node.get("code", str), reason)
    raise VectorFileError(f"{node.where}: decision is neither accept nor reject")


def _repair(node: _Node) -> Repair:
    node.only("op", "path", "value", "then")
    op, path = node.get("op", str), node.get("path", str)
    if op not in OPERATIONS:
        raise VectorFileError(f"{node.where}: op is none of {', '.join(sorted(OPERATIONS))}")
    if ("value" in node.members) == (op == "remove"):
        raise VectorFileError(f"{node.where}: a value belongs to add and replace")
    if not path.startswith("/"):
        raise VectorFileError(f"{node.where}: path is no JSON pointer")
    repair = Repair(op, path, node.members.get("value"))
    return _follow_ups(repair, node.inner("then")) if "then" in node.members else repair


def _follow_ups(repair: Repair, node: _Node) -> Repair:
    node.only("digest", "signature_input", "sign")
    # It is there or not; there is nothing that false would say.
    if node.members.get("digest", True) is not True:
        raise VectorFileError(f"{node.where}: digest is not true")
    sign = node.get("sign", dict, default={})
    if not all(type(name) is str for name in sign.values()):
        raise VectorFileError(f"{node.where}: sign names a key for each label")
    return repair._replace(
        digest="digest" in node.members,
        signature_input=(
            node.get("signature_input", str) if "signature_input" in node.members else None
        ),
        sign=sign,
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has a name twice")
    return members
