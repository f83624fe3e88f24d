"""What most modules here need: one merchant and one registered platform for each module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.merchant import Merchant
from tests.end_to_end.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def module_merchant() -> Iterator[Merchant]:
    with Merchant() as running:
        yield running


@pytest.fixture
def merchant(module_merchant: Merchant) -> Merchant:
    """The module's merchant, which has seen nothing yet in this test."""
    module_merchant.forget()
    return module_merchant


@pytest.fixture(scope="module")
def platform() -> Platform:
    return Platform()
