"""From ready to gone: what a signal does to requests that run, and to those that would come."""

from __future__ import annotations

import signal
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.gateway import PATIENCE, configuration, running_gateway
from tests.end_to_end.platform import CHECKOUTS, ORDERS
from tests.end_to_end.raw_server import Seen, Visit, answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform


@pytest.fixture
def gateway(merchant: Merchant, platform: Platform, tmp_path: Path) -> Iterator[RunningGateway]:
    """A gateway of its own for each test: they all end."""
    shop = merchant.settings(platforms={"registered": [platform.registration()]})
    with running_gateway(tmp_path, configuration(shop)) as running:
        yield running


def test_what_runs_is_finished_and_nothing_new_is_taken(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    released = threading.Event()

    def slow(visit: Visit, seen: Seen) -> None:
        assert released.wait(PATIENCE)
        answer(b'{"id": "chk_1"}', "201 Created")(visit, seen)

    merchant.script[CHECKOUTS] = slow
    with gateway.connect() as connection:
        connection.send(platform.signed("POST", CHECKOUTS, b"{}").wire())
        merchant.await_requests(1)
        assert gateway.admin("/readyz").status == 200
        gateway.tell_to_stop()
        while (ready := gateway.admin("/readyz")).status == 200:
            pass
        assert ready.status == 503
        assert ready.document()["reasons"] == ["draining"]
        assert gateway.admin("/livez").status == 200
        while _accepts(gateway.address):
            pass
        assert gateway.process.poll() is None
        released.set()
        answered = connection.answer()
        assert (answered.status, answered.body) == (201, b'{"id": "chk_1"}')
        assert answered.values("Connection") == ["close"]
        assert connection.has_ended()
    assert gateway.wait() == 0
    gateway.expect_decision(answered, decision="accept", status=201)
    assert len(merchant.requests) == 1


def _accepts(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        pass  # it was being closed that very moment
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_gateway_ends_at_once_and_closes_what_is_kept_open(
    number: signal.Signals, gateway: RunningGateway, platform: Platform
) -> None:
    with gateway.connect() as used, gateway.connect() as unused:
        assert used.exchange(platform.signed().wire()).status == 200
        gateway.process.send_signal(number)
        assert used.has_ended()
        assert unused.has_ended()
    assert gateway.wait() == 0


def test_the_last_decision_line_is_written(gateway: RunningGateway, platform: Platform) -> None:
    answers = [
        gateway.ask(platform.signed(target=f"{ORDERS}/{number}").wire()) for number in range(20)
    ]
    assert gateway.stop() == 0
    assert len(gateway.stdout) == 20
    for each in answers:
        gateway.expect_decision(each, decision="accept", operation="get_order")
