"""Event streams that platforms open at the MCP endpoint, on which the merchant speaks first."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.gateway import PATIENCE, RunningGateway, configuration, running_gateway
from tests.end_to_end.mcp_calls import PATH, check_rpc
from tests.end_to_end.platform import Platform
from tests.end_to_end.refusals import check_never_forwarded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.client import Connection
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.raw_server import Seen, Visit

HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
EVENT: Final = b'data: {"jsonrpc":"2.0","method":"notifications/message"}\n\n'
CHUNK: Final = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)


class Speaker:
    """A merchant that opens streams with one event, and speaks on when it is told to."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.left = threading.Semaphore(0)

    def behave(self, visit: Visit, _: Seen) -> None:
        self.visits.append(visit)
        visit.say(HEAD + CHUNK)
        visit.wait_for_end()
        self.left.release()


@pytest.fixture
def speaker(merchant: Merchant) -> Speaker:
    made = Speaker()
    merchant.script[PATH] = made.behave
    return made


def settings(merchant: Merchant, *platforms: Platform) -> dict[str, object]:
    shop = merchant.settings(platforms={"registered": [each.registration() for each in platforms]})
    # A sixteenth of the slots are one caller's streams: two.
    return configuration(shop, limits={"in_flight": 32})


def opened(gateway: RunningGateway, platform: Platform) -> Connection:
    """Open a stream and read its first event."""
    connection = gateway.connect()
    connection.send(platform.signed("GET", PATH).wire())
    head = connection.head()
    assert head.status == 200
    assert head.value("Content-Type") == "text/event-stream"
    assert connection.chunk() == EVENT
    return connection


def test_a_stream_is_passed_on_as_it_comes(
    merchant: Merchant, platform: Platform, speaker: Speaker, tmp_path: Path
) -> None:
    with running_gateway(tmp_path, settings(merchant, platform)) as gateway:
        with opened(gateway, platform) as connection:
            speaker.visits[0].say(CHUNK + b"0\r\n\r\n")
            assert connection.chunk() == EVENT
            assert connection.chunk() == b""
        (seen,) = merchant.requests
        assert seen.values("UCP-Verified-Operation") == ["mcp/stream"]
        gateway.decision_where(operation="mcp/stream", decision="accept")


@pytest.mark.parametrize("passes", [False, True])
def test_the_name_of_an_event_reaches_the_merchant_only_where_that_is_asked_for(
    passes: bool,  # noqa: FBT001 - a column
    merchant: Merchant,
    platform: Platform,
    tmp_path: Path,
) -> None:
    shop = merchant.settings(
        platforms={"registered": [platform.registration()]},
        endpoints={"insecure_last_event_id": True} if passes else {},
    )
    draft = platform.draft("GET", PATH)
    draft.put("last-event-ID", "other-platform-17")
    with running_gateway(tmp_path, configuration(shop)) as gateway:
        assert gateway.ask(platform.sign(draft).wire()).status == 200
    (seen,) = merchant.requests
    assert seen.values("Last-Event-ID") == (["other-platform-17"] if passes else [])
    assert seen.values("UCP-Verified-Operation") == ["mcp/stream"]


def test_a_caller_has_room_for_so_many_streams_and_gets_it_back(
    merchant: Merchant, platform: Platform, speaker: Speaker, tmp_path: Path
) -> None:
    other = Platform("https://other.example/.well-known/ucp", "other-2026")
    with running_gateway(tmp_path, settings(merchant, platform, other)) as gateway:
        first, second = opened(gateway, platform), opened(gateway, platform)
        told = gateway.ask(platform.signed("GET", PATH).wire())
        assert check_rpc(told, "rate_limited", None)["retry_after"] >= 1
        assert len(merchant.requests) == 2
        # Another caller has its own share, and calls go on.
        opened(gateway, other).close()
        assert gateway.ask(platform.signed().wire()).status == 200
        assert len(merchant.requests) == 4
        first.close()
        speaker.left.acquire(timeout=PATIENCE)
        speaker.left.acquire(timeout=PATIENCE)
        opened(gateway, platform).close()
        second.close()
        check_never_forwarded(gateway, merchant, platform, before=5)


def test_a_process_that_stops_ends_its_streams_in_order(
    merchant: Merchant, platform: Platform, speaker: Speaker, tmp_path: Path
) -> None:
    with running_gateway(tmp_path, settings(merchant, platform)) as gateway:
        with opened(gateway, platform) as connection:
            gateway.tell_to_stop()
            # The end of the body, and no cut: whoever listens comes again, elsewhere.
            assert connection.chunk() == b""
            assert connection.has_ended()
        assert gateway.wait() == 0
    assert speaker.left.acquire(timeout=PATIENCE)


def test_an_answer_that_is_no_stream_gives_the_room_back(
    merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    with running_gateway(tmp_path, settings(merchant, platform)) as gateway:
        for _ in range(5):
            assert gateway.ask(platform.signed("GET", PATH).wire()).status == 200
        merchant.script[PATH] = lambda visit, _: visit.close()
        for _ in range(5):
            told = gateway.ask(platform.signed("GET", PATH).wire())
            assert told.document()["error"]["data"]["code"] == "upstream_timeout"
