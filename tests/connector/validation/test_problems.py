"""How the place of a problem is told."""

from __future__ import annotations

import pytest

from connector.validation.problems import Path, json_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), "$"),
        (("line_items", 0, "item", "id"), "$.line_items[0].item.id"),
        (("dev.ucp.buyer_ip",), '$["dev.ucp.buyer_ip"]'),
        (("",), '$[""]'),
        (('a"]\\',), '$["a\\"]\\\\"]'),
        (("größe\r\n\x00",), '$["gr\\u00f6\\u00dfe\\r\\n\\u0000"]'),
        (("\ud800",), '$["\\ud800"]'),
        (("a" * 64,), f"$.{'a' * 64}"),
        (("a" * 65, "b"), f'$["{"a" * 64}"]...'),
    ],
)
def test_a_path_is_jsonpath_in_ascii(path: Path, expected: str) -> None:
    assert json_path(path) == expected


@pytest.mark.parametrize("name", ["n" * 64, "\U0001f339" * 64, "\x00" * 10_000])
def test_a_path_is_short_whatever_the_names_are(name: str) -> None:
    told = json_path((name,) * 64)
    assert len(told) <= 256
    assert told.isascii()
    assert told.endswith("...")


def test_a_log_is_told_no_name_that_no_schema_has() -> None:
    told = json_path(("buyer", "4111 1111 1111 1111", 3, "x" * 100), known={"buyer"})
    assert told == "$.buyer[*][3][*]"
