"""A whole request of every operation that has a schema, and what can go wrong with it."""

from __future__ import annotations

import json
from typing import Any, Final

VERSION: Final = "2026-08-25"

_ITEMS: Final = [{"item": {"id": "roses"}, "quantity": 2}]
_CARD: Final = {"id": "i", "handler_id": "h", "type": "card", "credential": {"type": "t", "x": "1"}}

REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "create_checkout": {
        "line_items": _ITEMS,
        "buyer": {"email": "jane@example.com"},
        "signals": {"dev.ucp.buyer_ip": "203.0.113.4", "com.example.risk": 0.5},
        "attribution": {"source": "x"},
    },
    "update_checkout": {"line_items": [{"id": "li", **_ITEMS[0]}], "context": {"currency": "USD"}},
    "complete_checkout": {"payment": {"instruments": [_CARD]}},
    "create_cart": {"line_items": _ITEMS},
    "update_cart": {"line_items": _ITEMS},
    "search_catalog": {"query": "roses", "filters": {"categories": ["a"]}},
    "lookup_catalog": {"ids": ["a", "b"]},
    "get_product": {"id": "a", "selected": [{"name": "Color", "label": "Red"}]},
}

REQUIRED: Final = {
    "create_checkout": "line_items",
    "update_checkout": "line_items",
    "complete_checkout": "payment",
    "create_cart": "line_items",
    "update_cart": "line_items",
    "lookup_catalog": "ids",
    "get_product": "id",
}
"""A member that an operation asks for; a search asks for none."""

TYPED: Final = {**REQUIRED, "search_catalog": "query"}
"""A member that is no boolean."""

STRANGER: Final = "not_in_any_schema"


def text(value: object) -> bytes:
    return json.dumps(value).encode()


def without(value: dict[str, Any], name: str) -> bytes:
    return text({other: kept for other, kept in value.items() if other != name})


def doubled(value: dict[str, Any], name: str) -> bytes:
    """The same request with one name twice."""
    return b'{"%b":%b,%b' % (name.encode(), text(value[name]), text(value)[1:])


def called(operation: str, argument: str, body: bytes, **arguments: object) -> bytes:
    """A tool call with this text for its one argument."""
    others = "".join(f"{json.dumps(name)}:{json.dumps(it)}," for name, it in arguments.items())
    return (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"%b","arguments":'
        b'{"meta":{"ucp-agent":{"profile":"https://p.example/"}},%b"%b":%b}}}'
        % (operation.encode(), others.encode(), argument.encode(), body)
    )
