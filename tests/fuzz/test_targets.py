from __future__ import annotations

from itertools import islice
from random import Random

import pytest

from tests.fuzz.mutation import mutations
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

SEED = 9421
MUTATIONS = 3000


@pytest.mark.parametrize("name", TARGETS)
def test_only_canonical_errors_escape_and_every_property_holds(name: str) -> None:
    start, target = seeds(name), TARGETS[name]
    assert len(start) > 10
    for data in start:
        target(data)
    for number, data in enumerate(islice(mutations(start, Random(SEED)), MUTATIONS)):  # noqa: S311 - the same each time
        try:
            target(data)
        except Exception as error:
            raise AssertionError(f"mutation {number}: {data!r}") from error
