"""What a verified request asks for: its operation, its key, its kind of body."""

from __future__ import annotations

from typing import Final

from canonical import content_digest
from connector.diagnosis.generator.documents import url
from connector.diagnosis.generator.recipes import (
    AGENT,
    BODY,
    GET,
    KEY,
    POST,
    TYPE,
    Case,
    Recipe,
    Topic,
    registered,
)

_MARKED: Final = b"\xef\xbb\xbf" + BODY
_CHECKOUT: Final = "shopping/checkout/rest.md#operations, checkouts"
_CART: Final = "shopping/cart/rest.md#operations"
_CATALOG: Final = "shopping/catalog/rest.md#operations, POST that reads"
_UNKNOWN: Final = "ucp-rules.md#7-operations, what is none"
_EXTENSIONS: Final = "ucp-rules.md#7-operations, declared ones"
_VERSIONS: Final = "ucp-rules.md#7-operations, versions"
_KEY: Final = "ucp-rules.md#7-operations, Idempotency-Key"
_MEDIA: Final = "RFC 9110 section 8.3"
_CHARSET: Final = "RFC 9110 section 8.3.2"
_CODING: Final = "RFC 9110 section 8.4, codings"

_WITHOUT_KEY: Final = POST.replaced(KEY[0]).without("idempotency-key")
_JANUARY: Final = {"versions": ["2026-08-25", "2026-01-11"]}
_RETURNS: Final = {
    "operations": [
        {"name": "list_returns", "method": "GET", "path": "/returns", "kind": "read"},
        {"name": "create_return", "method": "POST", "path": "/returns", "kind": "write"},
    ]
}


def _write(id_: str, description: str, rule: str, target: str, method: str = "POST") -> Case:
    return Case(f"operation-{id_}", description, rule, POST._replace(method=method, target=target))


def _read(id_: str, description: str, rule: str, target: str) -> Case:
    return Case(f"operation-{id_}", description, rule, GET._replace(target=target))


def _none(id_: str, description: str, recipe: Recipe, rule: str = _UNKNOWN) -> Case:
    code = "unknown_operation"
    return Case(f"operation-{id_}", description, rule, recipe, code, code)


def _key(id_: str, description: str, value: str) -> Case:
    code = "idempotency_key_invalid"
    recipe = POST.replaced(KEY[0], value)
    return Case(f"idempotency-key-{id_}", description, _KEY, recipe, code, code)


def _media(id_: str, description: str, rule: str, value: str, *, fits: bool = False) -> Case:
    case = Case(f"media-{id_}", description, rule, POST.replaced(TYPE[0], value))
    return case if fits else case._replace(code="unsupported_media", reason="content_type")


