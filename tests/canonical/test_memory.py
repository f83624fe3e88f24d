"""What is remembered of texts that strangers choose stays within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from canonical import Request, components, parse_signatures, signatures
from canonical.fields import Reader
from canonical.targets import normal_authority

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    components._plans.clear()
    signatures._component_lists.clear()
    yield
    components._plans.clear()
    signatures._component_lists.clear()


def read(components_text: str) -> None:
    """Read a signature that covers these, and build its base."""
    request = Request(
        method="GET",
        target="/",
        headers=[
            ("Host", "shop.example.com"),
            ("Signature-Input", f"sig1={components_text}"),
            ("Signature", "sig1=:AA==:"),
        ],
    )
    (signature,) = parse_signatures(request)
    components.plan_for(signature.components_text, signature.components)


def text_of(length: int) -> str:
    return f'("{"x" * (length - 4)}")'


def test_no_more_than_512_lists_are_remembered_and_then_none() -> None:
    kept = []
    for number in range(600):
        read(f'("x{number}")')
        kept.append((len(components._plans), len(signatures._component_lists)))

    assert kept[511] == (512, 512)
    assert kept[512] == (1, 1)
    assert max(kept) == (512, 512)


@pytest.mark.parametrize(("length", "remembered"), [(1023, 1), (1024, 1), (1025, 0), (4000, 0)])
def test_only_short_lists_are_remembered(length: int, remembered: int) -> None:
    read(text_of(length))

    assert (len(components._plans), len(signatures._component_lists)) == (remembered, remembered)


def test_what_is_remembered_is_what_is_read() -> None:
    read(text_of(100))
    plans, lists = dict(components._plans), dict(signatures._component_lists)
    read(text_of(100))

    assert list(plans) == list(lists) == [text_of(100)]
    assert components._plans[text_of(100)] is plans[text_of(100)]
    assert signatures._component_lists[text_of(100)] is lists[text_of(100)]


def test_512_authorities_are_remembered() -> None:
    assert normal_authority.cache_info().maxsize == 512


def test_a_list_that_was_read_is_not_read_again_among_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unused(_: Reader) -> None:
        raise AssertionError("read again")

    several = (
        ("Signature-Input", 'a=("@method" "@path");created=1, b=("@method" "@path");x'),
        ("Signature", "a=:AA==:, b=:AA==:"),
    )
    message = Request(method="GET", target="/", headers=several)
    first = parse_signatures(message)
    monkeypatch.setattr(Reader, "inner_items", unused)

    assert parse_signatures(message) == first
    assert [each.components_text for each in first] == ['("@method" "@path")'] * 2
    assert [each.parameters for each in first] == [{"created": 1}, {"x": True}]
