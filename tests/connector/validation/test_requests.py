"""What a merchant's setting makes of a bad body, and who is told what of it."""

from __future__ import annotations

import asyncio
import re
import threading

import pytest

from connector.errors import Refusal
from connector.validation.checker import Checker
from connector.validation.release import VERSION
from connector.validation.requests import RequestValidation
from tests.connector.validation.samples import REQUESTS, called, text

_SECRET = "4111111111111111"  # noqa: S105 - what a body holds, and nobody is told
_BAD = text({"line_items": [{"item": {"id": 1, _SECRET: _SECRET}, "quantity": _SECRET}]})
_GOOD = text(REQUESTS["create_cart"])


class _Counts:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def __call__(self, operation: str, rule: str) -> None:
        self.told.append((operation, rule))


def _validation(counts: _Counts, *, enforce: bool, refuse: bool = False) -> RequestValidation:
    return RequestValidation(enforce=enforce, refuse_unknown=refuse, count=counts)


def test_enforce_refuses_with_path_and_rule_and_says_no_value() -> None:
    counts = _Counts()
    validation = _validation(counts, enforce=True)
    with pytest.raises(Refusal) as caught:
        validation.judge(_BAD, "create_cart", VERSION, call=False)
    refusal = caught.value
    assert (refusal.code.name, refusal.reason) == ("malformed_request", "invalid_body")
    assert refusal.faults == (
        ("$.line_items[0].item.id", "type"),
        ("$.line_items[0].quantity", "type"),
    )
    assert _SECRET not in refusal.explanation
    assert counts.told == [("create_cart", "type")]


def test_report_says_the_same_to_the_operator_and_lets_it_pass() -> None:
    counts = _Counts()
    told = _validation(counts, enforce=False).judge(_BAD, "create_cart", VERSION, call=False)
    assert told == "$.line_items[0].item.id: type; $.line_items[0].quantity: type"
    assert counts.told == [("create_cart", "type")]


@pytest.mark.parametrize("enforce", [True, False])
def test_of_a_good_body_nothing_is_told(enforce: bool) -> None:  # noqa: FBT001 - the setting
    counts = _Counts()
    validation = _validation(counts, enforce=enforce, refuse=True)
    assert validation.judge(_GOOD, "create_cart", VERSION, call=False) == ""
    call = called("create_cart", "cart", _GOOD)
    assert validation.judge(call, "create_cart", VERSION, call=True) == ""
    assert counts.told == []


def test_the_caller_alone_is_told_a_name_that_no_schema_has() -> None:
    validation = _validation(_Counts(), enforce=True, refuse=True)
    body = text({**REQUESTS["create_cart"], "card number": 1})
    with pytest.raises(Refusal) as caught:
        validation.judge(body, "create_cart", VERSION, call=False)
    assert caught.value.faults == (('$["card number"]', "unknown_member"),)
    assert caught.value.explanation == "$[*]: unknown_member"


def test_a_rule_counts_once_for_a_request() -> None:
    counts = _Counts()
    body = text({"line_items": [{}, {"item": {}, "quantity": 0}]})
    _validation(counts, enforce=False).judge(body, "create_cart", VERSION, call=False)
    assert sorted(counts.told) == [("create_cart", "range"), ("create_cart", "required")]


@pytest.mark.parametrize("length", [1, 64, 300])
def test_a_refusal_is_small_whatever_the_body_is(length: int) -> None:
    validation = _validation(_Counts(), enforce=True, refuse=True)
    names = {f"{number:03d}\x00{'é' * length}": 1 for number in range(100)}
    with pytest.raises(Refusal) as caught:
        validation.judge(text(names), "search_catalog", VERSION, call=False)
    faults = caught.value.faults
    assert len(faults) == 10
    assert all(len(each.path) <= 256 and re.fullmatch("[ -~]+", each.path) for each in faults)


def test_the_capabilities_of_all_the_merchants_documents_count() -> None:
    validation = _validation(_Counts(), enforce=False, refuse=True)
    body = text({**REQUESTS["create_cart"], "discounts": {}, "com.example.x": 1})

    def told() -> str:
        return validation.judge(body, "create_cart", VERSION, call=False)

    assert told() == "$[*]: unknown_member"  # every extension, until a document is read
    asyncio.run(validation.declare("/.well-known/ucp", ["dev.ucp.shopping.cart"]))
    assert told() == "$.discounts: unknown_member; $[*]: unknown_member"
    asyncio.run(validation.declare("/leaf", ["dev.ucp.shopping.discount"]))
    assert told() == "$[*]: unknown_member"
    asyncio.run(validation.declare("/leaf", ["dev.ucp.shopping.discount", "com.example.x"]))
    assert told() == ""


def test_a_mistake_of_ours_is_refused_where_bodies_are_and_quotes_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> object:
        raise KeyError(_SECRET)

    monkeypatch.setattr(Checker, "check_body", fail)
    with pytest.raises(Refusal) as caught:
        _validation(_Counts(), enforce=True).judge(_GOOD, "create_cart", VERSION, call=False)
    assert (caught.value.code.status, caught.value.reason) == (503, "internal_error")
    told = _validation(_Counts(), enforce=False).judge(_GOOD, "create_cart", VERSION, call=False)
    assert told.startswith("not judged")
    assert "KeyError" in caplog.text
    assert "in fail" in caplog.text
    assert _SECRET not in caplog.text


def test_merchants_who_declare_the_same_share_their_schemas() -> None:
    one, other = (_validation(_Counts(), enforce=False) for _ in range(2))
    for each in (one, other):
        asyncio.run(each.declare("/.well-known/ucp", ["dev.ucp.shopping.cart"]))
    assert one._checker._schemas is other._checker._schemas


def test_nothing_is_made_again_where_nothing_changed() -> None:
    validation = _validation(_Counts(), enforce=False)
    asyncio.run(validation.declare("/.well-known/ucp", ["dev.ucp.shopping.cart"]))
    before = validation._checker
    asyncio.run(validation.declare("/.well-known/ucp", ["dev.ucp.shopping.cart"]))
    assert validation._checker is before


def test_the_last_documents_that_were_read_count_whichever_is_compiled_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    validation = _validation(_Counts(), enforce=False, refuse=True)
    make, compiled = validation._make, threading.Event()

    def slow(capabilities: frozenset[str] | None) -> Checker:
        # The first set waits until the second is done.
        if len(capabilities or ()) == 1:
            assert compiled.wait(10)
        checker = make(capabilities)
        compiled.set()
        return checker

    monkeypatch.setattr(validation, "_make", slow)

    async def declare_both() -> None:
        await asyncio.gather(
            validation.declare("/.well-known/ucp", ["com.example.a"]),
            validation.declare("/leaf", ["com.example.b"]),
        )

    asyncio.run(declare_both())
    body = text({**REQUESTS["create_cart"], "com.example.a": 1, "com.example.b": 1})
    assert validation.judge(body, "create_cart", VERSION, call=False) == ""
