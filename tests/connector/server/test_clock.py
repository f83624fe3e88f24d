"""The clock that never steps back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.server.clock import WallClock

if TYPE_CHECKING:
    import pytest


def test_time_stands_still_while_the_systems_clock_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([100.0, 101.0, 50.0, 100.5, 102.0])
    monkeypatch.setattr("connector.server.clock.time.time", lambda: next(times))
    wall = WallClock()
    assert [wall() for _ in range(5)] == [100.0, 101.0, 101.0, 101.0, 102.0]