def _coded(id_: str, description: str, value: str, *, fits: bool = False) -> Case:
    case = Case(f"media-{id_}", description, _CODING, POST.replaced("Content-Encoding", value))
    return case if fits else case._replace(code="unsupported_media", reason="content_encoding")


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
        _write("update", "A checkout is updated.", _CHECKOUT, "/checkout-sessions/chk_1", "PUT"),
        _write(
            "complete", "A checkout is completed.", _CHECKOUT, "/checkout-sessions/chk_1/complete"
        ),
        _write("cancel", "A checkout is cancelled.", _CHECKOUT, "/checkout-sessions/chk_1/cancel"),
        Case(
            "operation-update-without-key",
            "An update needs an Idempotency-Key.",
            _CHECKOUT,
            _WITHOUT_KEY._replace(method="PUT", target="/checkout-sessions/chk_1"),
            "idempotency_key_missing",
            "idempotency_key_missing",
        ),
        Case(
            "operation-complete-without-key",
            "A completion needs an Idempotency-Key.",
            _CHECKOUT,
            _WITHOUT_KEY._replace(target="/checkout-sessions/chk_1/complete"),
            "idempotency_key_missing",
            "idempotency_key_missing",
            differs_from="operation-complete",
        ),
        _write("create-cart", "A cart is created.", _CART, "/carts"),
        _write("update-cart", "A cart is updated.", _CART, "/carts/cart_1", "PUT"),
        _write("cancel-cart", "A cart is cancelled.", _CART, "/carts/cart_1/cancel"),
        _read("get-cart", "A cart is read.", _CART, "/carts/cart_1"),
        _read("get-order", "An order is read.", "shopping/order/rest.md#operations", "/orders/o_1"),
        Case(
            "operation-lookup",
            "A lookup needs no Idempotency-Key.",
            _CATALOG,
            _WITHOUT_KEY._replace(target="/catalog/lookup"),
        ),
        Case(
            "operation-product",
            "A product is asked for without an Idempotency-Key.",
            _CATALOG,
            _WITHOUT_KEY._replace(target="/catalog/product"),
        ),
        _write(
            "search-with-key",
            "A search with an Idempotency-Key, which is covered and otherwise ignored.",
            _CATALOG,
            "/catalog/search",
        ),
        Case(
            "operation-search-with-bad-key",
            "A search's Idempotency-Key is not looked at.",
            _CATALOG,
            POST._replace(target="/catalog/search").replaced(KEY[0], "short"),
        ),
        _none("head", "HEAD, which is another method than GET.", GET._replace(method="HEAD")),
        _none("options", "OPTIONS.", GET._replace(method="OPTIONS")),
        _none("patch", "PATCH.", POST._replace(method="PATCH", target="/checkout-sessions/chk_1")),
        _none("put-on-collection", "PUT where POST belongs.", POST._replace(method="PUT")),
        _none("path-case", "A path is case-sensitive.", POST._replace(target="/Checkout-Sessions")),
        _none("path-longer", "A segment too many.", GET._replace(target="/carts/cart_1/items")),
        _none("path-other", "A path that nobody declared.", GET._replace(target="/returns")),
        _read(
            "declared", "An operation that the merchant declares.", _EXTENSIONS, "/returns"
        )._replace(settings=_RETURNS),
        _write("declared-write", "A declared write.", _EXTENSIONS, "/returns")._replace(
            settings=_RETURNS
        ),
        Case(
            "operation-declared-without-key",
            "A declared write needs an Idempotency-Key, too.",
            _EXTENSIONS,
            _WITHOUT_KEY._replace(target="/returns"),
            "idempotency_key_missing",
            "idempotency_key_missing",
            settings=_RETURNS,
        ),
        Case(
            "operation-of-january",
            "A platform of January 2026 creates a checkout.",
            _VERSIONS,
            POST.replaced(AGENT[0], f'profile="{url("january")}"'),
            identity=url("january"),
            settings=_JANUARY,
        ),
        Case(
            "operation-not-of-january",
            "A platform of January 2026 creates a cart, which there was not yet.",
            _VERSIONS,
            POST.replaced(AGENT[0], f'profile="{url("january")}"')._replace(target="/carts"),
            "unknown_operation",
            "operation_not_in_version",
            settings=_JANUARY,
            differs_from="operation-of-january",
        ),
        Case(
            "idempotency-key-characters",
            "Visible characters of every kind but comma and quotes.",
            _KEY,
            POST.replaced(KEY[0], "!#$%&()*+-./09:;<=>?@AZ[\\]^_`az{|}~"),
        ),
        _key("space", "A space within the key.", KEY[1].replace("-", " ", 1)),
        _key("quoted", "The key in quotes.", f'"{KEY[1]}"'),
        _key("apostrophe", "An apostrophe within the key.", KEY[1].replace("-", "'", 1)),
        _key("tab", "A tab within the key.", KEY[1].replace("-", "\t", 1)),
        _key("empty", "An empty key.", ""),
        _media(
            "parameter-upper-case",
            "Type and charset in capitals.",
            _CHARSET,
            "Application/JSON;Charset=UTF-8",
            fits=True,
        ),
        _media(
            "charset-quoted",
            "The charset in quotes.",
            _CHARSET,
            'application/json; charset="utf-8"',
            fits=True,
        ),
        _media("charset-latin", "Another charset.", _CHARSET, "application/json; charset=latin1"),
        _media(
            "charset-twice",
            "Two charsets.",
            _CHARSET,
            "application/json; charset=utf-8; charset=utf-16",
        ),
        _media("plain", "application/json.", _MEDIA, "application/json", fits=True),
        _media("suffix", "A media type with the suffix +json.", _MEDIA, "application/ucp+json"),
        _media("problem", "Another media type of JSON.", _MEDIA, "application/problem+json"),
        _media("text-json", "A media type of old.", _MEDIA, "text/json"),
        _media("form", "A form.", _MEDIA, "application/x-www-form-urlencoded"),
        _media("list", "Two media types.", _MEDIA, "application/json, text/plain"),
        _media("empty", "An empty media type.", _MEDIA, ""),
        _coded("identity", "The coding identity is none.", "identity", fits=True),
        _coded("identity-upper-case", "Codings are compared in any case.", "Identity", fits=True),
        _coded("brotli", "br.", "br"),
        _coded("identity-and-gzip", "Two codings.", "identity, gzip"),
        Case(
            "media-without-body",
            "Without a body nothing is asked of a media type.",
            _MEDIA,
            GET.replaced("Content-Type", "text/plain"),
        ),
    ),
)
