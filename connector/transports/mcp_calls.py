"""MCP tool calls as claims see them: what a key stands for, and whose answer is sent again."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from canonical import CanonicalError, canonicalize
from canonical.jcs import parse_json
from connector.json_marks import is_crowded
from connector.transports.json_members import JsonObject, is_deep, read_object
from connector.transports.plain_json import write_plain

# The digests of one key are compared with each other, and REST names the same operations. These
# begin what is hashed, none begins another, and what REST hashes begins with "rest:". So a body
# that happens to be the canonical text of another call is still no repetition of it, and a call
# is never answered with what was recorded over REST.
_CALL: Final = b"mcp-call:"
_LONG: Final = b"mcp-long:"
_RAW: Final = b"mcp-raw:"
_QUERY: Final = b"mcp-query:"

MAX_CANONICAL: Final = 16 * 1024
"""Most octets of a call of which the canonical form is made: it takes a millisecond for each KiB,
and nobody else is served meanwhile."""

_MESSAGE: Final = {"jsonrpc", "id", "method", "params"}
_NEEDED: Final = {"name", "arguments"}
_PARAMS: Final = _NEEDED | {"_meta"}


def payload_digest(body: bytes, target: str = "", params: dict[str, Any] | None = None) -> bytes:
    """Return the digest of what the key of a ``tools/call`` stands for: 32 octets.

    It is that of the canonical name and arguments without ``meta`` (ucp-rules section 8): spelling,
    order, ``params._meta`` and the request's id don't count. In a call of more than
    ``MAX_CANONICAL`` octets the spelling of each argument does. A body that is no such call, has
    a member that a call doesn't have, or has no canonical form, counts octet by octet. A target
    with a query counts too, octet by octet: the merchant may go by it. ``params`` are those of a
    call that was read as plain text (``Message.params``), so that it is not read again.
    """
    digest = _body_digest(body, params)
    if "?" not in target:
        return digest
    return sha256(_QUERY + digest + target.encode("latin-1")).digest()


def _body_digest(body: bytes, params: dict[str, Any] | None) -> bytes:
    if len(body) > MAX_CANONICAL:
        return _long_digest(body) or sha256(_RAW + body).digest()
    if params is None:
        text = _canonical_call(body)
    else:
        text = write_plain(_counting(params)) if _are_params(params) else None
    return sha256(_RAW + body if text is None else _CALL + text).digest()


def request_id(call: bytes) -> bytes | None:
    """Return the id of a JSON-RPC request as it is written; None where it has none.

    An id is the one top-level member of this name, a string or a number (MCP, Requests). In text of
    more values than a message may have it is not looked for.
    """
    message = None if is_crowded(call) else read_object(call)
    literal = None if message is None else message.literal("id")
    return literal.encode() if literal is not None and _is_id(literal) else None


def with_request_id(answer: bytes, call: bytes) -> bytes:
    """Return a recorded answer with the id of ``call`` for its own, all other octets as they are.

    The id is the one top-level member of this name and is put in as the call writes it. An answer
    that is no JSON object or has not exactly one, or a call without an id: the answer as it is.
    """
    literal = request_id(call)
    return answer if literal is None else with_id(answer, literal)


def with_id(answer: bytes, literal: bytes) -> bytes:
    """Return a recorded answer with another id, as ``with_request_id`` does."""
    message = read_object(answer)
    member = None if message is None else message.only("id")
    if message is None or member is None:
        return answer
    text = message.text
    return text[: member.start].encode() + literal + text[member.end :].encode()


def _canonical_call(body: bytes) -> bytes | None:
    # Deep text is put aside first: how deep the parser gets depends on who called it.
    if is_deep(body):
        return None
    try:
        message = parse_json(body)
        return canonicalize(_counting(message["params"])) if _is_call(message) else None
    except CanonicalError:
        return None


def _long_digest(body: bytes) -> bytes | None:
    """Return the digest of a call's arguments as they are written; None of what is no call."""
    message = read_object(body)
    if message is None or not _has(message, _MESSAGE) or message.string("method") != "tools/call":
        return None
    params = message.inner("params")
    if params is None or not _has(params, _NEEDED, _PARAMS):
        return None
    name, arguments = params.string("name"), params.inner("arguments")
    if name is None or arguments is None:
        return None
    digest = sha256(_LONG)
    texts = [name]
    for member in sorted(arguments.members):
        if member.name != "meta":
            texts += (member.name, arguments.text[member.start : member.end])
    for text in texts:
        octets = text.encode("utf-8", "surrogatepass")
        digest.update(len(octets).to_bytes(8))
        digest.update(octets)
    return digest.digest()


def _has(found: JsonObject, needed: set[str], allowed: set[str] | None = None) -> bool:
    names = [member.name for member in found.members]
    return len(set(names)) == len(names) and needed <= set(names) <= (allowed or needed)


def _is_call(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.keys() == _MESSAGE
        and message["jsonrpc"] == "2.0"
        and message["method"] == "tools/call"
        # A bool is an int to Python.
        and isinstance(message["id"], (str, int, float))
        and not isinstance(message["id"], bool)
        and _are_params(message["params"])
    )


def _are_params(params: Any) -> bool:
    return (
        isinstance(params, dict)
        and _NEEDED <= params.keys() <= _PARAMS
        and isinstance(params["name"], str)
        and isinstance(params["arguments"], dict)
    )


def _counting(params: dict[str, Any]) -> dict[str, Any]:
    arguments = {name: value for name, value in params["arguments"].items() if name != "meta"}
    return {"name": params["name"], "arguments": arguments}


def _is_id(literal: str) -> bool:
    return literal[0] in '"-0123456789'
