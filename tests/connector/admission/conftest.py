"""A server of each kind that this machine has, for the whole module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.connector.admission.scripted import ScriptedStore, scripted_store
from tests.store_servers import binaries

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=list(binaries()))
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScriptedStore]:
    folder = tmp_path_factory.mktemp(request.param)
    with scripted_store(folder, binaries()[request.param]) as running:
        yield running
