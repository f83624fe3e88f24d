"""What requests to the MCP endpoint ask for, without a gateway."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from canonical import Request
from connector.authentication.permission import permit
from connector.authentication.policy import Policy
from connector.errors import CODES, Fault, Refusal
from connector.steps import Answer, Caller, Operation
from connector.transports.event_streams import EventRecorder
from connector.transports.jsonrpc_errors import JsonRpcRenderer
from connector.transports.mcp import McpCall, McpTransport
from connector.transports.open_streams import OpenStreams
from connector.transports.operations import OPERATIONS, OperationRule
from tests.connector.caller_key import KEY as CALLER_KEY

PROFILE: Final = "https://p.example/u"
KEY: Final = "k" * 22
AUDIT_ID: Final = "01890a5d-ac96-774b-bcce-b302099a8057"
CALLER: Final = Caller(
    *(PROFILE, "k", "t", "rfc9421", "sig1", "registered", "2026-08-25", b"", b"s" * 64, CALLER_KEY)
)


def profile_url(value: bytes) -> str:
    if not value.startswith(b'profile="https://'):
        raise Refusal("invalid_profile_url", "no_url", "no URL")
    return value[9:-1].decode().replace(":443", "")


def transport(endpoint: str = "/ucp/mcp") -> McpTransport:
    return McpTransport(
        endpoint,
        extensions=[
            OperationRule("gift_wrap", "POST", "/gifts", "write"),
            OperationRule("list_gifts", "GET", "/gifts", "read"),
        ],
        problems=JsonRpcRenderer(),
        profile_url=profile_url,
        max_answer=1024,
        streams=OpenStreams(16),
    )


def message(method: str = "tools/call", number: object = 1, **params: Any) -> bytes:
    document = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return json.dumps(document).encode()


def ask(body: bytes = b"", *lines: tuple[str, str], method: str = "POST") -> McpCall:
    request = Request(method=method, target="/ucp/mcp", headers=list(lines), body=body)
    return transport().ask(request)


def tool(name: str, key: str | None = None, *lines: tuple[str, str]) -> McpCall:
    meta = {} if key is None else {"meta": {"idempotency-key": key}}
    return ask(message(name=name, arguments=meta), *lines)


def code(call: McpCall, caller: Caller = CALLER) -> str:
    with pytest.raises(Refusal) as caught:
        call.operation(caller)
    return caught.value.code.name


KINDS: Final = {rule.name: rule.kind for rule in OPERATIONS} | {
    "gift_wrap": "write",
    "list_gifts": "read",
}
# ucp-rules section 7.
KEY_OPTIONAL: Final = {"create_checkout", "update_checkout", "create_cart", "update_cart"}


@pytest.mark.parametrize("name", KINDS)
def test_a_tool_is_the_operation_of_its_name_and_has_its_kind_and_key(name: str) -> None:
    kind, optional = KINDS[name], name in KEY_OPTIONAL
    for call in (tool(name, KEY), tool(name, None, ("Idempotency-Key", KEY))):
        operation = call.operation(CALLER)
        assert (operation.name, operation.kind, operation.plain) == (name, kind, False)
        assert operation.key == (KEY if kind == "write" else None)
        assert len(operation.payload) == (32 if kind == "write" else 0)
    if kind == "write" and not optional:
        assert code(tool(name)) == "idempotency_key_missing"
    else:
        assert tool(name).operation(CALLER).key is None


def test_the_first_versions_know_checkouts_only() -> None:
    january = CALLER._replace(version="2026-01-23")
    assert tool("get_checkout").operation(january).name == "get_checkout"
    assert code(tool("get_cart"), january) == "unknown_operation"


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (ask(message("initialize")), "initialize"),
        (ask(message("ping")), "ping"),
        (ask(message("tools/list")), "tools/list"),
        (ask(b'{"jsonrpc":"2.0","method":"notifications/initialized"}'), "notifications"),
        (ask(b'{"jsonrpc":"2.0","method":"notifications/%s"}'), "notifications"),
        (ask(method="GET"), "mcp/stream"),
        (ask(method="DELETE"), "mcp/end"),
    ],
)
def test_what_belongs_to_the_transport_is_a_read_that_no_tier_forbids(
    call: McpCall, name: str
) -> None:
    operation = call.operation(CALLER)
    assert operation == Operation(name, "read", None, plain=True)
    assert call.claimed() == (name, "read")
    permit(Policy("discovered", operations=frozenset()), operation)
    with pytest.raises(Refusal):
        permit(Policy("discovered", operations=frozenset()), tool("get_cart").operation(CALLER))


def test_what_a_caller_calls_an_operation_is_never_its_name() -> None:
    names = {ask(method="GET").operation(CALLER).name, ask(method="DELETE").operation(CALLER).name}
    assert names.isdisjoint(transport().tools)
    for name in (*names, "notifications", "initialize"):
        assert code(tool(name)) == "unknown_operation"


@pytest.mark.parametrize(
    ("profile", "fits"),
    [
        (PROFILE, True),
        ("https://p.example:443/u", True),
        ("https://q.example/u", False),
        ("nonsense", False),
        ('https://p.example/u"', False),
    ],
)
def test_a_profile_in_the_body_must_be_the_caller_s(profile: str, fits: bool) -> None:  # noqa: FBT001 - a column
    arguments = {"meta": {"ucp-agent": {"profile": profile}}}
    call = ask(message(name="get_cart", arguments=arguments))
    if fits:
        assert call.operation(CALLER).name == "get_cart"
    else:
        assert code(call) == "malformed_request"


def test_what_ucp_agent_would_say_is_read_from_the_body() -> None:
    arguments = {"meta": {"ucp-agent": {"profile": PROFILE}}}
    in_body = ask(message(name="get_cart", arguments=arguments)).in_body
    assert in_body is not None
    assert in_body() == [b'profile="https://p.example/u"']
    without = ask(message("tools/list")).in_body
    assert without is not None
    assert without() is None
    assert ask(method="GET").in_body is None


@pytest.mark.parametrize(
    ("media", "finds"),
    [
        (b"text/event-stream", True),
        (b"Text/Event-Stream ; charset=utf-8", True),
        (b"application/json", False),
    ],
)
def test_only_event_streams_are_looked_into(media: bytes, finds: bool) -> None:  # noqa: FBT001 - a column
    answer = Answer(200, [(b"content-type", media)], b"")
    found = tool("create_cart").recorder(answer)
    assert isinstance(found, EventRecorder) is finds


def test_the_endpoint_is_its_path_alone() -> None:
    made = transport()
    assert [made.serves(target) for target in ("/ucp/mcp", "/ucp/mcp?a=b", "/ucp/mcp/", "/")] == [
        *(True, True, False, False),
    ]
    assert transport("").serves("/?a")


def test_a_key_stands_for_the_query_too() -> None:
    body = message(name="create_cart", arguments={})

    def payload(target: str) -> bytes:
        request = Request(method="POST", target=target, headers=[], body=body)
        return transport().ask(request).operation(CALLER).payload

    targets = ("/ucp/mcp", "/ucp/mcp?", "/ucp/mcp?shop=a", "/ucp/mcp?shop=b")
    assert len({payload(target) for target in targets}) == len(targets)
    assert payload("/ucp/mcp?shop=a") == payload("/ucp/mcp?shop=a")


@pytest.mark.parametrize("name", CODES)
def test_every_code_is_a_json_rpc_error_with_the_status_mirrored(name: str) -> None:
    refusal = Refusal(name, "reason", "not to be told", retry_after=3)
    told = JsonRpcRenderer("https://shop.example/").render(refusal, b'"a"', AUDIT_ID)
    assert isinstance(told.body, bytes)
    document = json.loads(told.body)
    assert document["id"] == "a"
    error = document["error"]
    assert (told.status, error["code"]) == (CODES[name].status, CODES[name].jsonrpc)
    data = error["data"]
    assert (data["code"], data["status"]) == (name, told.status)
    assert data["continue_url"] == "https://shop.example/"
    assert data["instance"] == f"urn:uuid:{AUDIT_ID}"
    assert data.get("retry_after") == (3 if told.status in (429, 503) else None)
    assert b"not to be told" not in told.body


def test_what_is_wrong_with_a_body_is_told_in_data() -> None:
    refusal = Refusal("malformed_request", "r", "e", faults=(Fault("$.a", "missing"),))
    told = JsonRpcRenderer().render(refusal, None, AUDIT_ID)
    assert isinstance(told.body, bytes)
    document = json.loads(told.body)
    assert document["id"] is None
    assert document["error"]["data"]["errors"] == [{"path": "$.a", "rule": "missing"}]


def test_the_versions_that_are_served_are_told() -> None:
    renderer = JsonRpcRenderer(versions=("2026-08-25", "2026-04-08"))
    refusal = Refusal("version_unsupported", "r", "e")
    body = renderer.render(refusal, None, AUDIT_ID).body
    assert isinstance(body, bytes)
    assert b"2026-04-08 and 2026-08-25" in body
