"""Whatever the octets of a body are, they are judged: nothing else comes out."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.validation import strict_json
from connector.validation.checker import Checker
from connector.validation.problems import json_path
from connector.validation.release import VERSION
from connector.validation.strict_json import read
from tests.connector.validation.samples import REQUESTS, text

_SCALARS: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec=None), max_size=4),
)
_VALUES: Final = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(codec=None), max_size=3), inner, max_size=4),
    ),
    max_leaves=12,
)
_EXAMPLES: Final = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def strict() -> Checker:
    return Checker(refuse_unknown=True)


def _replaced(value: Any, steps: list[int], new: object) -> Any:
    """The value with one of the values inside it replaced."""
    if not steps or not isinstance(value, (dict, list)) or not value:
        return new
    if isinstance(value, list):
        at = steps[0] % len(value)
        return [_replaced(e, steps[1:], new) if i == at else e for i, e in enumerate(value)]
    name = sorted(value)[steps[0] % len(value)]
    return {**value, name: _replaced(value[name], steps[1:], new)}


@_EXAMPLES
@given(
    operation=st.sampled_from(sorted(REQUESTS)),
    steps=st.lists(st.integers(0, 5), max_size=4),
    new=_VALUES,
)
def test_any_value_anywhere_is_judged_alike_over_both_transports(
    strict: Checker, operation: str, steps: list[int], new: object
) -> None:
    body = text(_replaced(REQUESTS[operation], steps, new))
    problems = strict.check_body(operation, VERSION, body)
    assert all(json_path(each.path).isascii() for each in problems)
    argument = "checkout" if operation.endswith("checkout") else operation.partition("_")[2]
    argument = argument if argument in ("checkout", "cart") else "catalog"
    call = b'{"params":{"arguments":{"%b":%b}}}' % (argument.encode(), body)
    above = ("params", "arguments", argument)
    assert strict.check_call(operation, VERSION, call) == tuple(
        ((*above, *each.path), each.rule) for each in problems
    )


@_EXAMPLES
@given(body=st.binary(max_size=40), call=st.booleans())
def test_any_octets_are_judged(strict: Checker, body: bytes, call: bool) -> None:  # noqa: FBT001 - drawn
    check = strict.check_call if call else strict.check_body
    assert check("create_checkout", VERSION, body)


@_EXAMPLES
@given(value=_VALUES, most=st.integers(1, 6))
def test_what_is_found_fast_is_found_slowly(value: object, most: int) -> None:
    body = json.dumps(value).encode()
    with pytest.MonkeyPatch.context() as patch:
        # Small bounds, so that both sides of each are drawn.
        for name in ("MAX_DEPTH", "MAX_ITEMS", "MAX_NAME"):
            patch.setattr(strict_json, name, most)
        patch.setattr(strict_json, "MAX_VALUES", most * 2)
        parsed = json.loads(body)
        plain = strict_json._is_plain(parsed, escapes=True)
        assert plain == (strict_json._problems_of(parsed) == ())


@_EXAMPLES
@given(value=_VALUES)
def test_what_is_good_is_what_json_reads(value: object) -> None:
    found, problems = read(json.dumps(value).encode())
    assert problems or found == value
