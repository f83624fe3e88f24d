"""Times that are moved to the present, off the edge where a second decides."""

from __future__ import annotations

import pytest

from connector.diagnosis.wire.times import mover, shift

THEN, NOW = 1_767_225_600, 1_800_000_000
MARGIN = 5


def margin(text: str, *, accepted: bool) -> int:
    return shift([text], THEN, NOW, accepted=accepted) - (NOW - THEN)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("distance", [-24, -1, 0, 1, 24, 30])
def test_a_time_near_now_stays_as_near(distance: int, *, accepted: bool) -> None:
    text = f'("@method");created={THEN + distance};keyid="k"'
    assert margin(text, accepted=accepted) == 0


@pytest.mark.parametrize(
    ("name", "distance", "accepted"),
    [
        # A second later, or some, it would be accepted: no longer in the future.
        (";created", 31, False),
        (";created", 35, False),
        (",iat", 31, False),
        (";created", 31, True),
        # A second later it would be refused: too old, or past.
        (";created", -330, True),
        (",iat", -330, True),
        (";expires", -30, True),
        (";expires", -26, False),
    ],
)
def test_what_would_soon_be_decided_otherwise_is_put_off(
    name: str, distance: int, *, accepted: bool
) -> None:
    assert margin(f"x{name}={THEN + distance}", accepted=accepted) == MARGIN


@pytest.mark.parametrize(
    ("name", "distance", "accepted"),
    [
        (";created", -331, False),
        (",iat", -331, False),
        (";expires", -31, False),
        (";expires", -31, True),
        (";expires", 1, True),
        (";expires", 86400, True),
        (";created", 36, False),
    ],
)
def test_what_time_does_not_change_is_not_put_off(
    name: str, distance: int, *, accepted: bool
) -> None:
    assert margin(f"x{name}={THEN + distance}", accepted=accepted) == 0


def test_all_times_move_together() -> None:
    text = f";created={THEN + 31};expires={THEN + 32}"
    seconds = shift([text], THEN, NOW, accepted=False)
    assert mover(seconds, "")(text) == f";created={NOW + 36};expires={NOW + 37}"


def test_times_of_another_kind_are_moved_too() -> None:
    text = f';created="{THEN}";expires=@{THEN + 9};created={THEN}.5'
    assert mover(NOW - THEN, "")(text) == f';created="{NOW}";expires=@{NOW + 9};created={NOW}.5'


@pytest.mark.parametrize(
    "text",
    [
        ";created=5",
        ';keyid="created=1767225600"',
        ';nonce="1767225600"',
        f";created={THEN}000",
    ],
)
def test_what_is_no_time_in_seconds_stays(text: str) -> None:
    assert mover(NOW - THEN, "")(text) == text


def test_a_jti_becomes_another_one_for_each_case_and_keeps_its_spelling() -> None:
    text = 'iat=1,jti="550E8400-e29b-41d4-a716-446655440000"'
    made = {mover(0, salt)(text) for salt in ("one", "two")}
    assert len(made) == 2
    assert all(each.startswith('iat=1,jti="550E8400-e29b-41d4-a716-') for each in made)
    assert mover(0, "one")('jti="once"') == 'jti="once"'
