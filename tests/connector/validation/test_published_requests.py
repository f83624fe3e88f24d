"""The requests that the specification shows whole, as they stand and with one thing wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from connector.validation.checker import Checker
from connector.validation.release import BODIES, VERSION
from tests.canonical.vectors import load, load_all
from tests.connector.validation import samples
from tests.connector.validation.samples import REQUIRED, STRANGER, TYPED, called, text

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPERATIONS: Final = {
    ("shopping/checkout", "create"): "create_checkout",
    ("shopping/checkout", "update"): "update_checkout",
    ("shopping/checkout", "complete"): "complete_checkout",
    ("shopping/checkout", "cancel"): "cancel_checkout",
    ("shopping/cart", "create"): "create_cart",
    ("shopping/cart", "update"): "update_cart",
    ("shopping/cart", "cancel"): "cancel_cart",
    ("shopping/catalog_search", "search"): "search_catalog",
    ("shopping/catalog_lookup", "lookup"): "lookup_catalog",
    ("shopping/catalog_lookup", "get_product"): "get_product",
}

_SCAFFOLDS: Final = {
    "shopping_cart_request_create": "create_cart",
    "shopping_cart_request_update": "update_cart",
    "shopping_catalog_lookup_request": "lookup_catalog",
    "shopping_catalog_lookup_request_get_product": "get_product",
    "shopping_catalog_search_request": "search_catalog",
    "shopping_checkout_request_complete": "complete_checkout",
    "shopping_checkout_request_create": "create_checkout",
    "shopping_checkout_request_update": "update_checkout",
}

# Requests with members that their own schema does not have in requests (`ucp_request: omit`).
_NOT_STRICT: Final = {
    "docs/specification/shopping/checkout/mcp.md:157": {"$.currency", "$.line_items.0.id"},
    "docs/specification/shopping/checkout/mcp.md:417": {"$.currency"},
}
# It updates a fulfillment method without `line_item_ids`, which the schema of the extension asks
# for; the example is annotated with the core's schema alone, by which it is good.
_NOT_EXTENDED: Final = {
    "docs/specification/shopping/checkout/rest.md:380": {"$.fulfillment.methods.0.line_item_ids"}
}


class Published(NamedTuple):
    place: str
    operation: str
    body: bytes

    def __str__(self) -> str:
        return self.place


def _examples() -> list[dict[str, Any]]:
    examples: list[dict[str, Any]] = load("ucp/doc_examples.json")["examples"]
    return examples


def _requests() -> Iterator[Published]:
    """Yield every request of ours that is shown whole; others have comments and points in them.

    What stands in a tool call's argument is yielded like a REST body.
    """
    for example in _examples():
        note = example["annotation"] or {}
        operation = _OPERATIONS.get((note.get("schema", ""), note.get("op", "")))
        if not note and example["text"].startswith("POST /checkout-sessions HTTP/1.1"):
            operation = "create_checkout"
        # With a target it is a part of a request.
        if operation is None or (note and note.get("direction") != "request") or "target" in note:
            continue
        body = _body(example["text"])
        value = _json(body)
        if value is None:
            continue
        if "extract" in note:
            for step in note["extract"].split(".")[1:]:
                value = value[step]
            body = json.dumps(value)
        # Checkout with the member that the cart capability adds.
        operation = "create_checkout" if note.get("def") == "checkout" else operation
        yield Published(_place(example), operation, body.encode())


def _calls() -> Iterator[Published]:
    """Yield every tool call that is shown whole."""
    for example in _examples():
        value = _json(example["text"])
        if isinstance(value, dict) and value.get("method") == "tools/call":
            yield Published(_place(example), value["params"]["name"], example["text"].encode())


def _place(example: dict[str, Any]) -> str:
    return f"{example['file']}:{example['line']}"


def _body(whole: str) -> str:
    return whole if whole.lstrip().startswith("{") else whole.partition("\n\n")[2]


def _json(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _scaffolds() -> list[Published]:
    files = load_all("ucp/scaffolds")
    return [Published(name, operation, text(files[name])) for name, operation in _SCAFFOLDS.items()]


PUBLISHED: Final = [*_requests(), *_scaffolds()]
CALLS: Final = list(_calls())
WITH_BODY: Final = [each for each in PUBLISHED if each.operation in BODIES]


@pytest.fixture(scope="module")
def core() -> Checker:
    return Checker(set())


@pytest.fixture(scope="module")
def extended() -> Checker:
    """With every extension, as before the merchant's profile is read."""
    return Checker()


