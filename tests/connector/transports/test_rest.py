"""The table of operations: what a method and path name, and which key they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from canonical import Request
from connector.errors import Refusal
from connector.transports.operations import OPERATIONS, OperationRule
from connector.transports.rest import RestTransport

if TYPE_CHECKING:
    from connector.steps import Operation

KEY = "550e8400-e29b-41d4-a716-446655440000"
VERSION = "2026-08-25"


def request(method: str, target: str, *headers: tuple[str, str]) -> Request:
    return Request(method=method, target=target, scheme="https", headers=list(headers))


def operation(transport: RestTransport, message: Request, version: str = VERSION) -> Operation:
    rule = transport.rule(message, transport.route(message))
    return transport.operation(message, rule, version)


def operation_name(transport: RestTransport, method: str, target: str) -> str:
    message = request(method, target, ("Idempotency-Key", KEY))
    return operation(transport, message, VERSION).name


def code_of(transport: RestTransport, message: Request, version: str = VERSION) -> str:
    with pytest.raises(Refusal) as caught:
        operation(transport, message, version)
    return caught.value.code.name


@pytest.mark.parametrize("rule", OPERATIONS, ids=lambda rule: rule.name)
def test_every_row_of_the_table_is_named_below_the_endpoint(rule: OperationRule) -> None:
    transport = RestTransport("/ucp/v1")
    target = "/ucp/v1" + rule.path.replace("{id}", "chk_123:=@!$,~")
    assert operation_name(transport, rule.method, target) == rule.name


def test_a_query_does_not_change_the_operation() -> None:
    assert operation_name(RestTransport(""), "GET", "/orders/o-1?a=/x//y&b=%2e") == "get_order"


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("DELETE", "/ucp/v1/checkout-sessions/1"),
        ("HEAD", "/ucp/v1/checkout-sessions/1"),
        ("OPTIONS", "/ucp/v1/checkout-sessions"),
        ("GET", "/ucp/v1/checkout-sessions"),
        ("POST", "/ucp/v1/checkout-sessions/1/refund"),
        ("POST", "/ucp/v1/catalog"),
        ("get", "/ucp/v1/checkout-sessions/1"),
        ("POST", "/ucp/v2/checkout-sessions"),
        ("POST", "/ucp/v1x/checkout-sessions"),
        ("POST", "/ucp/v1"),
        ("POST", "/"),
    ],
)
def test_anything_else_is_an_unknown_operation(method: str, target: str) -> None:
    message = request(method, target, ("Idempotency-Key", KEY))
    assert code_of(RestTransport("/ucp/v1"), message) == "unknown_operation"


@pytest.mark.parametrize(
    "path",
    [
        "/orders/",
        "/orders//x",
        "/orders/.",
        "/orders/..",
        "/orders/../carts/1",
        "/orders/a%2fb",
        "/orders/a%20b",
        "/orders/a;b",
        "/orders/a+b",
        "/orders/a'b",
        "/orders/a*b",
        "/orders/a&b",
        "/orders/a\\b",
        "/orders/(a)",
    ],
)
def test_a_path_of_another_shape_is_malformed_before_anything_is_verified(path: str) -> None:
    with pytest.raises(Refusal) as caught:
        RestTransport("").route(request("GET", path))
    assert caught.value.code.name == "malformed_request"


@pytest.mark.parametrize("path", ["/orders/a%20b", "/orders/a;b", "/orders/%C3%A9"])
def test_encoded_ids_pass_where_the_merchant_says_so(path: str) -> None:
    assert operation_name(RestTransport("", encoded_ids=True), "GET", path) == "get_order"


@pytest.mark.parametrize(
    "path",
    [
        "%25",
        "%2525",
        "%5C",
        "%5c",
        "%2F",
        "%2f",
        "%2e",
        "%00",
        "%0A",
        "%1f",
        "%7F",
        "%",
        "%4",
        "%g0",
    ],
)
def test_an_encoding_that_a_second_decoder_would_read_again_is_refused(path: str) -> None:
    transport = RestTransport("", encoded_ids=True)
    with pytest.raises(Refusal) as caught:
        transport.route(request("GET", f"/orders/a{path}"))
    assert caught.value.code.name == "malformed_request"


@pytest.mark.parametrize("version", ["2026-01-11", "2026-01-23"])
def test_the_january_versions_have_the_checkout_operations_only(version: str) -> None:
    transport = RestTransport("")
    assert code_of(transport, request("GET", "/carts/1"), version) == "unknown_operation"
    message = request("GET", "/checkout-sessions/1")
    assert operation(transport, message, version).kind == "read"


def test_a_write_without_a_key_says_that_it_is_missing() -> None:
    assert code_of(RestTransport(""), request("POST", "/carts")) == "idempotency_key_missing"


@pytest.mark.parametrize(
    "key",
    ["", "x" * 21, "x" * 256, "x" * 21 + " ", "a,b" + "x" * 22, '"' + "x" * 22 + '"', "ü" * 22,
     "'" + "x" * 22, "x" * 22 + "\ty"],
)  # fmt: skip
def test_a_key_of_another_form_is_invalid(key: str) -> None:
    message = request("POST", "/carts", ("Idempotency-Key", key))
    assert code_of(RestTransport(""), message) == "idempotency_key_invalid"


def test_two_key_lines_are_invalid_even_where_each_is_well_formed() -> None:
    message = request("POST", "/carts", ("Idempotency-Key", KEY), ("idempotency-key", KEY))
    assert code_of(RestTransport(""), message) == "idempotency_key_invalid"


@pytest.mark.parametrize("key", ["x" * 22, "~" * 255, KEY])
def test_a_well_formed_key_is_the_operations_key(key: str) -> None:
    transport = RestTransport("")
    message = request("POST", "/carts", ("Idempotency-Key", key))
    assert operation(transport, message, VERSION).key == key


@pytest.mark.parametrize("target", ["/catalog/search", "/catalog/lookup", "/catalog/product"])
def test_a_read_by_post_asks_for_no_key_and_has_none(target: str) -> None:
    transport = RestTransport("")
    message = request("POST", target, ("Idempotency-Key", "short"))
    found = operation(transport, message, VERSION)
    assert (found.kind, found.key) == ("read", None)


def test_a_configured_operation_is_served() -> None:
    wish = OperationRule("add_wish", "POST", "/wishes/{id}/items", "write")
    transport = RestTransport("/api", extensions=[wish])
    assert operation_name(transport, "POST", "/api/wishes/7/items") == "add_wish"


def test_a_configured_operation_may_not_shadow_the_protocols_own() -> None:
    shadow = OperationRule("mine", "GET", "/{kind}/{id}", "read")
    with pytest.raises(ValueError, match="overlaps"):
        RestTransport("", extensions=[shadow])
