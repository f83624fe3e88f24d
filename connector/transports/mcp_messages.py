"""One JSON-RPC message of a platform, read once and within bounds (ucp-rules section 7).

Read are the levels that decide something: the message, ``params``, ``arguments``, ``meta`` and
``ucp-agent``. A name that another reader could take for one of ours, or for its neighbour, is
refused there: two members of one name, two whose names are equal under case folding, and ``Method``
for ``method``, because there are readers (Go's, among others) to which these are the same. What
the merchant is sent are the received octets, so both must see the same call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from connector.errors import Refusal
from connector.json_marks import MAX_VALUES, is_crowded
from connector.transports.json_members import JsonObject, is_deep, read_object
from connector.transports.plain_json import PlainObject, read_plain

if TYPE_CHECKING:
    from collections.abc import Iterable

CALL: Final = "tools/call"
NOTIFICATION: Final = "notifications/"

_MESSAGE: Final = frozenset({"jsonrpc", "id", "method", "params"})
_PARAMS: Final = frozenset({"name", "arguments", "_meta"})
_ARGUMENTS: Final = frozenset({"meta"})
_META: Final = frozenset({"ucp-agent", "idempotency-key"})
_AGENT: Final = frozenset({"profile"})

# MCP, Requests: an id is a string or an integer, and never null.
_INTEGER: Final = re.compile(r"-?[0-9]++")
MAX_ID: Final = 256
"""Characters of an id as it is written: it is looked for in event streams, and goes into logs."""


MAX_MEMBERS: Final = 1024
"""Members of an object that is read: each of their names is looked at."""


@dataclass(frozen=True, slots=True)
class Message:
    """What of a message decides: all of it was in the body, and so under the signature."""

    method: str
    id: bytes | None
    """As the platform wrote it; None for a notification."""
    tool: str | None = None
    """``params.name`` of a ``tools/call``."""
    key: str | None = None
    """``meta["idempotency-key"]``, whatever it looks like."""
    profile: str | None = None
    """``meta["ucp-agent"].profile``."""
    params: dict[str, Any] | None = field(default=None, compare=False, repr=False)
    """Those of a ``tools/call`` in plain text (``read_plain``); else None."""


def read_message(body: bytes) -> Message:
    """Read a request or a notification; raises Refusal ``malformed_request`` for anything else."""
    message = _object(body)
    _check_names(message, _MESSAGE)
    if not _MESSAGE.issuperset(message.names()):
        raise _malformed("message", "a message has no members but jsonrpc, id, method and params")
    if message.string("jsonrpc") != "2.0":
        raise _malformed("jsonrpc", "jsonrpc is not 2.0")
    method = message.string("method")
    if method is None:
        raise _malformed("method", "method is missing, or no string")
    identifier = _id(message)
    if (identifier is None) != method.startswith(NOTIFICATION):
        raise _malformed("id", "a notification has an id" if identifier else "a request has no id")
    params = _optional(message, "params")
    if method != CALL:
        return Message(method, identifier)
    if params is None:
        raise _malformed("params", "a call has no params")
    _check_names(params, _PARAMS)
    tool = params.string("name")
    if tool is None:
        raise _malformed("tool", "the name of the tool is missing, or no string")
    plain = params.value if isinstance(params, PlainObject) else None
    call = Message(method, identifier, tool, params=plain)
    return _with_meta(call, _optional(params, "arguments"))


def _with_meta(call: Message, arguments: JsonObject | PlainObject | None) -> Message:
    if arguments is None:
        return call
    _check_names(arguments, _ARGUMENTS)
    meta = _optional(arguments, "meta")
    if meta is None:
        return call
    _check_names(meta, _META)
    agent = _optional(meta, "ucp-agent")
    if agent is not None:
        _check_names(agent, _AGENT)
    return replace(
        call,
        key=_string(meta, "idempotency-key"),
        profile=None if agent is None else _string(agent, "profile"),
    )


def _object(body: bytes) -> JsonObject | PlainObject:
    # First, for each level that is read takes the time again.
    if is_crowded(body):
        raise _malformed("values", f"a message has no more than {MAX_VALUES} values")
    message = read_plain(body) or read_object(body)
    if message is not None:
        return message
    # Said apart, for whoever wrote the client.
    if is_deep(body):
        raise _malformed("deep", "the message is nested too deeply")
    if body.lstrip(b" \t\r\n").startswith(b"["):
        raise _malformed("batch", "batches are not taken")
    raise _malformed("json", "the body is not one JSON object")


def _id(message: JsonObject | PlainObject) -> bytes | None:
    literal = message.literal("id")
    if literal is None:
        return None
    if len(literal) > MAX_ID:
        raise _malformed("id", f"the id has more than {MAX_ID} characters")
    if not literal.startswith('"') and _INTEGER.fullmatch(literal) is None:
        raise _malformed("id", "the id is neither a string nor an integer")
    return literal.encode()


def _optional(parent: JsonObject | PlainObject, name: str) -> JsonObject | PlainObject | None:
    """Return a member that must be an object where it is there."""
    if not parent.has(name):
        return None
    found = parent.inner(name)
    if found is None:
        raise _malformed("member", f"{name} is no object")
    return found


def _string(parent: JsonObject | PlainObject, name: str) -> str | None:
    """Return a member that must be a string where it is there."""
    if not parent.has(name):
        return None
    found = parent.string(name)
    if found is None:
        raise _malformed("member", f"{name} is no string")
    return found


def _check_names(level: JsonObject | PlainObject, ours: Iterable[str]) -> None:
    """Refuse names that two readers could take for different members."""
    names = level.names()
    if len(names) > MAX_MEMBERS:
        raise _malformed("members", f"an object has more than {MAX_MEMBERS} members")
    folded = {name.casefold() for name in names}
    if len(folded) != len(names):
        raise _malformed("names", "two members of one object have the same name, but for case")
    if not folded.isdisjoint(ours) and any(
        name not in ours and name.casefold() in ours for name in names
    ):
        raise _malformed("names", "a member's name differs from one that is read in case only")


def _malformed(reason: str, explanation: str) -> Refusal:
    return Refusal("malformed_request", f"rpc_{reason}", explanation)
