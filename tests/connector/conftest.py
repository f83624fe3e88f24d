"""What the connector's own tests share: a machine that is given time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_DISK: Final = 15.0


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """Let records take longer to the disk than the quarter of a second that requests wait.

    It does so wherever tests share a machine; what happens then has a test of its own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("connector.audit.log.DEADLINE", _DISK)
        yield
