"""What the merchant saw was written down before: killed a few times here, a thousand with
``python -m tests.faults.order``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.order import play
from tests.store_servers import running_server

if TYPE_CHECKING:
    from pathlib import Path


def test_whatever_moment_a_gateway_dies_at_what_it_sent_is_on_disk(tmp_path: Path) -> None:
    with running_server(tmp_path / "store") as store:
        shown = play(tmp_path / "lane", store, 4)

    assert shown.kills == 4
    assert shown.records > 2 * shown.sent > 0
