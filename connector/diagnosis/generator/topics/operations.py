"""What a verified request asks for: its operation, its key, its kind of body."""

from __future__ import annotations

from typing import Final

from canonical import content_digest
from connector.diagnosis.generator.recipes import BODY, GET, KEY, POST, Case, Topic, registered

_MARKED: Final = b"\xef\xbb\xbf" + BODY

TOPIC: Final = Topic(
    "Operations: Idempotency-Key, permission and media type",
    (
        Case(
            "operation-write",
            "A write that a platform may ask for.",
            "shopping/checkout/rest.md#operations",
            POST,
        ),
        Case(
            "operation-read",
            "A read that a platform may ask for.",
            "shopping/checkout/rest.md#operations",
            GET,
        ),
        Case(
            "idempotency-key-missing",
            "A write over REST carries an Idempotency-Key.",
            "shopping/checkout/rest.md#specific-header-requirements",
            POST.replaced("Idempotency-Key").without("idempotency-key"),
            "idempotency_key_missing",
            "idempotency_key_missing",
            differs_from="operation-write",
        ),
        Case(
            "idempotency-key-shortest",
            "22 characters are enough for a key.",
            "shopping/checkout/rest.md#specific-header-requirements",
            POST.replaced(KEY[0], "k" * 22),
        ),
        Case(
            "idempotency-key-too-short",
            "21 characters are not enough for a key.",
            "shopping/checkout/rest.md#specific-header-requirements",
            POST.replaced(KEY[0], "k" * 21),
            "idempotency_key_invalid",
            "idempotency_key_invalid",
        ),
        Case(
            "idempotency-key-comma",
            "A comma in a key would look like two keys.",
            "RFC 9110 section 5.3",
            POST.replaced(KEY[0], f"{KEY[1]},2"),
            "idempotency_key_invalid",
            "idempotency_key_invalid",
        ),
        Case(
            "operation-unknown",
            "A verified request whose method and path name no operation.",
            "shopping/checkout/rest.md#operations",
            GET._replace(target="/checkout-sessions"),
            "unknown_operation",
            "unknown_operation",
        ),
        Case(
            "operation-not-permitted",
            "A registered platform asks for an operation that its registration does not list.",
            "shopping/checkout/rest.md#operations",
            POST,
            "operation_not_permitted",
            "operation_not_permitted",
            settings=registered(operations=["get_checkout"]),
        ),
        Case(
            "media-text",
            "A body is application/json.",
            "shopping/checkout/rest.md#content-types",
            POST.replaced("Content-Type", "text/plain"),
            "unsupported_media",
            "content_type",
        ),
        Case(
            "media-charset-utf8",
            "The charset may be said, if it is UTF-8.",
            "RFC 8259 section 8.1",
            POST.replaced("Content-Type", "application/json; charset=UTF-8"),
        ),
        Case(
            "media-charset-other",
            "Another charset than UTF-8 is not read.",
            "RFC 8259 section 8.1",
            POST.replaced("Content-Type", "application/json; charset=utf-16"),
            "unsupported_media",
            "content_type",
        ),
        Case(
            "media-encoded",
            "A body is not encoded.",
            "RFC 9110 section 8.4",
            POST.replaced("Content-Encoding", "gzip"),
            "unsupported_media",
            "content_encoding",
        ),
        Case(
            "idempotency-key-longest",
            "255 characters are a key.",
            "shopping/checkout/rest.md#specific-header-requirements",
            POST.replaced(KEY[0], "k" * 255),
        ),
        Case(
            "idempotency-key-too-long",
            "256 characters are too many for a key.",
            "shopping/checkout/rest.md#specific-header-requirements",
            POST.replaced(KEY[0], "k" * 256),
            "idempotency_key_invalid",
            "idempotency_key_invalid",
        ),
        Case(
            "operation-permitted",
            "A registered platform asks for an operation that its registration lists.",
            "shopping/checkout/rest.md#operations",
            POST,
            settings=registered(operations=["get_checkout", "create_checkout"]),
        ),
        Case(
            "operation-delete",
            "A verified request whose method no operation has.",
            "shopping/checkout/rest.md#operations",
            GET._replace(method="DELETE"),
            "unknown_operation",
            "unknown_operation",
        ),
        Case(
            "operation-search",
            "A search is a POST that reads: it needs no Idempotency-Key.",
            "shopping/catalog/rest.md#operations",
            POST._replace(target="/catalog/search")
            .replaced("Idempotency-Key")
            .without("idempotency-key"),
        ),
        Case(
            "media-byte-order-mark",
            "A body does not begin with a byte order mark.",
            "RFC 8259 section 8.1",
            POST._replace(body=_MARKED).replaced("Content-Digest", content_digest(_MARKED)),
            "unsupported_media",
            "byte_order_mark",
        ),
    ),
)
