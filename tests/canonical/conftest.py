"""Settings for the property tests of this folder."""

from __future__ import annotations

import os

from hypothesis import settings

# A deadline would be a timed assertion: on a busy machine it fails for no fault of the code.
settings.register_profile("untimed", deadline=None)
# The same examples for every mutant, and fewer: thousands of runs are compared.
settings.register_profile(
    "mutation", deadline=None, derandomize=True, database=None, max_examples=40
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "untimed"))
