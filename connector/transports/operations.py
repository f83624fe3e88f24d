"""The operations of the protocol: what each transport calls by its own means (section 7)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class OperationRule(NamedTuple):
    """One row of the table of operations: ``path`` is below the endpoint, ``{id}`` one segment."""

    name: str
    method: str
    path: str
    kind: str
    """``read`` or ``write``; a write requires an Idempotency-Key over REST."""


OPERATIONS: Final = (
    OperationRule("create_checkout", "POST", "/checkout-sessions", "write"),
    OperationRule("get_checkout", "GET", "/checkout-sessions/{id}", "read"),
    OperationRule("update_checkout", "PUT", "/checkout-sessions/{id}", "write"),
    OperationRule("complete_checkout", "POST", "/checkout-sessions/{id}/complete", "write"),
    OperationRule("cancel_checkout", "POST", "/checkout-sessions/{id}/cancel", "write"),
    OperationRule("create_cart", "POST", "/carts", "write"),
    OperationRule("get_cart", "GET", "/carts/{id}", "read"),
    OperationRule("update_cart", "PUT", "/carts/{id}", "write"),
    OperationRule("cancel_cart", "POST", "/carts/{id}/cancel", "write"),
    OperationRule("get_order", "GET", "/orders/{id}", "read"),
    OperationRule("search_catalog", "POST", "/catalog/search", "read"),
    OperationRule("lookup_catalog", "POST", "/catalog/lookup", "read"),
    OperationRule("get_product", "POST", "/catalog/product", "read"),
)

# The January versions know the checkout operations only (ucp-rules section 7).
CHECKOUT_ONLY: Final = frozenset({"2026-01-11", "2026-01-23"})

# ucp-rules section 7: 22 to 255 visible ASCII characters without comma and quotes.
KEY: Final = re.compile(rb"[\x21\x23-\x26\x28-\x2b\x2d-\x7e]{22,255}")
