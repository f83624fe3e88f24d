"""MCP over streamable HTTP: what a request to a merchant's MCP endpoint asks for.

    POST     one JSON-RPC message: initialize, ping, tools/list, tools/call, notifications/*
    GET      an event stream on which the merchant speaks first
    DELETE   the end of a transport session

The operation of a ``tools/call`` is its tool's name; it is read from the verified body only. All
others belong to the transport itself: whoever may call at all may use them, as reads.

MCP asks servers to look at Origin, because a browser may be talked into calling a server nearby. A
browser cannot sign, so here the signature does that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from connector.errors import Refusal
from connector.steps import Operation
from connector.transports.event_streams import EventRecorder
from connector.transports.mcp_agreement import as_header, check_agreement, octets_of
from connector.transports.mcp_calls import payload_digest, request_id, with_id
from connector.transports.mcp_messages import CALL, MAX_ID, NOTIFICATION, Message, read_message
from connector.transports.mcp_sessions import with_lines
from connector.transports.operations import CHECKOUT_ONLY, KEY, OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from canonical import Request
    from connector.steps import Answer, Caller, Received, Recorder
    from connector.transports.jsonrpc_errors import JsonRpcRenderer
    from connector.transports.mcp_sessions import CallerSessions, Sessions
    from connector.transports.open_streams import Hold, OpenStreams
    from connector.transports.operations import OperationRule

STREAM: Final = "mcp/stream"
END: Final = "mcp/end"
"""No tool has such a name: operations have no slash."""
_PLAIN: Final = frozenset({"initialize", "ping", "tools/list"})
# What is logged, counted and told to the merchant must not be a caller's choice.
_NOTIFICATIONS: Final = "notifications"
# ucp-rules section 7: optional for what can be repeated without harm to the buyer.
_KEY_OPTIONAL: Final = frozenset(
    {"create_checkout", "update_checkout", "create_cart", "update_cart"}
)
_MAX_UNVERIFIED: Final = 16 * 1024
"""Most octets of a body that are read before anybody verified it: for the profile that is not in
UCP-Agent, and for the id of a call that is refused. Reading takes time, and anybody can ask."""
_EVENTS: Final = b"text/event-stream"
_EVENT_ID: Final = b"last-event-id"


class Tool(NamedTuple):
    """What is known of a tool."""

    kind: str
    """``read`` or ``write``."""
    needs_key: bool


class McpTransport:
    """One merchant's MCP endpoint.

    ``endpoint`` is its path (empty for the root), ``extensions`` the operations that the
    configuration adds: those that write need a key, as over REST. ``profile_url`` normalises the
    value of a UCP-Agent header and raises Refusal. Answers of more than ``max_answer`` octets are
    not kept. Without ``sessions`` session ids pass as they are; with ``resumes`` Last-Event-ID
    does.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        extensions: Iterable[OperationRule] = (),
        problems: JsonRpcRenderer,
        profile_url: Callable[[bytes], str],
        max_answer: int,
        streams: OpenStreams,
        sessions: Sessions | None = None,
        resumes: bool = False,
    ) -> None:
        self.path = endpoint or "/"
        self.problems = problems
        self.profile_url = profile_url
        self.max_answer = max_answer
        self.streams = streams
        self.sessions = sessions
        self.resumes = resumes
        self.tools = {
            rule.name: Tool(rule.kind, rule.kind == "write" and rule.name not in _KEY_OPTIONAL)
            for rule in (*OPERATIONS, *extensions)
        }

    def serves(self, target: str) -> bool:
        """Tell whether a request target is that of this endpoint."""
        return target.partition("?")[0] == self.path

    def ask(self, request: Request) -> McpCall:
        """Take what a request asks for; raises Refusal for another method."""
        if request.method not in ("POST", "GET", "DELETE"):
            raise Refusal("unknown_operation", "unknown_method", "MCP has no such HTTP method")
        return McpCall(self, request)

    def refused(self, refusal: Refusal, body: bytes, audit_id: str, *, verified: bool) -> Answer:
        """Render a refusal as a JSON-RPC error with the id of the call in ``body``.

        In a long body that nobody verified it is not looked for: its id is null.
        """
        found = request_id(body) if body and (verified or len(body) <= _MAX_UNVERIFIED) else None
        if found is not None and len(found) > MAX_ID:
            found = None
        return self.problems.render(refusal, found, audit_id)


