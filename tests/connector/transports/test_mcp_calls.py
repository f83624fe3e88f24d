"""What a key stands for over MCP, and the recorded answer under a new id."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from canonical import CanonicalError, canonicalize
from canonical.jcs import MAX_DEPTH
from connector.transports.mcp_calls import (
    MAX_CANONICAL,
    payload_digest,
    request_id,
    with_request_id,
)
from tests.connector.transports.json_texts import OBJECTS, SPACE, STRINGS, VALUES, spelled

IDS = st.integers(-(2**53), 2**53) | STRINGS | st.floats(allow_nan=False, allow_infinity=False)
ARGUMENTS = OBJECTS.filter(lambda arguments: "meta" not in arguments)
ABSENT = object()


def call(**changed: Any) -> dict[str, Any]:
    """Return a call as UCP shows it; ABSENT takes a member away."""
    message: dict[str, Any] = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "complete_checkout",
            "arguments": {
                "meta": {
                    "ucp-agent": {"profile": "https://platform.example/profile"},
                    "idempotency-key": "550e8400-e29b-41d4-a716-446655440000",
                },
                "id": "chk_1",
                "checkout": {"payment": {"total": 100}},
            },
            "_meta": {"progressToken": 1},
        },
    }
    return {key: value for key, value in (message | changed).items() if value is not ABSENT}


def params(**changed: Any) -> dict[str, Any]:
    members = call()["params"] | changed
    return call(params={key: value for key, value in members.items() if value is not ABSENT})


def arguments(**changed: Any) -> dict[str, Any]:
    return params(arguments=call()["params"]["arguments"] | changed)


def written(message: Any) -> bytes:
    return json.dumps(message).encode()


@st.composite
def calls(draw: st.DrawFn, name: str, counting: dict[str, Any]) -> bytes:
    """Write a call of these in any spelling, with any id and anything that does not count."""
    given_arguments = dict(counting)
    if draw(st.booleans()):
        given_arguments["meta"] = draw(VALUES)
    members: dict[str, Any] = {"name": name, "arguments": given_arguments}
    if draw(st.booleans()):
        members["_meta"] = draw(VALUES)
    message = {"jsonrpc": "2.0", "id": draw(IDS), "method": "tools/call", "params": members}
    return (draw(SPACE) + draw(spelled(message)) + draw(SPACE)).encode()


def test_the_digest_is_that_of_the_canonical_name_and_arguments_without_meta() -> None:
    """Claims outlive a gateway: what is hashed may never change."""
    counting = (
        b'{"arguments":{"checkout":{"payment":{"total":100}},"id":"chk_1"},'
        b'"name":"complete_checkout"}'
    )
    assert sha256(b"mcp-call:" + counting).digest() == payload_digest(written(call()))


def test_the_digest_of_anything_else_is_that_of_the_raw_body() -> None:
    body = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
    assert sha256(b"mcp-raw:" + body).digest() == payload_digest(body)


@given(st.data(), STRINGS, ARGUMENTS)
def test_spelling_order_id_and_meta_do_not_count(
    data: st.DataObject, name: str, counting: dict[str, Any]
) -> None:
    one = data.draw(calls(name, counting))
    other = data.draw(calls(name, counting))
    assert payload_digest(one) == payload_digest(other)


@given(st.data(), STRINGS, ARGUMENTS, STRINGS, ARGUMENTS)
def test_another_name_or_other_arguments_count(
    data: st.DataObject,
    name: str,
    counting: dict[str, Any],
    name_2: str,
    counting_2: dict[str, Any],
) -> None:
    assume(canonicalize([name, counting]) != canonicalize([name_2, counting_2]))
    one = payload_digest(data.draw(calls(name, counting)))
    assert one != payload_digest(data.draw(calls(name_2, counting_2)))


@given(st.data(), OBJECTS)
def test_a_change_of_any_one_octet_counts_or_is_a_spelling(
    data: st.DataObject, counting: dict[str, Any]
) -> None:
    """The judge is canonical JSON of the whole text, with what does not count taken out."""
    body = written(arguments(checkout=counting))
    at = data.draw(st.integers(0, len(body) - 1))
    changed = body[:at] + data.draw(st.binary(max_size=2)) + body[at + 1 :]
    same = body == changed or what_counts(body) == what_counts(changed)
    assert same == (payload_digest(body) == payload_digest(changed))


def what_counts(body: bytes) -> bytes:
    try:
        message = json.loads(canonicalize(body))
    except CanonicalError:
        return b"raw" + body
    if not isinstance(message, dict) or not isinstance(message.get("params"), dict):
        return b"raw" + body
    if isinstance(message.get("id"), (str, int, float)):
        message["id"] = 0
    message["params"].pop("_meta", None)
    if isinstance(message["params"].get("arguments"), dict):
        message["params"]["arguments"].pop("meta", None)
    shape = call(params={"name": "", "arguments": {}})
    same_shape = message.keys() == shape.keys() and message["params"].keys() == {
        "name",
        "arguments",
    }
    same_words = message.get("jsonrpc") == "2.0" and message.get("method") == "tools/call"
    return canonicalize(message) if same_shape and same_words else b"raw" + body


NO_CALLS = {
    "another version": call(jsonrpc="1.0"),
    "no version": call(jsonrpc=ABSENT),
    "another method": call(method="tools/list"),
    "no method": call(method=ABSENT),
    "no id": call(id=ABSENT),
    "a null id": call(id=None),
    "a boolean id": call(id=True),
    "a list for an id": call(id=[1]),
    "another member": call(result={}),
    "a member like the id": call(ID=2),
    "no params": call(params=ABSENT),
    "params by position": call(params=["complete_checkout", {}]),
    "another param": params(task={"ttl": 1}),
    "a param like the arguments": params(Arguments={}),
    "no name": params(name=ABSENT),
    "a number for a name": params(name=1),
    "no arguments": params(arguments=ABSENT),
    "null for arguments": params(arguments=None),
    "a list of arguments": params(arguments=[]),
    "a batch": [call()],
    "a string": "tools/call",
}


@pytest.mark.parametrize("message", NO_CALLS.values(), ids=NO_CALLS)
def test_what_is_no_call_counts_octet_by_octet(message: Any) -> None:
    body = written(message)
    assert sha256(b"mcp-raw:" + body).digest() == payload_digest(body)
    assert payload_digest(body) != payload_digest(body + b" ")
    assert payload_digest(body) != payload_digest(written(call()))


def with_argument(literal: bytes) -> bytes:
    return written(arguments(checkout="<>")).replace(b'"<>"', literal)


NO_CANONICAL_FORM = {
    "a repeated name": b'{"total":1,"total":100}',
    "a name repeated by escapes": b'{"total":1,"\\u0074otal":100}',
    "a lone surrogate": b'"\\ud800"',
    "more digits than a double": b"9007199254740993",
    "too large for a double": b"1e400",
    "NaN": b"NaN",
    "no UTF-8": b'"\xff"',
    "no JSON": b"{",
    "deep": b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
    "as deep as nobody reads": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("literal", NO_CANONICAL_FORM.values(), ids=NO_CANONICAL_FORM)
def test_what_has_no_canonical_form_counts_octet_by_octet(literal: bytes) -> None:
    body = with_argument(literal)
    assert sha256(b"mcp-raw:" + body).digest() == payload_digest(body)


@pytest.mark.parametrize("name", ["repeated", "byte order mark", "meta twice", "deep meta"])
def test_what_is_read_in_two_ways_outside_the_arguments_counts_too(name: str) -> None:
    body = {
        "repeated": b'{"params":{},' + written(call())[1:],
        "byte order mark": b"\xef\xbb\xbf" + written(call()),
        "meta twice": written(call()).replace(b'"meta":', b'"meta":{},"meta":'),
        "deep meta": written(arguments(meta="<>")).replace(
            b'"<>"', b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
        ),
    }[name]
    assert sha256(b"mcp-raw:" + body).digest() == payload_digest(body)


@pytest.mark.parametrize(
    ("one", "other"),
    [(b"1", b"1.0"), (b"100", b"1e2"), (b'"a"', b'"\\u0061"'), (b"0", b"-0.0")],
)
def test_literals_of_one_canonical_value_are_one_payload(one: bytes, other: bytes) -> None:
    assert payload_digest(with_argument(one)) == payload_digest(with_argument(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [(b"1", b'"1"'), (b"1", b"true"), (b"0", b"false"), (b"null", b"{}"), (b"[]", b"{}")],
)
def test_kinds_of_values_are_kept_apart(one: bytes, other: bytes) -> None:
    assert payload_digest(with_argument(one)) != payload_digest(with_argument(other))


def test_only_meta_itself_is_left_out() -> None:
    digests = {
        payload_digest(written(message))
        for message in (
            arguments(),
            arguments(Meta={"idempotency-key": "x"}),
            arguments(_meta={}),
            arguments(checkout={"meta": {}, "payment": {"total": 100}}),
            arguments(checkout={"payment": {"total": 100, "_meta": {}}}),
        )
    }
    assert len(digests) == 5


def test_a_body_that_is_the_canonical_text_of_a_call_is_not_that_call() -> None:
    counting = canonicalize({"name": "create_cart", "arguments": {}})
    digests = {
        payload_digest(written(params(name="create_cart", arguments={}))),
        payload_digest(counting),
        payload_digest(b"mcp-call:" + counting),
        payload_digest(b"mcp-raw:" + counting),
        sha256(counting).digest(),
    }
    assert len(digests) == 5


ANSWER = b'{"jsonrpc": "2.0",\n "id" : 1 , "result":{"id":"chk_1","note":"\\"id\\":1 \xc3\xa9"}}\n'


@pytest.mark.parametrize(
    "literal", [b"2", b"-7", b"1.50", b"1E2", b'"a\\u0062"', b'"\xc3\xa9"', b'""', b"9" * 400]
)
def test_the_id_is_put_in_as_the_call_writes_it(literal: bytes) -> None:
    repeated = b'{"id" : ' + literal + b',"method":"tools/call"}'
    assert literal == request_id(repeated)
    expected = ANSWER.replace(b'"id" : 1 ', b'"id" : ' + literal + b" ")
    assert expected == with_request_id(ANSWER, repeated)


@given(st.data(), OBJECTS, VALUES, IDS)
def test_all_octets_but_those_of_the_id_stay(
    data: st.DataObject, members: dict[str, Any], recorded: Any, new: Any
) -> None:
    # The answer is written around the id: every octet of it but that literal is known.
    rest = {name: value for name, value in members.items() if name != "id"}
    others = [
        f"{data.draw(spelled(name))}{data.draw(SPACE)}:{data.draw(spelled(value))}"
        for name, value in rest.items()
    ]
    at = data.draw(st.integers(0, len(others)))
    space, literal = data.draw(SPACE), data.draw(spelled(recorded))
    before = "{" + "".join(f"{member}{space}," for member in others[:at])
    before += f"{space}{data.draw(spelled('id'))}{space}:{space}"
    after = space + "".join(f",{space}{member}" for member in others[at:]) + "}" + space
    written_new = data.draw(spelled(new))
    repeated = data.draw(spelled({"jsonrpc": "2.0"}))[:-1] + f',"id":{space}{written_new}}}'
    answer = with_request_id(f"{before}{literal}{after}".encode(), repeated.encode())
    assert f"{before}{written_new}{after}".encode() == answer


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b"[]",
        b'[{"jsonrpc":"2.0","id":1,"result":{}}]',
        b'{"jsonrpc":"2.0","result":{"id":1}}',
        b'{"id":1,"result":{},"id":1}',
        b'{"id":1,"result":{},"\\u0069d":2}',
        b'{"id":1,"result":{}',
        b'{"id":1,"result":{}} x',
        b'{"id":1,"result":"\xff"}',
        b'\xef\xbb\xbf{"id":1}',
        b'{"id":1,"result":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        b'{"id":1,"result":' + b"[" * 500_000,
        b'{"ID":1}',
        b"<html>",
    ],
)
def test_an_answer_without_one_id_stays_as_it_is(answer: bytes) -> None:
    assert answer == with_request_id(answer, b'{"id":2}')


@pytest.mark.parametrize(
    "repeated",
    [
        b"",
        b"{}",
        b"2",
        b'{"id":null}',
        b'{"id":true}',
        b'{"id":false}',
        b'{"id":[2]}',
        b'{"id":{"a":2}}',
        b'{"id":2,"id":2}',
        b'{"id":2',
        b'{"params":{"id":2}}',
    ],
)
def test_a_call_without_one_id_changes_no_answer(repeated: bytes) -> None:
    assert request_id(repeated) is None
    assert with_request_id(ANSWER, repeated) == ANSWER


@pytest.mark.parametrize("recorded", [b"null", b'"1"', b"1e0", b'{"a":[1]}', b"[]", b"true"])
def test_whatever_id_was_recorded_is_replaced(recorded: bytes) -> None:
    answer = b'{"error":{"code":-32600},"id":' + recorded + b"}"
    assert with_request_id(answer, b'{"id":2}') == b'{"error":{"code":-32600},"id":2}'


def test_an_answer_with_numbers_that_have_no_canonical_form_is_still_ours_to_address() -> None:
    answer = b'{"id":1,"result":[9007199254740993,1e400,{"a":1,"a":2}]}'
    assert with_request_id(answer, b'{"id":2}') == answer.replace(b'"id":1', b'"id":2')


def long_call(number: int = 1, **changes: Any) -> dict[str, Any]:
    arguments = {"checkout": {"note": "x" * MAX_CANONICAL}, "id": "a", "meta": {"a": 1}, **changes}
    params = {"name": "update_checkout", "arguments": arguments, "_meta": {"n": number}}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def test_a_long_call_stands_for_its_arguments_as_they_are_written() -> None:
    def digest(document: Any, **how: Any) -> bytes:
        return payload_digest(json.dumps(document, **how).encode())

    first = digest(long_call())
    assert first == digest(long_call(2, meta={"b": 2}))
    turned = dict(reversed(long_call()["params"]["arguments"].items()))
    assert first == digest(
        {**long_call(), "params": {"name": "update_checkout", "arguments": turned}}
    )
    others = [
        digest(long_call(id="b")),
        digest(long_call(more=1)),
        digest({**long_call(), "params": {**long_call()["params"], "name": "create_checkout"}}),
        digest({**long_call(), "more": 1}),
        digest({**long_call(), "method": "tools/list"}),
        digest({**long_call(), "params": []}),
        payload_digest(
            json.dumps(long_call()).encode().replace(b'"id": "a"', b'"id": "a", "id": "a"')
        ),
        payload_digest(json.dumps(long_call()).encode().replace(b'"x', b'"\\u0078')),
    ]
    assert len({first, *others}) == len(others) + 1
    # However long: no boundary between two arguments can be moved.
    assert digest(long_call(id="1,2")) != digest(long_call(id="1", more="2"))
