"""What all tests share: the processes that they start keep what they compile."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_KEPT: Final = "PYTHONDONTWRITEBYTECODE"
_KEPT_IN: Final = "PYTHONPYCACHEPREFIX"


@pytest.fixture(scope="session", autouse=True)
def bytecode() -> Iterator[None]:
    """Give processes a folder for their bytecode where they may not leave it in the checkout.

    Containers forbid it to all of Python, and compiling is half of a gateway's start: some hundred
    times in one run. The folder is new for each run, so nothing in it is out of date.
    """
    if not os.environ.get(_NOT_KEPT) or _KEPT_IN in os.environ:
        yield
        return
    folder = tempfile.mkdtemp(prefix="bytecode-")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(_NOT_KEPT)
        patch.setenv(_KEPT_IN, folder)
        yield
    shutil.rmtree(folder)
