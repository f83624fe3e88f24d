"""Settings for the property tests of this folder."""

from __future__ import annotations

from hypothesis import settings

# A deadline would be a timed assertion: on a busy machine it fails for no fault of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