class McpCall:
    """What one request asks for over MCP. Its body is read when it is asked for, and once."""

    __slots__ = ("_message", "_request", "_sessions", "_transport", "template", "writes")

    def __init__(self, transport: McpTransport, request: Request) -> None:
        self._transport = transport
        self._request = request
        self._message: Message | None = None
        self._sessions: CallerSessions | None = None
        self.template = transport.path
        self.writes = request.method == "POST"
        """Whether it may be a write, as far as the head says."""

    @property
    def in_body(self) -> Callable[[], list[bytes] | None] | None:
        """What reads from the body what UCP-Agent would say; None where there is no body."""
        return self._agent if self.writes else None

    def operation(self, caller: Caller) -> Operation:
        """Name the operation of the verified request; raises Refusal."""
        request = self._request
        if request.method != "POST":
            return Operation(STREAM if request.method == "GET" else END, "read", None, plain=True)
        message = self._read()
        check_agreement(request, message, caller.identity, self._transport.profile_url)
        if message.method != CALL:
            return Operation(_plain_name(message.method), "read", None, plain=True)
        name, tool = self._tool(message)
        if caller.version in CHECKOUT_ONLY and not name.endswith("_checkout"):
            raise Refusal(
                "unknown_operation",
                "operation_not_in_version",
                f"{name} does not exist in version {caller.version}",
            )
        if tool.kind != "write":
            return Operation(name, tool.kind, None)
        key = self._key(message, needed=tool.needs_key)
        return Operation(
            name, tool.kind, key, payload_digest(request.body, request.target, message.params)
        )

    def claimed(self) -> tuple[str, str]:
        """Return what is asked for by whom nobody verified: name and kind; raises Refusal."""
        if self._request.method != "POST":
            return STREAM if self._request.method == "GET" else END, "read"
        message = self._read()
        if message.method != CALL:
            return _plain_name(message.method), "read"
        name, tool = self._tool(message)
        return name, tool.kind

    async def enter(self, received: Received, caller: Caller) -> Received:
        """Return the request with the merchant's own session id; raises Refusal.

        MCP, Resumability: Last-Event-ID names a place in a stream, and so whose stream it was. It
        is not bound to a platform, so it goes no further.
        """
        if not self._transport.resumes and _EVENT_ID in received.request.headers.index:
            headers = received.request.headers
            lines = [line for line in headers if line[0].lower() != _EVENT_ID]
            received = with_lines(received, lines)
        if self._transport.sessions is None:
            return received
        self._sessions = await self._transport.sessions.of(caller)
        return self._sessions.inward(received)

    def leave(self, answer: Answer) -> Answer:
        """Return the merchant's answer with the session id by which the platform knows it."""
        if self._sessions is None:
            return answer
        return answer._replace(headers=self._sessions.outward(answer.headers))

    def hold(self, caller: Caller) -> Hold | None:
        """Take room for an event stream that the platform opens; raises Refusal."""
        if self._request.method != "GET":
            return None
        return self._transport.streams.hold(caller)

    def replayed(self, body: bytes) -> bytes:
        """Return the body with which a recorded answer goes out again: with this call's id."""
        identifier = self._read().id
        return body if identifier is None else with_id(body, identifier)

    def recorder(self, answer: Answer) -> Recorder | None:
        """Return what finds the answer to this call, where the merchant answers with events."""
        identifier = self._read().id
        if identifier is None or not _is_event_stream(answer):
            return None
        return EventRecorder(identifier, self._transport.max_answer)

    def _read(self) -> Message:
        if self._message is None:
            self._message = read_message(self._request.body)
        return self._message

    def _agent(self) -> list[bytes] | None:
        if len(self._request.body) > _MAX_UNVERIFIED:
            raise Refusal(
                "invalid_profile_url",
                "agent_missing",
                f"a call of more than {_MAX_UNVERIFIED} octets needs a UCP-Agent",
            )
        profile = self._read().profile
        return None if profile is None else [as_header(profile)]

    def _tool(self, message: Message) -> tuple[str, Tool]:
        name = message.tool or ""
        tool = self._transport.tools.get(name)
        if tool is None:
            raise Refusal("unknown_operation", "unknown_tool", "no operation has this tool's name")
        return name, tool

    def _key(self, message: Message, *, needed: bool) -> str | None:
        lines = self._request.headers.index.get(b"idempotency-key", ())
        key = None if message.key is None else octets_of(message.key)
        if key is None and lines:
            key = lines[0]
        if key is None:
            if needed:
                raise Refusal(
                    "idempotency_key_missing",
                    "idempotency_key_missing",
                    "this tool needs an Idempotency-Key, as a header or in meta",
                )
            return None
        if len(lines) > 1 or KEY.fullmatch(key) is None:
            raise Refusal(
                "idempotency_key_invalid",
                "idempotency_key_invalid",
                "an Idempotency-Key is 22 to 255 visible ASCII characters without comma and quotes",
            )
        return key.decode("ascii")


def _plain_name(method: str) -> str:
    """Return the operation's name of a method that calls no tool; raises Refusal."""
    if method in _PLAIN:
        return method
    if method.startswith(NOTIFICATION):
        return _NOTIFICATIONS
    raise Refusal("unknown_operation", "unknown_rpc_method", "this JSON-RPC method is not served")


def _is_event_stream(answer: Answer) -> bool:
    return any(
        name.lower() == b"content-type" and value.partition(b";")[0].strip().lower() == _EVENTS
        for name, value in answer.headers
    )
