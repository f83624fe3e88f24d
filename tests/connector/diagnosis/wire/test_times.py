"""Times that are moved to the present, off the edge where a second decides."""

from __future__ import annotations

import pytest

from connector.diagnosis.wire.times import moved_times

THEN, NOW = 1_767_225_600, 1_800_000_000


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("distance", [-24, -1, 0, 1, 24])
def test_a_time_near_now_stays_as_near(distance: int, *, accepted: bool) -> None:
    text = f'("@method");created={THEN + distance};keyid="k"'
    assert moved_times(text, THEN, NOW, accepted=accepted) == (
        f'("@method");created={NOW + distance};keyid="k"'
    )


@pytest.mark.parametrize(
    ("name", "distance", "accepted", "expected"),
    [
        # Good to the second: better by five. Bad by a second: worse by five.
        (";created", 30, True, 25),
        (";created", 31, False, 36),
        (";created", -330, True, -325),
        (";created", -331, False, -336),
        (";expires", -30, True, -25),
        (";expires", -31, False, -36),
        (",iat", -330, True, -325),
        (",iat", 31, False, 36),
        # In the future nothing is near its end.
        (";expires", 30, True, 30),
        (";expires", 86400, True, 86400),
        (";expires", 86401, False, 86401),
    ],
)
def test_a_time_on_an_edge_is_moved_off_it(
    name: str, distance: int, expected: int, *, accepted: bool
) -> None:
    text = f"x{name}={THEN + distance}"
    assert moved_times(text, THEN, NOW, accepted=accepted) == f"x{name}={NOW + expected}"


@pytest.mark.parametrize(("accepted", "moved"), [(True, -5), (False, 5)])
def test_the_end_stays_as_far_behind_a_beginning_that_is_moved(
    moved: int, *, accepted: bool
) -> None:
    text = f";created={THEN + 30};expires={THEN + 32}"
    assert moved_times(text, THEN, NOW, accepted=accepted) == (
        f";created={NOW + 30 + moved};expires={NOW + 32 + moved}"
    )


def test_times_of_another_kind_are_moved_too() -> None:
    text = f';created="{THEN}";expires=@{THEN + 9};created={THEN}.5'
    assert moved_times(text, THEN, NOW, accepted=False) == (
        f';created="{NOW}";expires=@{NOW + 9};created={NOW}.5'
    )


def test_what_is_no_time_stays() -> None:
    text = ';created=5;keyid="created=1767225600";nonce="1767225600"'
    assert moved_times(text, THEN, NOW, accepted=True) == text