@pytest.fixture(scope="module")
def strict() -> Checker:
    return Checker(refuse_unknown=True)


def _paths(problems: object) -> set[str]:
    assert isinstance(problems, tuple)
    return {".".join(("$", *map(str, problem.path))) for problem in problems}


def test_there_are_published_requests_of_every_operation() -> None:
    assert {each.operation for each in WITH_BODY} == BODIES.keys()
    assert len(PUBLISHED) >= 45
    assert len(CALLS) >= 12


@pytest.mark.parametrize("request_", PUBLISHED, ids=str)
def test_each_passes_by_the_schema_that_it_is_published_with(
    core: Checker, request_: Published
) -> None:
    assert core.check_body(request_.operation, VERSION, request_.body) == ()


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_each_whole_tool_call_passes(core: Checker, extended: Checker, call: Published) -> None:
    assert core.check_call(call.operation, VERSION, call.body) == ()
    assert extended.check_call(call.operation, VERSION, call.body) == ()


@pytest.mark.parametrize("request_", PUBLISHED, ids=str)
def test_each_passes_with_every_extension_but_one_that_breaks_its_schema(
    extended: Checker, request_: Published
) -> None:
    problems = extended.check_body(request_.operation, VERSION, request_.body)
    assert _paths(problems) == _NOT_EXTENDED.get(request_.place, set())


@pytest.mark.parametrize("request_", PUBLISHED, ids=str)
def test_each_has_known_members_only_but_two_that_say_what_answers_say(
    strict: Checker, request_: Published
) -> None:
    problems = strict.check_body(request_.operation, VERSION, request_.body)
    exceptions = {**_NOT_EXTENDED, **_NOT_STRICT}
    assert _paths(problems) == exceptions.get(request_.place, set())


@pytest.mark.parametrize(
    "request_", [each for each in WITH_BODY if each.operation in REQUIRED], ids=str
)
def test_each_is_refused_without_a_required_member(core: Checker, request_: Published) -> None:
    member = REQUIRED[request_.operation]
    body = samples.without(json.loads(request_.body), member)
    assert core.check_body(request_.operation, VERSION, body) == (((member,), "required"),)


@pytest.mark.parametrize("request_", WITH_BODY, ids=str)
def test_each_is_refused_with_a_changed_type(core: Checker, request_: Published) -> None:
    member = TYPED[request_.operation]
    body = text({**json.loads(request_.body), member: True})
    assert core.check_body(request_.operation, VERSION, body) == (((member,), "type"),)


@pytest.mark.parametrize("request_", WITH_BODY, ids=str)
def test_each_is_refused_with_a_doubled_name_over_both_transports(
    core: Checker, request_: Published
) -> None:
    value = json.loads(request_.body)
    member = next(iter(value))
    body = samples.doubled(value, member)
    argument = BODIES[request_.operation].argument
    call = called(request_.operation, argument, body)
    rule = "repeated_name"
    assert core.check_body(request_.operation, VERSION, body) == (((member,), rule),)
    place = ("params", "arguments", argument, member)
    assert core.check_call(request_.operation, VERSION, call) == ((place, rule),)


@pytest.mark.parametrize("request_", WITH_BODY, ids=str)
def test_an_unknown_member_in_each_is_judged_as_the_setting_says(
    core: Checker, strict: Checker, request_: Published
) -> None:
    body = text({**json.loads(request_.body), STRANGER: 1})
    assert core.check_body(request_.operation, VERSION, body) == ()
    problems = strict.check_body(request_.operation, VERSION, body)
    if request_.place not in _NOT_EXTENDED:
        assert ((STRANGER,), "unknown_member") in problems
