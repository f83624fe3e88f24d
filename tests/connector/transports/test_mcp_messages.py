"""What a JSON-RPC message says, and which ones are refused."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.jcs import MAX_DEPTH
from connector.errors import Refusal
from connector.json_marks import MAX_VALUES
from connector.transports import mcp_calls, mcp_messages
from connector.transports.mcp_messages import MAX_ID, MAX_MEMBERS, Message, read_message
from tests.connector.transports.json_texts import OBJECTS, spelled

CALL: Final[dict[str, Any]] = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "tools/call",
    "params": {
        "name": "get_cart",
        "arguments": {
            "id": "crt_1",
            "meta": {"ucp-agent": {"profile": "https://a.example/p"}, "idempotency-key": "k"},
        },
    },
}
READ: Final = Message("tools/call", b"7", "get_cart", "k", "https://a.example/p")


def reason(text: str | bytes) -> str:
    with pytest.raises(Refusal) as caught:
        read_message(text if isinstance(text, bytes) else text.encode())
    assert caught.value.code.name == "malformed_request"
    return caught.value.reason


def call(**params: Any) -> str:
    return json.dumps({**CALL, "params": params})


@given(st.data())
def test_a_call_is_read_however_it_is_spelled(data: st.DataObject) -> None:
    assert read_message(data.draw(spelled(CALL)).encode()) == READ


def test_a_call_may_do_without_all_that_is_optional() -> None:
    bare = {**CALL, "params": {"name": "get_cart"}}
    assert read_message(json.dumps(bare).encode()) == Message("tools/call", b"7", "get_cart")
    bare["params"]["arguments"] = {"meta": {}}
    assert read_message(json.dumps(bare).encode()) == Message("tools/call", b"7", "get_cart")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"jsonrpc":"2.0","id":"a","method":"ping"}', Message("ping", b'"a"')),
        (
            '{"jsonrpc":"2.0","method":"notifications/initialized","params":{"A":1}}',
            Message("notifications/initialized", None),
        ),
        (
            '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":5}}',
            Message("tools/list", b"1"),
        ),
        ('{"jsonrpc":"2.0","id":1,"method":"resources/read"}', Message("resources/read", b"1")),
    ],
)
def test_of_other_messages_the_method_and_the_id_are_read(text: str, read: Message) -> None:
    assert read_message(text.encode()) == read


@pytest.mark.parametrize(
    "identifier", ['"a"', '""', '"\\""', '"\\ud800"', "0", "-1", "9" * 200, f'"{"x" * 254}"']
)
def test_an_id_is_kept_as_it_is_written(identifier: str) -> None:
    read = read_message(f'{{"jsonrpc":"2.0","id":{identifier},"method":"ping"}}'.encode())
    assert read.id == identifier.encode()


@pytest.mark.parametrize(
    "identifier",
    ["null", "true", "1.0", "1e0", "1.5", "[1]", '{"a":1}', "9" * (MAX_ID + 1), f'"{"x" * 255}"'],
)
def test_an_id_of_another_kind_or_size_is_refused(identifier: str) -> None:
    assert reason(f'{{"jsonrpc":"2.0","id":{identifier},"method":"ping"}}') == "rpc_id"


@pytest.mark.parametrize("text", ["[]", f"[{json.dumps(CALL)}]", " \n[1,2]"])
def test_batches_are_refused(text: str) -> None:
    assert reason(text) == "rpc_batch"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"x",
        b'"text"',
        b"{}{}",
        b'{"jsonrpc":"2.0"',
        b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"\xff"}',
        json.dumps(CALL).encode("utf-16"),
    ],
)
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    assert reason(text) == "rpc_json"


def test_deep_nesting_is_refused_before_anything_calls_itself() -> None:
    def nested(levels: int) -> str:
        inner = "[" * levels + "]" * levels
        return f'{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{inner}}}}}'

    assert read_message(nested(MAX_DEPTH - 2).encode()).method == "ping"
    assert reason(nested(MAX_DEPTH - 1)) == "rpc_deep"
    assert reason("[" * 5_000) == "rpc_deep"
    assert reason("[" * 500_000) == "rpc_values"


@pytest.mark.parametrize(
    "inner", ["1," * MAX_VALUES + "1", "[" * 50 + ",".join(["[]"] * MAX_VALUES) + "]" * 50]
)
def test_many_values_are_refused_before_they_are_read(
    inner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: bytes) -> None:
        pytest.fail("it was read")

    monkeypatch.setattr(mcp_messages, "read_plain", read)
    monkeypatch.setattr(mcp_messages, "read_object", read)
    monkeypatch.setattr(mcp_calls, "read_object", read)
    text = f'{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":[{inner}]}}}}'
    assert reason(text) == "rpc_values"
    assert mcp_calls.request_id(text.encode()) is None


_PATHS: Final = {
    "message": '{"jsonrpc":"2.0","id":1,"method":"tools/call",%s"params":{"name":"get_cart"}}',
    "params": '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{%s"name":"get_cart"}}',
    "arguments": '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_cart",'
    '"arguments":{%s"meta":{}}}}',
    "meta": '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_cart",'
    '"arguments":{"meta":{%s"ucp-agent":{}}}}}',
    "agent": '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_cart",'
    '"arguments":{"meta":{"ucp-agent":{%s"profile":"p"}}}}}',
}
_OURS: Final = {
    "message": ["jsonrpc", "id", "method", "params"],
    "params": ["name", "arguments", "_meta"],
    "arguments": ["meta"],
    "meta": ["ucp-agent", "idempotency-key"],
    "agent": ["profile"],
}


@pytest.mark.parametrize(
    ("level", "name"), [(level, name) for level, names in _OURS.items() for name in names]
)
@pytest.mark.parametrize("change", [str, str.upper, str.title])
def test_a_name_that_is_taken_for_one_of_ours_is_refused(
    level: str, name: str, change: Any
) -> None:
    doubled = f'"{name}":{{}},"{change(name)}":{{}},'
    assert reason(_PATHS[level] % doubled) == "rpc_names"


@pytest.mark.parametrize("level", ["params", "arguments", "meta", "agent"])
def test_names_of_the_platform_may_not_be_equal_but_for_case(level: str) -> None:
    assert reason(_PATHS[level] % '"Extra":1,"eXTRA":2,') == "rpc_names"
    assert reason(_PATHS[level] % '"stra\\u00dfe":1,"STRASSE":2,') == "rpc_names"
    assert read_message((_PATHS[level] % '"extra":1,"other":2,').encode()).tool == "get_cart"


@pytest.mark.parametrize(
    ("level", "name"),
    [
        ("message", "PARAMS"),
        ("arguments", "Meta"),
        ("meta", "Idempotency-Key"),
        ("meta", "idempotency-\\u212aey"),  # the Kelvin sign, which folds to k
        ("agent", "pro\\ufb01le"),  # a ligature, which folds to fi
    ],
)
def test_a_misspelled_name_alone_is_refused_too(level: str, name: str) -> None:
    text = (_PATHS[level] % f'"{name}":{{}},').replace('"profile":"p"', '"x":1')
    for ours in ('"meta":{}', '"params":{"name":"get_cart"}'):
        text = text.replace(f",{ours}", "")
    assert reason(text) == "rpc_names"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"jsonrpc":"1.0","id":1,"method":"ping"}', "rpc_jsonrpc"),
        ('{"jsonrpc":2.0,"id":1,"method":"ping"}', "rpc_jsonrpc"),
        ('{"id":1,"method":"ping"}', "rpc_jsonrpc"),
        ('{"jsonrpc":"2.0","id":1}', "rpc_method"),
        ('{"jsonrpc":"2.0","id":1,"method":["ping"]}', "rpc_method"),
        ('{"jsonrpc":"2.0","id":1,"result":{}}', "rpc_message"),
        ('{"jsonrpc":"2.0","id":1,"method":"ping","error":{}}', "rpc_message"),
        ('{"jsonrpc":"2.0","method":"ping"}', "rpc_id"),
        ('{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"}}', "rpc_id"),
        ('{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}', "rpc_id"),
        ('{"jsonrpc":"2.0","id":1,"method":"tools/call"}', "rpc_params"),
        ('{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', "rpc_member"),
        (call(arguments={}), "rpc_tool"),
        (call(name=5), "rpc_tool"),
        (call(name=["complete_checkout"]), "rpc_tool"),
        (call(name=None), "rpc_tool"),
        (call(name="x", arguments=[1]), "rpc_member"),
        (call(name="x", arguments=None), "rpc_member"),
        (call(name="x", arguments={"meta": "x"}), "rpc_member"),
        (call(name="x", arguments={"meta": {"idempotency-key": 5}}), "rpc_member"),
        (call(name="x", arguments={"meta": {"ucp-agent": "https://a"}}), "rpc_member"),
        (call(name="x", arguments={"meta": {"ucp-agent": {"profile": None}}}), "rpc_member"),
    ],
)
def test_what_is_no_call_is_refused(text: str, told: str) -> None:
    assert reason(text) == told


@pytest.mark.parametrize("level", ["params", "arguments", "meta", "agent"])
def test_an_object_that_is_read_has_so_many_members(level: str) -> None:
    many = "".join(f'"x{number}":1,' for number in range(MAX_MEMBERS))
    assert reason(_PATHS[level] % many) == "rpc_members"


def _outcome(octets: bytes) -> tuple[object, ...]:
    """Return all that decides of a message, or why it is refused."""
    try:
        message = read_message(octets)
    except Refusal as refusal:
        return (refusal.reason,)
    payload = mcp_calls.payload_digest(octets, "", message.params)
    # Whatever was read, the digest is that of the octets.
    assert payload == mcp_calls.payload_digest(octets)
    return message, payload


_LITERALS: Final = st.sampled_from(
    [
        *("1", "-0", "0", "1.0", "9" * 16, "1" * 15, "NaN", "1e400", "null", "true", "[]", "{}"),
        *('"a"', '"\\n"', '"\\u0061"', '"é"', '"\ufb01"', '{"a":1,"a":2}'),
        '{"\ufb01":1,"\U0001f339":2}',
    ]
)


@given(st.data())
def test_the_fast_reader_and_the_slow_one_find_the_same(data: st.DataObject) -> None:
    level = data.draw(st.sampled_from(sorted(_PATHS)))
    name = data.draw(st.sampled_from(["x", "id", "meta", "Meta", "name", "arguments", "profile"]))
    text = _PATHS[level] % data.draw(st.sampled_from(["", f'"{name}":<>,']))
    text = text.replace('"id":1', f'"id":{data.draw(_LITERALS)}')
    octets = text.replace("<>", data.draw(_LITERALS)).encode()
    fast = _outcome(octets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mcp_messages, "read_plain", lambda _: None)
        assert fast == _outcome(octets)


@given(st.binary(max_size=200) | OBJECTS.flatmap(spelled).map(str.encode))
def test_nothing_but_a_refusal_comes_of_any_octets(octets: bytes) -> None:
    codes: list[str] = []
    try:
        assert read_message(octets).method
    except Refusal as refusal:
        codes.append(refusal.code.name)
    assert set(codes) <= {"malformed_request"}
