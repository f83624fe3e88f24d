"""The scripts by which replicas share profiles, as the store runs them."""

from __future__ import annotations

from typing import Final

from connector.store.scripts import packaged_script

SEEK: Final = packaged_script("connector.platforms", "fleet_seek")
SETTLE: Final = packaged_script("connector.platforms", "fleet_settle")
KEEP: Final = packaged_script("connector.platforms", "fleet_keep")
