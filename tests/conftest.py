"""What all tests share: processes keep what they compile, and no property is held to a time."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_KEPT: Final = "PYTHONDONTWRITEBYTECODE"
_KEPT_IN: Final = "PYTHONPYCACHEPREFIX"

# A deadline would be a timed assertion: on a busy machine it fails for no fault of the code. So
# would the check that examples are made quickly.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples for every mutant, and fewer: thousands of runs are compared.
settings.register_profile(
    "mutation", settings.get_profile("untimed"), derandomize=True, database=None, max_examples=40
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "untimed"))


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
