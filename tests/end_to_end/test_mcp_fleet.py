"""Sessions at gateways that share a store: nothing of a session is kept in any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.mcp_calls import PATH, check_rpc, rpc, signed
from tests.end_to_end.pair import running_pair
from tests.end_to_end.platform import Platform
from tests.end_to_end.raw_server import answer
from tests.store_servers import running_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant

_OPENED = answer(b'{"jsonrpc":"2.0","id":7,"result":{}}', "200 OK", ("Mcp-Session-Id", "own"))


def opened(gateway: RunningGateway, platform: Platform) -> tuple[str, str]:
    told = gateway.ask(signed(platform, rpc("initialize")).wire())
    return "Mcp-Session-Id", told.value("Mcp-Session-Id")


def test_a_session_is_good_at_every_gateway_of_a_store(
    merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    merchant.script[PATH] = _OPENED
    store = tmp_path / "store"
    store.mkdir()
    with (
        running_server(store) as server,
        running_pair(tmp_path, merchant, platform, url=server.url) as pair,
    ):
        first, second = pair.gateways
        session = opened(first, platform)
        for gateway in (first, second):
            assert gateway.ask(signed(platform, rpc("ping"), session).wire()).status == 200
        assert opened(second, platform) == session
    assert [seen.values("Mcp-Session-Id") for seen in merchant.requests] == [
        *([], ["own"], ["own"], []),
    ]


def test_a_session_outlives_the_process(
    merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    merchant.script[PATH] = _OPENED
    other = Platform("https://other.example/.well-known/ucp", "other-2026")
    registered = [each.registration() for each in (platform, other)]
    settings = configuration(merchant.settings(platforms={"registered": registered}))
    with running_gateway(tmp_path, settings) as gateway:
        session = opened(gateway, platform)
    with running_gateway(tmp_path, settings) as gateway:
        assert gateway.ask(signed(platform, rpc("ping"), session).wire()).status == 200
        told = gateway.ask(signed(other, rpc("ping"), session).wire())
        check_rpc(told, "unknown_operation")
    assert len(merchant.requests) == 2


def test_where_requests_are_only_observed_session_ids_pass_as_they_are(
    merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    merchant.script[PATH] = _OPENED
    shop = merchant.settings(
        platforms={"registered": [platform.registration()]},
        enforcement={"signatures": "insecure_observe"},
    )
    with running_gateway(tmp_path, configuration(shop)) as gateway:
        unsigned = platform.draft("POST", PATH, rpc("initialize"))
        told = gateway.ask(unsigned.wire())
        assert (told.status, told.values("Mcp-Session-Id")) == (200, ["own"])
        gateway.decision_where(decision="observe", operation="", code="signature_missing")
        session = opened(gateway, platform)
        assert session[1] == "own"
        assert gateway.ask(signed(platform, rpc("ping"), session).wire()).status == 200
        # What nobody could name a request is refused there, too.
        nothing = platform.draft("POST", PATH, b"[]")
        check_rpc(gateway.ask(nothing.wire()), "malformed_request", None)
    told_apart = [seen.values("UCP-Verified") for seen in merchant.requests]
    assert told_apart == [["false"], ["true"], ["true"]]


def test_without_a_store_nobody_gets_a_session_and_the_merchant_is_not_asked(
    merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    merchant.script[PATH] = _OPENED
    folder = tmp_path / "store"
    folder.mkdir()
    shop = merchant.settings(platforms={"registered": [platform.registration()]})
    with running_server(folder) as server:
        settings = configuration(shop, store={"url": server.url})
        with running_gateway(tmp_path, settings, errors=("store",)) as gateway:
            server.kill()
            told = gateway.ask(signed(platform, rpc("initialize")).wire())
            assert check_rpc(told, "store_unavailable")["retry_after"] >= 1
            assert merchant.requests == []
            # Reads without a session go on.
            assert gateway.ask(platform.signed().wire()).status == 200
            server.start()
            while not (told := gateway.ask(signed(platform, rpc("initialize")).wire())).values(
                "Mcp-Session-Id"
            ):
                check_rpc(told, "store_unavailable")
            server.kill()
            session = ("Mcp-Session-Id", told.value("Mcp-Session-Id"))
            assert gateway.ask(signed(platform, rpc("ping"), session).wire()).status == 200
