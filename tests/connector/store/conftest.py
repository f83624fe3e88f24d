from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def directory() -> Iterator[Path]:
    """Return the path of a directory that is not there yet.

    It is short, for a socket's path has room for about a hundred octets, and holds a space, which
    quoting could break.
    """
    with tempfile.TemporaryDirectory(prefix="store ") as parent:
        yield Path(parent) / "data"
