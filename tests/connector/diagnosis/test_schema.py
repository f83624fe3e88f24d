"""vectors/schema.json, which says in JSON Schema what vectors/README.md says in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from connector.diagnosis import vectors
from connector.diagnosis.vectors import SCHEMA, VectorFileError, read_vectors

VECTORS: Final = Path(__file__).parents[3] / "vectors"
_SCHEMA: Final = json.loads((VECTORS / SCHEMA).read_bytes())
_VALIDATOR: Final = Draft202012Validator(_SCHEMA)
_REQUEST: Final = {"method": "GET", "target": "/a", "headers": [["Host", "x"]]}
_RESPONSE: Final = {"status": 200, "headers": []}
_REFUSED: Final = {"decision": "reject", "code": "signature_missing"}
_ACCEPTED: Final = {
    "decision": "accept",
    "identity": "https://p.example/",
    "keyid": "k",
    "label": "sig1",
    "signature_base": "a",
}
_REPAIR: Final = {"op": "replace", "path": "/request/target", "value": "/b"}


def _file(**case: Any) -> dict[str, Any]:
    whole = {
        "id": "one",
        "description": "A case.",
        "rule": "RFC 9421 section 2.5",
        "now": 0,
        "request": _REQUEST,
        "expect": _REFUSED,
        **case,
    }
    positive = {**whole, "id": "two", "kind": "request", "expect": _ACCEPTED}
    for name in ("response", "differs_from", "repair"):
        positive.pop(name, None)
    return {
        "format": "ucp-signature-vectors/1",
        "title": "Title",
        "spec": "2026-08-25",
        "keys": {},
        "documents": {},
        "cases": [whole, positive],
    }


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(_SCHEMA)


@pytest.mark.parametrize(
    "path", [path for path in sorted(VECTORS.glob("*.json")) if path.name != SCHEMA], ids=str
)
def test_every_file_is_as_the_schema_says(path: Path) -> None:
    errors = [error.message for error in _VALIDATOR.iter_errors(json.loads(path.read_bytes()))]

    assert errors == []


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"kind": "webhook"},
        {"kind": "response", "response": _RESPONSE},
        {"differs_from": "two", "repair": _REPAIR},
        {"differs_from": "two", "repair": {"op": "remove", "path": "/settings"}},
        {"differs_from": "two", "repair": {**_REPAIR, "then": {"sign": {"": "key"}}}},
        {"expect": {**_ACCEPTED, "scheme": "talos"}},
    ],
)
def test_the_schema_and_the_reader_take_the_same(case: dict[str, Any]) -> None:
    document = _file(**case)

    assert list(_VALIDATOR.iter_errors(document)) == []
    read_vectors(json.dumps(document).encode())


@pytest.mark.parametrize(
    "case",
    [
        {"surplus": 1},
        {"now": "soon"},
        {"now": True},
        {"kind": "answer"},
        {"kind": "response"},
        {"kind": "ap2"},
        {"response": _RESPONSE},
        {"kind": "webhook", "response": _RESPONSE},
        {"kind": "response", "response": {"headers": []}},
        {"kind": "response", "response": {**_RESPONSE, "reason": "OK"}},
        {"request": {**_REQUEST, "body": "", "body_base64": ""}},
        {"request": {**_REQUEST, "headers": [["a"]]}},
        {"request": {**_REQUEST, "headers": [["a", "€"]]}},
        {"expect": {"decision": "perhaps"}},
        {"expect": {**_REFUSED, "label": "sig1"}},
        {"expect": {**_ACCEPTED, "scheme": "hmac"}},
        {"differs_from": "two"},
        {"repair": _REPAIR},
        {"expect": _ACCEPTED, "differs_from": "two", "repair": _REPAIR},
        {"differs_from": "two", "repair": {**_REPAIR, "op": "move"}},
        {"differs_from": "two", "repair": {**_REPAIR, "op": "remove"}},
        {"differs_from": "two", "repair": {"op": "add", "path": "/settings"}},
        {"differs_from": "two", "repair": {**_REPAIR, "path": "target"}},
        {"differs_from": "two", "repair": {**_REPAIR, "then": {"digest": False}}},
        {"differs_from": "two", "repair": {**_REPAIR, "then": {"sign": {"sig1": 1}}}},
        {"differs_from": "two", "repair": {**_REPAIR, "then": {"encrypt": True}}},
    ],
)
def test_the_schema_and_the_reader_refuse_the_same(case: dict[str, Any]) -> None:
    document = _file(**case)

    assert list(_VALIDATOR.iter_errors(document)) != []
    with pytest.raises(VectorFileError):
        read_vectors(json.dumps(document).encode())


def test_the_words_of_the_format_are_the_schemas() -> None:
    definitions = _SCHEMA["$defs"]

    assert set(definitions["case"]["properties"]) == set(vectors.Case._fields)
    assert set(definitions["case"]["properties"]["kind"]["enum"]) == vectors.KINDS
    assert set(definitions["accept"]["properties"]["scheme"]["enum"]) == vectors.SCHEMES
    assert set(definitions["document"]["properties"]["error"]["enum"]) == vectors.DOCUMENT_ERRORS
    assert set(definitions["repair"]["properties"]["op"]["enum"]) == vectors.OPERATIONS
