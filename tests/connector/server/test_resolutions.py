"""Resolutions from beside the gateway come into its audit log, once, and none is lost."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from connector.admission.told import Told
from connector.audit.errors import AuditUnavailable
from connector.server.resolutions import read_resolution, teller, write_down
from connector.telemetry.decisions import resolution_line
from tests.connector.admission.claims_in_store import connected
from tests.store_servers import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.audit.ledger import Ledger
    from connector.telemetry.decisions import DecisionLog
    from tests.store_servers import StoreServer

AUDIT_ID = "019b76da-a800-7000-8000-0123456789ab"


def line(**changed: str) -> str:
    said = {"claim": "c", "outcome": "executed", "by": "ada", "reason": "order 17"}
    return resolution_line(
        1.0, AUDIT_ID, "shop", "create_cart", **{"before": "unknown", **said, **changed}
    )


DETAILS = {
    "audit_id": AUDIT_ID,
    "merchant": "shop",
    "operation": "create_cart",
    "claim": "c",
    "outcome": "executed",
    "reason": "order 17",
    "before": "unknown",
}


class Book:
    """A ledger that writes into a list, as often as it may."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.said: list[tuple[str, str, dict[str, object]]] = []

    def administer(self, action: str, by: str, details: dict[str, object]) -> None:
        self.said.append((action, by, details))

    async def administer_durably(self, action: str, by: str, details: dict[str, object]) -> None:
        await asyncio.sleep(0)
        if len(self.said) >= self.room:
            raise AuditUnavailable("the disk is full")
        self.administer(action, by, details)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    with running_server(tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture
def server(running: StoreServer) -> StoreServer:
    running.ask("FLUSHALL")
    return running


def written(server: StoreServer, lines: list[str], *rooms: int) -> list[dict[str, object]]:
    """Have the lines written down, with so much room each time."""
    book = Book()

    async def main() -> None:
        async with connected(server) as client:
            for each in lines:
                assert await Told(client, b"command").push(each)
            for room in rooms:
                book.room = room
                await write_down(Told(client, b"gateway"), cast("Ledger", book))

    asyncio.run(main())
    return [details for _, _, details in book.said]


def test_a_resolution_is_read_from_its_decision_line() -> None:
    assert read_resolution(line()) == ("ada", DETAILS)
    assert read_resolution(line(before="x" * 2000).encode())[1]["before"] == "x" * 512


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"\xff",
        b"[]",
        b"1",
        b"{}",
        b"[" * 100_000,
        line(by=""),
        line(by="x" * 257),
        line(by="\x1b[2J"),
        line().replace('"shop"', "1"),
        line().replace('"shop"', "null"),
        line().replace('"shop"', '["a"]'),
        line().replace('"shop"', '"\\ud800"'),
    ],
)
def test_what_is_no_resolution_is_refused(given: bytes | str) -> None:
    with pytest.raises(ValueError, match="decision line"):
        read_resolution(given)


def test_what_waits_is_written_down_once_and_in_order(server: StoreServer) -> None:
    lines = [line(claim=f"{number}") for number in range(250)]
    found = written(server, lines, 1000, 1000)
    assert [each["claim"] for each in found] == [f"{number}" for number in range(250)]
    assert server.ask("KEYS", "*") == []


def test_what_the_disk_does_not_take_waits(
    server: StoreServer, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [line(claim=f"{number}") for number in range(5)]
    found = written(server, lines, 0, 2, 2, 1000)
    assert [each["claim"] for each in found] == [f"{number}" for number in range(5)]
    assert len(caplog.records) == 3


def test_what_is_none_is_left_out_and_does_not_stand_in_the_way(
    server: StoreServer, caplog: pytest.LogCaptureFixture
) -> None:
    found = written(server, [line(), "nonsense\n", line(claim="d")], 1000)
    assert [each["claim"] for each in found] == ["c", "d"]
    assert [each.levelname for each in caplog.records] == ["WARNING"]


def test_a_store_that_is_gone_is_waited_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    book = Book()

    async def main() -> None:
        with running_server(tmp_path_factory.mktemp("gone")) as server:
            async with connected(server) as client:
                server.kill()
                await write_down(Told(client, b"gateway"), cast("Ledger", book))

    asyncio.run(main())
    assert book.said == []


def test_a_resolution_of_the_gateway_itself_is_told_in_both_places(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Lines:
        written: list[str] = []  # noqa: RUF012 - one test's

        def write(self, text: str) -> None:
            self.written.append(text)

    book = Book()
    tell: Any = teller(cast("DecisionLog", Lines()), cast("Ledger", book))
    tell(line())
    assert [json.loads(each)["claim"] for each in Lines.written] == ["c"]
    assert book.said == [("resolve_claim", "ada", DETAILS)]
    tell(line(by="\x00"))
    assert len(book.said) == 1
    assert "left out of the audit log" in caplog.text
