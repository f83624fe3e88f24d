"""Requests to the MCP endpoint: HTTP like any other, and signed like any other."""

from __future__ import annotations

import json
from typing import Any, Final

from canonical import content_digest
from connector.diagnosis.generator.recipes import (
    AGENT,
    HOST,
    KEY,
    NOW,
    POST,
    POST_COVERS,
    TARGET,
    TYPE,
    Case,
    Edit,
    Recipe,
    Signing,
    Topic,
    change,
    put,
)

_SIGNING: Final = "signatures.md#mcp-transport"
_VERIFYING: Final = "signatures.md#mcp-transport, verification"
_COVERING: Final = "signatures.md#mcp-transport, covered components"
_ENDPOINT: Final = "overview/index.md#services, MCP endpoint"
_SETTINGS: Final = {"endpoints": {"rest": "/ucp/v1", "mcp": "/ucp/mcp"}}
_OFF: Final = {"endpoints": {"rest": "/ucp/v1", "mcp": "off"}}


def _call(name: str, **arguments: Any) -> bytes:
    params = {"name": name, "arguments": arguments}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return json.dumps(call, separators=(",", ":")).encode("ascii")


def _posted(body: bytes, recipe: Recipe) -> Recipe:
    return recipe._replace(body=body).replaced("Content-Digest", content_digest(body))


_COMPLETE: Final = _call("complete_checkout", id="chk_123", checkout={})
_CANCEL: Final = _call("cancel_checkout", id="chk_123")
_GET: Final = _call("get_checkout", id="chk_123")
_LIST: Final = b'{"jsonrpc":"2.0","id":2,"method":"tools/list"}'
_SPACED: Final = json.dumps(json.loads(_COMPLETE), indent=2).encode("ascii")

_WRITE: Final = Recipe(
    "POST",
    "/ucp/mcp",
    (HOST, AGENT, KEY, TYPE, ("Content-Digest", content_digest(_COMPLETE))),
    _COMPLETE,
    (Signing(POST_COVERS),),
)
_READ: Final = _posted(
    _GET,
    _WRITE.replaced("Idempotency-Key").covering(
        *TARGET, "ucp-agent", "content-digest", "content-type"
    ),
)
_QUERY: Final = _READ._replace(target="/ucp/mcp?session=1")


def _good(id_: str, description: str, recipe: Recipe, rule: str = _SIGNING) -> Case:
    return Case(f"mcp-{id_}", description, rule, recipe, settings=_SETTINGS)


def _bad(
    id_: str,
    description: str,
    rule: str,
    recipe: Recipe,
    reason: str,
    *edits: Edit,
    code: str = "signature_invalid",
) -> Case:
    return Case(f"mcp-{id_}", description, rule, recipe, code, reason, edits, settings=_SETTINGS)


TOPIC: Final = Topic(
    "MCP: JSON-RPC over HTTP, signed like any other request",
    (
        _good("write", "A call that completes a checkout, with its key in the header.", _WRITE),
        _good("read", "A call that reads carries no Idempotency-Key.", _READ),
        _good("list", "A request that calls no tool is signed alike.", _posted(_LIST, _READ)),
        _good(
            "formatted",
            "The digest is over the octets of the message, however it is laid out.",
            _posted(_SPACED, _WRITE),
        ),
        _good(
            "es384",
            "ES384: 96 octets.",
            _WRITE.signed(
                key="platform-es384", parameters=f';created={NOW};keyid="platform-es384"'
            ),
        ),
        _good(
            "query",
            "The endpoint's URL has a query, which is covered.",
            _QUERY.covering(*_QUERY.signatures[0].components, "@query"),
            _COVERING,
        ),
        _bad(
            "unsigned",
            "Neither Signature-Input nor Signature.",
            _VERIFYING,
            _WRITE._replace(signatures=()),
            "signature_missing",
            code="signature_missing",
        ),
        _bad(
            "altered-call",
            "Another tool was put into the call after signing.",
            _VERIFYING,
            _WRITE,
            "digest_mismatch",
            change(body=_CANCEL),
            code="digest_mismatch",
        ),
        _bad(
            "altered-call-and-digest",
            "Another tool and its digest were put in after signing.",
            _VERIFYING,
            _WRITE,
            "signature_mismatch",
            change(body=_CANCEL),
            put("Content-Digest", content_digest(_CANCEL)),
        ),
        _bad(
            "reserialised",
            "The message was laid out anew on the way: its value is the same, its octets are not.",
            _VERIFYING,
            _WRITE,
            "digest_mismatch",
            change(body=_SPACED),
            code="digest_mismatch",
        ),
        _bad(
            "digest-of-value",
            "The digest is over the message without white space, and not over what is sent.",
            _VERIFYING,
            _WRITE._replace(body=_SPACED),
            "digest_mismatch",
            code="digest_mismatch",
        )._replace(differs_from="mcp-formatted"),
        _bad(
            "from-rest",
            "What was signed for the REST endpoint is posted to this one.",
            _VERIFYING,
            _WRITE._replace(target="/ucp/v1/checkout-sessions/chk_123/complete"),
            "signature_mismatch",
            change(target="/ucp/mcp"),
        )._replace(differs_from="mcp-write"),
        _bad(
            "altered-key",
            "Another Idempotency-Key was put in after signing.",
            _VERIFYING,
            _WRITE,
            "signature_mismatch",
            put("Idempotency-Key", "550e8400-e29b-41d4-a716-446655440001"),
        ),
        *(
            _bad(
                f"uncovered-{component.removeprefix('@')}",
                f"{component} is not covered.",
                _COVERING,
                _WRITE.without(component),
                "coverage_insufficient",
            )
            for component in POST_COVERS
        ),
        _bad(
            "uncovered-query",
            "The target has a query that is not covered.",
            _COVERING,
            _QUERY,
            "coverage_insufficient",
        ),
        _bad(
            "keyid-unknown",
            "No key of the profile has this kid.",
            _VERIFYING,
            _WRITE.signed(parameters=f';created={NOW};keyid="platform-2031"'),
            "key_not_found",
            code="key_not_found",
        ),
        _bad(
            "media-text",
            "A JSON-RPC message is application/json.",
            "ucp-rules.md#7-operations, MCP bodies",
            _WRITE.replaced("Content-Type", "text/plain"),
            "content_type",
            code="unsupported_media",
        ),
        _bad(
            "other-path",
            "A path beside the endpoint.",
            _ENDPOINT,
            _WRITE._replace(target="/mcp"),
            "unknown_path",
            code="unknown_operation",
        ),
        _bad(
            "off",
            "The merchant's MCP endpoint is off.",
            _ENDPOINT,
            _WRITE,
            "unknown_path",
            code="unknown_operation",
        )._replace(settings=_OFF),
        Case(
            "mcp-rest-beside",
            "A merchant with both endpoints takes REST requests at the other one.",
            _ENDPOINT,
            POST._replace(target="/ucp/v1/checkout-sessions"),
            settings=_SETTINGS,
        ),
    ),
)
