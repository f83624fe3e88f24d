"""The members that the protocol's extensions add, each where its capability is declared."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import pytest

from connector.validation.checker import Checker
from connector.validation.extensions import EXTENSIONS
from connector.validation.release import VERSION
from tests.connector.validation.samples import REQUESTS, text


class Case(NamedTuple):
    extension: str
    operation: str
    members: dict[str, Any]
    wrong: dict[str, Any] | None
    """The same member of another type; None where the package has no model for it."""

    def __str__(self) -> str:
        return f"{self.extension} of {self.operation}"


_CARD: Final = {"id": "i", "handler_id": "h", "type": "card"}
_HOME: Final = {"address_country": "US"}


def _fulfillment(operation: str) -> Case:
    method: dict[str, Any] = {"type": "shipping", "groups": []}
    if operation == "update_checkout":
        method["line_item_ids"] = ["li"]
    return Case(
        "fulfillment",
        operation,
        {"fulfillment": {"methods": [{**method, "destinations": [_HOME]}]}},
        {"fulfillment": {"methods": [{**method, "destinations": [{"address_country": 1}]}]}},
    )


CASES: Final = [
    Case("cart", "create_checkout", {"cart_id": "c"}, {"cart_id": 1}),
    _fulfillment("create_checkout"),
    _fulfillment("update_checkout"),
    *(
        Case("fulfillment", each, {"filters": {"methods": ["a"]}}, {"filters": {"methods": 1}})
        for each in ("search_catalog", "lookup_catalog", "get_product")
    ),
    *(
        Case("discount", each, {"discounts": {"codes": ["A"]}}, {"discounts": {"codes": "A"}})
        for each in ("create_checkout", "update_checkout", "create_cart", "update_cart")
    ),
    *(
        Case("buyer_consent", each, {"buyer": {"consent": {"dev.ucp.x": {}}}}, None)
        for each in (
            "create_checkout",
            "update_checkout",
            "complete_checkout",
            "create_cart",
            "update_cart",
        )
    ),
    Case(
        "ap2_mandate",
        "complete_checkout",
        {"ap2": {"checkout_mandate": "a.b.c"}},
        {"ap2": {"checkout_mandate": 1}},
    ),
    Case(
        "payment_terms",
        "update_checkout",
        {"payment": {"selected_term_id": "t"}},
        {"payment": {"selected_term_id": 1}},
    ),
    *(
        Case(
            "split_payments",
            each,
            {"payment": {"instruments": [{**_CARD, "amount": 100}]}},
            {"payment": {"instruments": [{**_CARD, "amount": "100"}]}},
        )
        for each in ("create_checkout", "update_checkout", "complete_checkout")
    ),
]


def test_there_is_a_case_for_every_extension_and_operation() -> None:
    table = {
        (name, operation)
        for name, additions in EXTENSIONS.items()
        for addition in additions
        for operation in addition.operations
    }
    assert {(each.extension, each.operation) for each in CASES} == table


@pytest.fixture(scope="module")
def none_declared() -> Checker:
    return Checker(set(), refuse_unknown=True)


@pytest.fixture(scope="module")
def all_declared() -> Checker:
    return Checker({f"dev.ucp.shopping.{name}" for name in EXTENSIONS}, refuse_unknown=True)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_its_members_are_known_where_it_is_declared(
    case: Case, none_declared: Checker, all_declared: Checker
) -> None:
    body = text({**REQUESTS[case.operation], **case.members})
    assert all_declared.check_body(case.operation, VERSION, body) == ()
    problems = none_declared.check_body(case.operation, VERSION, body)
    if case.extension == "split_payments":
        # Payment handlers may add anything to an instrument.
        assert problems == ()
    else:
        assert {problem.rule for problem in problems} == {"unknown_member"}


@pytest.mark.parametrize("case", [each for each in CASES if each.wrong is not None], ids=str)
def test_its_members_are_typed_where_it_is_declared(
    case: Case, none_declared: Checker, all_declared: Checker
) -> None:
    body = text({**REQUESTS[case.operation], **(case.wrong or {})})
    problems = all_declared.check_body(case.operation, VERSION, body)
    assert [problem.rule for problem in problems] == ["type"]
    undeclared = none_declared.check_body(case.operation, VERSION, body)
    assert {problem.rule for problem in undeclared} <= {"unknown_member"}


def test_each_extension_is_declared_by_itself() -> None:
    for name in EXTENSIONS:
        checker = Checker({f"dev.ucp.shopping.{name}"}, refuse_unknown=True)
        for case in CASES:
            body = text({**REQUESTS[case.operation], **case.members})
            good = checker.check_body(case.operation, VERSION, body) == ()
            assert good is (case.extension in (name, "split_payments")), (name, case)


def test_before_the_profile_is_read_every_extension_counts_as_declared() -> None:
    checker = Checker(None, refuse_unknown=True)
    for case in CASES:
        body = text({**REQUESTS[case.operation], **case.members})
        assert checker.check_body(case.operation, VERSION, body) == ()


def test_another_owners_capability_of_the_same_name_is_another_one() -> None:
    checker = Checker({"com.example.discount"}, refuse_unknown=True)
    body = text({**REQUESTS["create_cart"], "discounts": {}})
    assert checker.check_body("create_cart", VERSION, body) == ((("discounts",), "unknown_member"),)
