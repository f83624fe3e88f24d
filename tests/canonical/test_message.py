from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import CanonicalError, Headers, Request, Response


def test_headers_keep_every_octet_in_order() -> None:
    pairs = [(b"B", b" 1 "), (b"a", b"\xff"), (b"b", b"2")]
    assert pairs == list(Headers(pairs))
    assert len(Headers(pairs)) == 3


def test_header_text_becomes_octets() -> None:
    assert [(b"A", "ü".encode())] == list(Headers([("A", "ü")]))
    assert list(Headers([(b"A", "b")])) == [(b"A", b"b")]  # type: ignore[arg-type]  # mixed pairs


def test_the_index_has_lower_case_names_and_values_without_white_space_around() -> None:
    headers = Headers([("X-A", "  1\t"), ("x-a", "2"), ("B", "")])
    assert headers.index == {b"x-a": [b"1", b"2"], b"b": [b""]}
    assert headers.index is headers.index
    assert headers.lines(b"x-a") == [b"1", b"2"]
    assert not headers.lines(b"absent")


@pytest.mark.parametrize(
    ("value", "indexed"),
    [
        (b"Obsolete\r\n    line folding.", b"Obsolete line folding."),
        (b"a \t\r\n\t b", b"a b"),
        (b"\r\n a", b"a"),
        (b"a\r\n \r\n b", b"a  b"),
        (b"a\r\nb", b"a\r\nb"),
        (b"a\n b", b"a\n b"),
        (b"a\r\n b\r\nc", b"a\r\n b\r\nc"),
    ],
)
def test_only_obsolete_folding_is_unfolded(value: bytes, indexed: bytes) -> None:
    assert [indexed] == Headers([(b"a", value)]).lines(b"a")


def test_unfolding_takes_linear_time_on_long_runs_of_spaces() -> None:
    # A backtracking expression would need minutes for this one.
    value = b"a" + b" " * 1_000_000 + b"b\n"
    assert [value] == Headers([(b"a", value)]).lines(b"a")


def test_a_request_line_is_kept_as_text_without_loss() -> None:
    request = Request(method=b"GET", target=b"/\xff?\xc3\xbc", scheme=b"http")
    assert request.method == "GET"
    assert request.scheme == "http"
    assert request.target.encode("utf-8", "surrogateescape") == b"/\xff?\xc3\xbc"
    assert request.target.endswith("?ü")
    assert request.authority is None


def test_text_without_octets_is_refused() -> None:
    with pytest.raises(CanonicalError, match="surrogate"):
        Request(method="GET", target="/", headers=[("A", "\ud800")])


def test_representations_hold_neither_values_nor_bodies() -> None:
    request = Request(method="GET", target="/", headers=[("A", "secret")], body=b"secret")
    response = Response(status=200, headers=[("A", "secret")], body=b"secret", request=request)
    for shown in (repr(request), repr(response), repr(request.headers), repr(response.headers)):
        assert "secret" not in shown


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=4), st.binary(max_size=6)), max_size=6))
def test_every_line_is_in_the_index_once(pairs: list[tuple[bytes, bytes]]) -> None:
    headers = Headers(pairs)
    assert pairs == list(headers)
    assert len(pairs) == sum(map(len, headers.index.values()))
    assert {name.lower() for name, _ in pairs} == headers.index.keys()


@pytest.mark.parametrize("name", ["a", "indexes", "z"])
def test_headers_have_no_attribute_that_nobody_gave_them(name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(Headers([("a", "b")]), name)
