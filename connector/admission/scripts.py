"""The scripts of this room, as the store runs them."""

from __future__ import annotations

from typing import Final

from connector.store.scripts import packaged_script

ADMIT: Final = packaged_script("connector.admission", "admit")
SETTLE: Final = packaged_script("connector.admission", "settle")
SESSION_KEY: Final = packaged_script("connector.admission", "session_key")
TOLD: Final = packaged_script("connector.admission", "told")
