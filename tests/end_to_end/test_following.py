"""A running gateway follows its configuration: who is registered, and which keys are revoked."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING, Any

from canonical import load_key
from tests.end_to_end import audit_log
from tests.end_to_end.gateway import PATIENCE, configuration, running_gateway
from tests.end_to_end.mcp_calls import PATH
from tests.end_to_end.platform import CHECKOUTS, Platform
from tests.end_to_end.raw_server import answer
from tests.end_to_end.refusals import check_refusal
from tests.end_to_end.test_mcp_streams import CHUNK, HEAD, Speaker, opened

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.audit_log import Record
    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.raw_server import Seen, Visit


def put(path: Path, document: dict[str, Any]) -> None:
    """Put a file in place, whole (JSON is YAML)."""
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f".{path.name}")
    new.write_text(json.dumps(document))
    new.replace(path)


def actions(home: Path, action: str) -> list[Record]:
    found = audit_log.await_records(home, lambda each: each.get("action") == action)
    return [each["details"] for each in found]


def await_status(gateway: RunningGateway, platform: Platform, status: int) -> None:
    while gateway.ask(platform.signed().wire()).status != status:
        pass


def test_a_platform_is_registered_and_removed_by_a_file(
    merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    newcomer = Platform("https://newcomer.example/.well-known/ucp", "newcomer-2026")
    put(tmp_path / "platforms" / "first.yaml", platform.registration())
    shop = merchant.settings(platforms={"discovery": "registered", "directory": "platforms"})
    with running_gateway(tmp_path, configuration(shop)) as gateway:
        assert gateway.ask(platform.signed().wire()).status == 200
        check_refusal(gateway.ask(newcomer.signed().wire()), "profile_not_trusted")
        terms = newcomer.registration(rates={"reads": "4321/s"})
        put(tmp_path / "platforms" / "second.yaml", terms)
        await_status(gateway, newcomer, 200)
        told = gateway.ask(newcomer.signed().wire()).value("RateLimit-Policy")
        assert "q=4321;" in told
        (tmp_path / "platforms" / "second.yaml").unlink()
        await_status(gateway, newcomer, 403)
        assert gateway.ask(platform.signed().wire()).status == 200
        seen = [each.values("UCP-Verified-Tier")[0] for each in merchant.requests]
        assert set(seen) == {"registered"}
    thumbprint = load_key(newcomer.jwk).thumbprint
    about = {"merchant": "shop", "profile": newcomer.profile_url}
    assert actions(tmp_path, "registry_changed") == [
        {**about, "change": "registered", "added": [thumbprint]},
        {**about, "change": "removed", "removed": [thumbprint]},
    ]
    digests = {
        each["decision"]["settings"]
        for each in audit_log.whole(tmp_path)
        if each["type"] == "received"
    }
    assert len(digests) == 2


def test_a_bad_file_and_what_needs_a_restart_are_named_and_all_goes_on_as_before(
    merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    put(tmp_path / "platforms" / "first.yaml", platform.registration())
    shop = merchant.settings(platforms={"directory": "platforms"})
    with running_gateway(tmp_path, configuration(shop)) as gateway:
        put(tmp_path / "platforms" / "bad.yaml", {"profile": "nonsense"})
        gateway.process.send_signal(signal.SIGHUP)
        gateway.warned("bad.yaml: profile: ")
        (warning,) = gateway.admin("/readyz").document()["warnings"]
        assert warning.startswith("the configuration that was read before stays in force: ")
        assert gateway.ask(platform.signed().wire()).status == 200
        (tmp_path / "platforms" / "bad.yaml").unlink()
        gateway.process.send_signal(signal.SIGHUP)
        while gateway.admin("/readyz").document()["warnings"]:
            pass
        older = Platform("https://older.example/.well-known/ucp").registration(schemes=["talos"])
        put(tmp_path / "platforms" / "older.yaml", older)
        gateway.process.send_signal(signal.SIGHUP)
        while not (warnings := gateway.admin("/readyz").document()["warnings"]):
            pass
        assert "older.example" in warnings[0]
        put(tmp_path / "connector.yaml", configuration({**shop, "path_ids": "encoded"}))
        gateway.process.send_signal(signal.SIGHUP)
        gateway.warned("in force only after a restart: merchants[0].path_ids")
        assert gateway.ask(platform.signed().wire()).status == 200


def test_a_revoked_key_gets_not_even_what_it_was_answered_before_nor_what_it_listens_to(
    merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    merchant.script[CHECKOUTS] = answer(b'{"id": "chk_1"}', "201 Created")
    merchant.script[PATH] = Speaker().behave
    shop = merchant.settings(platforms={"registered": [platform.registration()]})
    settings = configuration(shop)
    thumbprint = load_key(platform.jwk).thumbprint
    with running_gateway(tmp_path, settings) as gateway:
        write = platform.signed("POST", CHECKOUTS, b"{}").wire()
        assert gateway.ask(write).status == 201
        repeated = gateway.ask(write)
        assert (repeated.status, repeated.values("Idempotent-Replayed")) == (201, ["true"])
        with opened(gateway, platform) as stream:
            settings["discovery"] |= {"revoked": [thumbprint]}
            put(tmp_path / "connector.yaml", settings)
            gateway.process.send_signal(signal.SIGHUP)
            gateway.warned("the configuration was read again: 1 changes")
            refused = gateway.ask(write)
            check_refusal(refused, "signature_invalid")
            gateway.expect_decision(refused, decision="reject", reason="key_revoked")
            check_refusal(gateway.ask(platform.signed().wire()), "signature_invalid")
            assert stream.chunk() == b""
        assert len(merchant.requests) == 2
    assert actions(tmp_path, "revoked_changed") == [{"added": [thumbprint]}]
    audit_log.whole(tmp_path)


def test_a_stream_that_the_merchant_is_slow_to_open_ends_with_its_key(
    merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    asked, go = threading.Event(), threading.Event()

    def behave(visit: Visit, _: Seen) -> None:
        asked.set()
        go.wait(PATIENCE)
        visit.say(HEAD + CHUNK)
        visit.wait_for_end()

    merchant.script[PATH] = behave
    settings = configuration(merchant.settings(platforms={"registered": [platform.registration()]}))
    with running_gateway(tmp_path, settings) as gateway, gateway.connect() as connection:
        connection.send(platform.signed("GET", PATH).wire())
        assert asked.wait(PATIENCE)
        settings["discovery"] |= {"revoked": [load_key(platform.jwk).thumbprint]}
        put(tmp_path / "connector.yaml", settings)
        gateway.process.send_signal(signal.SIGHUP)
        gateway.warned("the configuration was read again: 1 changes")
        go.set()
        assert connection.head().status == 200
        assert connection.chunk() == b""
