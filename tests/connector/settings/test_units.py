from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.settings.units import (
    Rate,
    format_duration,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("1ms", 0.001),
        ("2s", 2),
        ("10m", 600),
        ("48h", 172_800),
        ("30d", 2_592_000),
        ("0s", 0),
    ],
)
def test_a_duration_is_read_with_its_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "5",
        5,
        5.0,
        True,
        None,
        "5 s",
        " 5s",
        "5s\n",
        "-5s",
        "+5s",
        "5S",
        "1.5s",
        "1h30m",
        "5sec",
        "9" * 10 + "s",
        "٣s",
        ["5s"],
        {"s": 5},
    ],
)
def test_anything_else_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration such as"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        ("256KiB", 262_144),
        ("1MiB", 1_048_576),
        ("2GiB", 2_147_483_648),
        ("512B", 512),
        ("1024", 1024),
        (1024, 1024),
        (0, 0),
    ],
)
def test_a_size_is_read_with_or_without_a_unit(value: object, octets: int) -> None:
    assert parse_size(value) == octets


@pytest.mark.parametrize("value", ["", "1KB", "1kib", "1 MiB", -1, "-1", 1.5, True, None, "1TiB"])
def test_anything_else_is_no_size(value: object) -> None:
    with pytest.raises(ValueError, match="is not a size such as"):
        parse_size(value)


def test_a_size_beyond_every_machine_is_refused() -> None:
    with pytest.raises(ValueError, match="more than anything can hold"):
        parse_size("999999999999999GiB")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("20/s", Rate(20, 1, 20)),
        ("100/m", Rate(100, 60, 100)),
        ("5/h burst 10", Rate(5, 3600, 10)),
        ("5/s  burst   1", Rate(5, 1, 1)),
    ],
)
def test_a_rate_is_read_with_its_burst(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "value",
    [
        "",
        "20",
        20,
        "0/s",
        "20/d",
        "20 /s",
        "1.5/s",
        "20/s burst",
        "20/s burst 0",
        "20/sburst 3",
        "-1/s",
        "20/s burst 3 ",
        None,
        True,
        ["20/s"],
    ],
)
def test_anything_else_is_no_rate(value: object) -> None:
    with pytest.raises(ValueError, match="is not a rate such as"):
        parse_rate(value)


def test_the_emission_interval_is_the_unit_by_the_number() -> None:
    assert parse_rate("4/s burst 9").interval == 0.25
    assert parse_rate("30/m").interval == 2


def test_a_long_value_is_cut_in_the_error() -> None:
    with pytest.raises(ValueError, match="duration") as caught:
        parse_duration("x" * 10_000)
    assert len(str(caught.value)) < 200


@given(st.integers(0, 10**9 - 1), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_a_written_duration_reads_as_the_same(number: int, unit: str) -> None:
    seconds = parse_duration(f"{number}{unit}")
    written = format_duration(seconds)
    # A long time in milliseconds has more digits than anybody would write.
    if len(written) < 11:
        assert parse_duration(written) == seconds


@given(st.integers(0, 1 << 49))
def test_a_written_size_reads_as_the_same(octets: int) -> None:
    assert parse_size(format_size(octets)) == octets


@given(st.integers(1, 10**9 - 1), st.sampled_from("smh"), st.integers(1, 10**9 - 1))
def test_a_written_rate_reads_as_the_same(amount: int, unit: str, burst: int) -> None:
    rate = parse_rate(f"{amount}/{unit} burst {burst}")
    assert parse_rate(str(rate)) == rate
