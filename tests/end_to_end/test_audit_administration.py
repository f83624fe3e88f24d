"""What is done beside the gateway stands in its audit log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from connector.cli.main import main
from tests.end_to_end import audit_log
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.platform import CHECKOUTS, Platform
from tests.end_to_end.refusals import check_refusal

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.end_to_end.audit_log import Record
    from tests.end_to_end.merchant import Merchant


def by_action(action: str, home: Path) -> Record:
    (found,) = audit_log.await_records(home, lambda each: each.get("action") == action)
    return found


def test_a_resolution_by_the_command_stands_in_the_log(
    merchant: Merchant, platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merchant.script[CHECKOUTS] = lambda visit, _: visit.close()
    shop = merchant.settings(platforms={"registered": [platform.registration()]})
    config = str(tmp_path / "connector.yaml")
    with running_gateway(tmp_path, configuration(shop)) as gateway:
        answered = gateway.ask(platform.signed("POST", CHECKOUTS, b"{}").wire())
        check_refusal(answered, "outcome_unknown")
        (claim,) = gateway.admin("/claims").document()["claims"]
        words = ["--executed", "--reason", "order 17", "--by", "ada", "--json", "-c", config]
        assert main(["claims", "resolve", claim["claim"], *words]) == 0
        said = json.loads(capsys.readouterr().out)
        record = by_action("resolve_claim", tmp_path)
    assert record["by"] == "ada"
    assert record["details"] == {name: said[name] for name in record["details"]}
    assert record["details"]["reason"] == "order 17"
    audit_log.whole(tmp_path)
