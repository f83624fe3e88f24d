"""A recorded answer is the merchant's, octet by octet, but for what holds for one answer only."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.admission.recorded import Unreadable, is_replayed, recall, record

_NEVER: Final = (
    *(b"Set-Cookie", b"Date", b"Audit-ID", b"Content-Digest"),
    *(b"Signature", b"Signature-Input", b"RateLimit", b"RateLimit-Policy", b"RateLimit-Limit"),
)

_names = st.from_regex(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}", fullmatch=True)
_values = st.binary(max_size=40)
_headers = st.lists(st.tuples(_names, _values), max_size=8)


@given(st.integers(200, 599), _headers, st.binary(max_size=200))
def test_an_answer_comes_back_as_it_was(
    status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    answer = recall(record(status, headers, body))

    expected = [line for line in headers if is_replayed(line[0])]
    assert answer == (status, expected, body)


@given(st.sampled_from(_NEVER), st.data())
def test_what_holds_for_one_answer_only_is_never_recorded_however_it_is_spelled(
    name: bytes, data: st.DataObject
) -> None:
    spelled = bytes(
        octet ^ 0x20 if chr(octet).isalpha() and data.draw(st.booleans()) else octet
        for octet in name
    )
    headers = [(b"X-One", b"1"), (spelled, b"secret"), (b"X-Two", b"2")]
    kept = record(200, headers, b"{}")

    assert b"secret" not in kept
    assert recall(kept).headers == [(b"X-One", b"1"), (b"X-Two", b"2")]


@pytest.mark.parametrize(
    "name", [b"Content-Type", b"Cache-Control", b"ETag", b"Location", b"Dates", b"Set-Cookie2"]
)
def test_everything_else_is(name: bytes) -> None:
    assert recall(record(201, [(name, b"v"), (name, b"w")], b"")).headers == [
        (name, b"v"),
        (name, b"w"),
    ]


@given(st.integers(0, 200))
def test_an_answer_whose_head_is_cut_short_is_none(length: int) -> None:
    head = record(200, [(b"Content-Type", b"application/json"), (b"ETag", b'"1"')], b"")
    if length < len(head):
        with pytest.raises(Unreadable):
            recall(head[:length])


@given(st.binary(max_size=60))
def test_octets_of_somebody_else_raise_nothing_but_that(kept: bytes) -> None:
    try:
        answer = recall(kept)
    except Unreadable:
        return
    assert isinstance(answer.body, bytes)
    assert kept.endswith(answer.body)


def test_another_format_is_not_guessed_at() -> None:
    kept = record(200, [], b"{}")

    with pytest.raises(Unreadable):
        recall(b"\x02" + kept[1:])
