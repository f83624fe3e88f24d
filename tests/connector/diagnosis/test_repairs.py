"""Every refused case differs from an accepted one in one thing: proved by repairing that thing."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from canonical import CanonicalError
from canonical.signatures import read_member
from connector.diagnosis.generator.repairs import cost, difference, repair
from connector.diagnosis.runner import run_file
from connector.diagnosis.vectors import SCHEMA, read_vectors
from tests.connector.diagnosis.repairing import (
    Members,
    header,
    keyid_of,
    message_of,
    repaired,
    signed,
)

VECTORS: Final = Path(__file__).parents[3] / "vectors"
FILES: Final[dict[str, Members]] = {
    path.name: json.loads(path.read_bytes())
    for path in sorted(VECTORS.glob("*.json"))
    if path.name != SCHEMA
}
REFUSED: Final = [
    (name, number)
    for name, file in FILES.items()
    for number, case in enumerate(file["cases"])
    if case["expect"]["decision"] == "reject"
]
BY_ID: Final = [FILES[name]["cases"][number]["id"] for name, number in REFUSED]
refused = pytest.mark.parametrize(("name", "number"), REFUSED, ids=BY_ID)

_JUDGED: Final = ("settings", "now", "kind", "request", "response")


def _case(name: str, number: int) -> Members:
    case: Members = FILES[name]["cases"][number]
    return case


def _positive(name: str, case: Members) -> Members:
    return next(each for each in FILES[name]["cases"] if each["id"] == case["differs_from"])


@cache
def _repaired(name: str, number: int) -> Members:
    return repaired(FILES[name], _case(name, number))


def _judged(case: Members) -> Members:
    return {member: case[member] for member in _JUDGED if member in case}


def _is_of_document(case: Members) -> bool:
    return bool(case["repair"]["path"].startswith("/documents/"))


@refused
def test_a_refused_case_names_an_accepted_one_of_its_file(name: str, number: int) -> None:
    case = _case(name, number)

    assert _positive(name, case)["expect"]["decision"] == "accept"
    assert "repair" in case


@pytest.mark.parametrize("name", FILES)
def test_what_is_repaired_is_accepted(name: str) -> None:
    file = FILES[name]
    numbers = [number for each, number in REFUSED if each == name]
    for number in numbers:
        whole = _repaired(name, number)
        members = {key: value for key, value in whole.items() if key not in ("repair", "documents")}
        del members["differs_from"]
        data = {**file, "documents": whole["documents"], "cases": [members]}
        (outcome,) = asyncio.run(run_file(name, read_vectors(json.dumps(data).encode())))

        assert outcome.decided == "accept", members["id"]


@refused
def test_what_is_repaired_is_the_accepted_case(name: str, number: int) -> None:
    """Octet for octet; where a document is repaired, but for the URL that names it."""
    case = _case(name, number)
    whole, positive = _judged(_repaired(name, number)), _judged(_positive(name, case))
    if _is_of_document(case):
        assert whole == _judged(case)
        _without_names(whole)
        positive = json.loads(json.dumps(positive))
        _without_names(positive)
        assert _repaired(name, number)["documents"] != FILES[name]["documents"]
    assert whole == positive


_NAMING = ("UCP-Agent", "Signature-Agent", "Host", "Signature", "Request-Signature")


def _without_names(case: Members) -> None:
    """Take out what names a document, and the signatures that cover it."""
    for message in (case["request"], case.get("response", {"headers": []})):
        message["headers"] = [line for line in message["headers"] if line[0] not in _NAMING]
    if "response" in case and case.get("kind") == "ap2":
        del case["response"]["body"]


@refused
def test_what_is_signed_again_was_signed_as_it_stands(name: str, number: int) -> None:
    """A signature is made again for what was changed before it, never for itself being wrong."""
    file, case = FILES[name], _case(name, number)
    for label, key in case["repair"].get("then", {}).get("sign", {}).items():
        value = header(message_of(case), "Signature" if label else "Request-Signature")
        if value is None or (label and f"{label}=" not in value):
            continue
        keyid = keyid_of(case, label) if label else None
        named = {each for each in (key, _key_named(file, keyid)) if each is not None}
        try:
            own = {signed(file, case, {label: each})[label] for each in named}
        except CanonicalError:
            # Of what is malformed nobody can say what a signature of it would be.
            assert case["expect"]["reason"] == "malformed"
            continue

        assert any(each in value for each in own), label


def _key_named(file: Members, keyid: str | None) -> str | None:
    return keyid if keyid in file["keys"] else None


@refused
def test_signature_inputs_differ_in_one_thing(name: str, number: int) -> None:
    case = _case(name, number)
    ours = header_or_none(message_of(case), "Signature-Input")
    theirs = header_or_none(message_of(_positive(name, case)), "Signature-Input")
    if ours is None or theirs is None or ours == theirs:
        return
    mine, other = _tokens(ours), _tokens(theirs)
    if mine is None or other is None:
        # It is malformed, and that is what is wrong with it.
        assert case["expect"]["reason"] in {"malformed", "label_mismatch"}
        return
    assert _is_one_change(mine, other), (ours, theirs)


def header_or_none(message: Members, name: str) -> str | None:
    values = [value for field, value in message["headers"] if field == name]
    return values[0] if len(values) == 1 else None


def _tokens(value: str) -> list[str] | None:
    """Return components and parameters in order, of every label."""
    tokens: list[str] = []
    for part in value.split(", "):
        label, _, member = part.partition("=")
        try:
            read = read_member(member)
        except CanonicalError:
            return None
        tokens.append(label)
        tokens += [f"{each.name};{each.parameters}" for each in read.components]
        tokens += [f"{key}={value!r}" for key, value in read.parameters.items()]
    return tokens


def _is_one_change(ours: list[str], theirs: list[str]) -> bool:
    """Whether one token or the order of tokens differ, or tokens in a row are all there is more."""
    start = 0
    while start < min(len(ours), len(theirs)) and ours[start] == theirs[start]:
        start += 1
    ours, theirs = ours[start:], theirs[start:]
    while ours and theirs and ours[-1] == theirs[-1]:
        ours, theirs = ours[:-1], theirs[:-1]
    return (
        (len(ours) <= 1 and len(theirs) <= 1)
        or sorted(ours) == sorted(theirs)
        or not (ours and theirs)
    )


@refused
def test_what_is_covered_follows_from_what_is_there(name: str, number: int) -> None:
    """Only a header that comes or goes changes what is covered along with it."""
    case = _case(name, number)
    wanted = case["repair"].get("then", {}).get("signature_input")
    if wanted is None:
        return
    operation, ours = case["repair"], header(message_of(case), "Signature-Input")
    assert ours is not None
    mine, other = _tokens(ours), _tokens(wanted)
    assert mine is not None
    assert other is not None
    (component,) = {*mine} ^ {*other}
    assert operation["op"] in {"add", "remove"}
    assert component == f"{operation['value'][0].lower()};{{}}"


@refused
def test_bodies_differ_in_one_place(name: str, number: int) -> None:
    case = _case(name, number)
    ours, theirs = (message_of(each).get("body") for each in (case, _positive(name, case)))
    if ours is None or theirs is None or ours == theirs:
        return
    mine, other = json.loads(ours.removeprefix("\ufeff")), json.loads(theirs)
    # The same value in other octets, or a value that differs in one place.
    assert mine == other or difference(mine, other, "/x/x/x") is not None


def test_two_differences_have_no_repair() -> None:
    ours, theirs = FILES["requests.json"]["cases"][:2]
    changed = json.loads(json.dumps(theirs))
    changed["request"]["method"] = "PUT"

    assert repair(ours, changed, {"sig1": "platform-2026"}) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "operation"),
    [
        ({"a": 1}, {"a": 2}, {"op": "replace", "path": "/a", "value": 2}),
        ({"a": 1}, {}, {"op": "remove", "path": "/a"}),
        ({}, {"a/b~": 1}, {"op": "add", "path": "/a~1b~0", "value": 1}),
        ({"a": [1, 3]}, {"a": [1, 2, 3]}, {"op": "add", "path": "/a/1", "value": 2}),
        ({"a": [1, 2, 3]}, {"a": [1, 3]}, {"op": "remove", "path": "/a/1"}),
        ({"a": [1, 2]}, {"a": [1, 3]}, {"op": "replace", "path": "/a/1", "value": 3}),
        ({"a": 1}, {"a": 1}, None),
        ({"a": 1, "b": 1}, {"a": 2, "b": 2}, None),
        (
            {"settings": {"a": {"b": 1, "c": 1}}},
            {"settings": {"a": {"b": 2, "c": 2}}},
            {"op": "replace", "path": "/settings/a", "value": {"b": 2, "c": 2}},
        ),
        (
            {"request": {"headers": [["a", "b"], ["c", "d"]]}},
            {"request": {"headers": [["a", "x"], ["c", "y"]]}},
            None,
        ),
    ],
)
def test_the_one_operation_is_found(ours: Any, theirs: Any, operation: Members | None) -> None:
    assert difference(ours, theirs) == operation


def test_a_direct_change_is_nearer_than_one_that_is_signed_again() -> None:
    case = {"request": {"target": "/abc", "method": "GET"}}
    target = {"op": "replace", "path": "/request/target", "value": "/abd"}

    assert cost(case, target) == 2
    assert cost(case, {**target, "then": {"sign": {}}}) > cost(
        case, {"op": "add", "value": "x" * 99}
    )
    assert cost(case, {"op": "remove", "path": "/request/method"}) > cost(case, target)
