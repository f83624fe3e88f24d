"""What the garbage collector looks at while requests are served."""

from __future__ import annotations

import gc

from connector.server.process import calm_collector


def test_what_start_up_made_is_not_gone_through_again() -> None:
    before = gc.get_threshold()
    try:
        calm_collector()

        assert gc.get_freeze_count() > 1000
        assert gc.get_threshold()[0] > before[0]
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
