"""What the official models say to requests, good ones and ones that are wrong in one thing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from connector.transports.operations import OPERATIONS
from connector.validation import release
from connector.validation.checker import Checker
from connector.validation.extensions import EXTENSIONS, request_model
from connector.validation.release import BODIES, VERSION, ModelsMissing
from tests.connector.validation import samples
from tests.connector.validation.samples import REQUESTS, REQUIRED, STRANGER, TYPED, called, text

if TYPE_CHECKING:
    from connector.validation.problems import Path

OPERATIONS_WITH_BODY = sorted(REQUESTS)


@pytest.fixture(scope="module")
def lenient() -> Checker:
    return Checker()


@pytest.fixture(scope="module")
def strict() -> Checker:
    return Checker(refuse_unknown=True)


def test_every_operation_with_a_schema_has_a_sample_and_is_one_of_the_protocol() -> None:
    assert REQUESTS.keys() == BODIES.keys()
    assert BODIES.keys() <= {rule.name for rule in OPERATIONS}
    assert VERSION == samples.VERSION


@pytest.mark.parametrize("operation", OPERATIONS_WITH_BODY)
def test_a_good_request_passes_with_either_setting(
    lenient: Checker, strict: Checker, operation: str
) -> None:
    body = text(REQUESTS[operation])
    assert lenient.check_body(operation, VERSION, body) == ()
    assert strict.check_body(operation, VERSION, body) == ()


@pytest.mark.parametrize("operation", sorted(REQUIRED))
def test_a_required_member_that_is_missing_is_named(strict: Checker, operation: str) -> None:
    body = samples.without(REQUESTS[operation], REQUIRED[operation])
    assert strict.check_body(operation, VERSION, body) == (((REQUIRED[operation],), "required"),)


@pytest.mark.parametrize("operation", OPERATIONS_WITH_BODY)
def test_a_changed_type_is_named(strict: Checker, operation: str) -> None:
    body = text({**REQUESTS[operation], TYPED[operation]: True})
    assert strict.check_body(operation, VERSION, body) == (((TYPED[operation],), "type"),)


@pytest.mark.parametrize("operation", OPERATIONS_WITH_BODY)
def test_a_doubled_name_is_named(lenient: Checker, operation: str) -> None:
    body = samples.doubled(REQUESTS[operation], TYPED[operation])
    assert json.loads(body) == REQUESTS[operation]
    problems = lenient.check_body(operation, VERSION, body)
    assert problems == (((TYPED[operation],), "repeated_name"),)


@pytest.mark.parametrize("operation", OPERATIONS_WITH_BODY)
def test_an_unknown_member_is_judged_as_the_setting_says(
    lenient: Checker, strict: Checker, operation: str
) -> None:
    body = text({**REQUESTS[operation], STRANGER: 1})
    assert lenient.check_body(operation, VERSION, body) == ()
    assert strict.check_body(operation, VERSION, body) == (((STRANGER,), "unknown_member"),)


@pytest.mark.parametrize(
    ("quantity", "rule"),
    [("1", "type"), (1.5, "type"), (True, "type"), (None, "type"), (0, "range"), ([1], "type")],
)
def test_nothing_is_taken_for_a_number_that_is_none(
    lenient: Checker, quantity: object, rule: str
) -> None:
    body = text({"line_items": [{"item": {"id": "a"}, "quantity": quantity}]})
    problems = lenient.check_body("create_checkout", VERSION, body)
    assert problems == ((("line_items", 0, "quantity"), rule),)


@pytest.mark.parametrize(
    ("operation", "member", "value", "path", "rule"),
    [
        ("create_checkout", "signals", {"A": 1}, ("signals",), "value"),
        ("lookup_catalog", "ids", [], ("ids",), "length"),
        ("complete_checkout", "ap2", {"checkout_mandate": ""}, ("ap2", "checkout_mandate"), None),
        ("search_catalog", "pagination", {"limit": 0}, ("pagination", "limit"), "range"),
        ("create_checkout", "attribution", {"a": 1}, ("attribution", "a"), "type"),
    ],
)
def test_the_models_other_rules_have_words_of_their_own(
    lenient: Checker, operation: str, member: str, value: object, path: Path, rule: str | None
) -> None:
    body = text({**REQUESTS[operation], member: value})
    assert lenient.check_body(operation, VERSION, body) == ((path, rule or "pattern"),)


def test_unknown_members_are_found_inside_other_objects(strict: Checker) -> None:
    request = {
        "line_items": [{"item": {"id": "a", "x": 1}, "quantity": 1, "y": 1}],
        "buyer": {"z": 1},
    }
    problems = strict.check_body("create_checkout", VERSION, text(request))
    assert set(problems) == {
        (("line_items", 0, "item", "x"), "unknown_member"),
        (("line_items", 0, "y"), "unknown_member"),
        (("buyer", "z"), "unknown_member"),
    }


@pytest.mark.parametrize("member", ["signals", "display", "credential", "instrument"])
def test_what_the_protocol_leaves_to_others_is_never_unknown(strict: Checker, member: str) -> None:
    card: dict[str, Any] = {"id": "i", "handler_id": "h", "type": "card"}
    request: dict[str, Any] = {"payment": {"instruments": [card]}}
    if member == "signals":
        request["signals"] = {"com.example.any": 1}
    elif member == "instrument":
        card["any"] = 1
    else:
        card[member] = {"type": "t", "any": 1}
    assert strict.check_body("complete_checkout", VERSION, text(request)) == ()


def test_a_member_below_a_declared_capabilitys_name_is_known() -> None:
    checker = Checker({"com.example.gift"}, refuse_unknown=True, known=["wrapping"])
    for name, known in {
        "com.example.gift": True,
        "com.example.gift.note": True,
        "com.example.gifts": False,
        "wrapping": True,
        "wrappings": False,
    }.items():
        body = text({**REQUESTS["create_cart"], name: 1})
        assert (checker.check_body("create_cart", VERSION, body) == ()) is known, name


def test_at_most_ten_problems_are_told_and_each_once(lenient: Checker) -> None:
    body = text({"line_items": [{}] * 50})
    problems = lenient.check_body("create_checkout", VERSION, body)
    assert len(problems) == len(set(problems)) == 10


def test_another_version_is_held_against_no_schema(strict: Checker) -> None:
    assert strict.check_body("create_checkout", "2026-04-08", b"{}") == ()
    assert strict.check_body("create_checkout", "2026-04-08", b"{") == (((), "json"),)


def test_an_operation_without_schema_may_have_no_body(strict: Checker) -> None:
    assert strict.check_body("cancel_checkout", VERSION, b"") == ()
    assert strict.check_body("cancel_checkout", VERSION, b'{"a":1,"a":1}') != ()
    assert strict.check_body("create_checkout", VERSION, b"") == (((), "json"),)


@pytest.mark.parametrize("operation", OPERATIONS_WITH_BODY)
def test_a_tool_call_is_judged_by_its_one_argument(strict: Checker, operation: str) -> None:
    argument, request = BODIES[operation].argument, REQUESTS[operation]
    above = ("params", "arguments", argument)

    def judged(body: bytes, **others: object) -> object:
        call = called(operation, argument, body, **others)
        return strict.check_call(operation, VERSION, call)

    assert judged(text(request), id="x") == ()
    member = TYPED[operation]
    assert judged(text({**request, member: True})) == (((*above, member), "type"),)
    assert judged(samples.doubled(request, member)) == (((*above, member), "repeated_name"),)
    assert judged(text({**request, STRANGER: 1})) == (((*above, STRANGER), "unknown_member"),)
    assert judged(text(request), stranger=1) == (((*above[:2], "stranger"), "unknown_member"),)


def test_a_tool_call_without_its_argument_is_wrong(lenient: Checker) -> None:
    call = called("create_cart", "checkout", text(REQUESTS["create_cart"]))
    place = ("params", "arguments", "cart")
    assert lenient.check_call("create_cart", VERSION, call) == ((place, "required"),)
    no_call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}'
    assert lenient.check_call("create_cart", VERSION, no_call) == ((place[:2], "type"),)


def test_other_messages_of_mcp_are_json_and_no_more(strict: Checker) -> None:
    assert strict.check_call("tools_list", VERSION, b'{"jsonrpc":"2.0","id":1,"x":{}}') == ()
    assert strict.check_call("tools_list", VERSION, b'{"id":1,"id":1}') != ()


def test_only_the_release_that_the_tables_fit_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "installed", lambda _: "0.4.2")
    with pytest.raises(ModelsMissing, match=r"0\.4\.2 is installed"):
        Checker()


@pytest.mark.parametrize("operation", OPERATIONS_WITH_BODY)
def test_no_model_reads_a_string_as_something_else(operation: str) -> None:
    # Values are judged as Python's json reads them: a model of a time or a URL, which strict
    # pydantic takes from JSON text only, would refuse every one.
    schema = request_model(operation, EXTENSIONS).model_json_schema()
    assert '"format"' not in json.dumps(schema)
