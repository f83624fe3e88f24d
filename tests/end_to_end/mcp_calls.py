"""JSON-RPC messages to the MCP endpoint, and what every refusal there must look like.

The table is written here from the rules (ucp-rules section 5), not taken from the connector.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Final

from tests.end_to_end.refusals import STATUS

if TYPE_CHECKING:
    from tests.end_to_end.client import Answer
    from tests.end_to_end.platform import Draft, Platform

PATH: Final = "/ucp/mcp"
CODES: Final = {
    "signature_missing": -32000,
    "signature_invalid": -32000,
    "digest_mismatch": -32600,
    "invalid_profile_url": -32001,
    "malformed_request": -32600,
    "unknown_operation": -32601,
    "operation_not_permitted": -32000,
    "unsupported_media": -32600,
    "payload_too_large": -32600,
    "idempotency_key_missing": -32600,
    "idempotency_key_invalid": -32600,
    "idempotency_conflict": -32000,
    "answer_not_replayable": -32000,
    "outcome_unknown": -32000,
    "rate_limited": -32000,
    "store_unavailable": -32000,
}


def rpc(method: str = "tools/call", number: object = 7, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()


def call(name: str = "get_checkout", meta: dict[str, Any] | None = None, **arguments: Any) -> bytes:
    if meta is not None:
        arguments["meta"] = meta
    return rpc(name=name, arguments=arguments)


def draft(platform: Platform, body: bytes, *lines: tuple[str, str]) -> Draft:
    drafted = platform.draft("POST", PATH, body).drop("Idempotency-Key")
    for name, value in lines:
        drafted.add(name, value)
    return drafted


def signed(platform: Platform, body: bytes, *lines: tuple[str, str]) -> Draft:
    return platform.sign(draft(platform, body, *lines), nonce=str(uuid.uuid4()))


def check_rpc(told: Answer, code: str, number: object = 7, **data: Any) -> dict[str, Any]:
    """Hold a JSON-RPC error against ucp-rules section 5."""
    document = told.document()
    assert told.status == STATUS[code]
    assert told.value("Content-Type") == "application/json"
    assert document.keys() == {"jsonrpc", "id", "error"}
    assert (document["jsonrpc"], document["id"]) == ("2.0", number)
    error = document["error"]
    assert error.keys() == {"code", "message", "data"}
    assert error["code"] == CODES[code]
    found: dict[str, Any] = error["data"]
    assert (found["code"], found["status"]) == (code, told.status)
    assert found["content"] == error["message"]
    assert found["instance"] == f"urn:uuid:{told.value('Audit-ID')}"
    waits = [int(value) for value in told.values("Retry-After")]
    assert waits == ([found["retry_after"]] if told.status in (429, 503) else [])
    assert told.values("WWW-Authenticate") == (["Signature"] if told.status == 401 else [])
    assert {name: found[name] for name in data} == data
    return found
