"""The pipeline where one of its steps breaks: what the caller is told then."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from canonical import Request
from connector.authentication.policy import Policy
from connector.gateway import Gateway, Lane
from connector.signing.publishing import PublishedDocuments
from connector.steps import Answer, Caller, Received
from connector.telemetry.metrics import Metrics
from connector.transports.problems import ProblemRenderer
from connector.transports.rest import RestTransport
from connector.upstream.client import UpstreamAnswer
from connector.upstream.forwarding import Forwarding

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLER = Caller(
    "https://p.example/u", "k", "t", "rfc9421", "sig1", "registered", "2026-08-25", b""
)


class _Verified:
    """An authenticator in whose eyes everything verifies."""

    def examine(self, received: Received, *, writes: bool) -> Any:
        del received, writes
        return self

    policy = Policy("registered")

    async def prove(self, received: Received, examined: object) -> Caller:
        del received, examined
        return _CALLER


class _Upstream:
    def __init__(self, send: Callable[[], UpstreamAnswer]) -> None:
        self._send = send

    async def send(self, *_: object, **__: object) -> UpstreamAnswer:
        return self._send()


class _Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(line)


class _BrokenLog(_Log):
    def write(self, line: str) -> None:
        raise RuntimeError(f"no room for {line}")


def _broken() -> UpstreamAnswer:
    raise RuntimeError("a mistake of ours")


def _fine() -> UpstreamAnswer:
    return UpstreamAnswer(200, [(b"Content-Type", b"application/json")], b"{}")


def _handle(method: str, send: Callable[[], UpstreamAnswer], log: _Log) -> Answer:
    lane: Any = Lane(
        transport=RestTransport(""),
        authenticator=_Verified(),  # type: ignore[arg-type]  # as far as the pipeline looks
        forwarding=Forwarding("https", None),
        upstream=_Upstream(send),  # type: ignore[arg-type]  # likewise
        published=PublishedDocuments([]),
        problems=ProblemRenderer(),
        observe=False,
    )
    any_log: Any = log
    gateway = Gateway({"shop": lane}, strangers=ProblemRenderer(), metrics=Metrics(), log=any_log)
    target = "/checkout-sessions" + ("/chk_1" if method == "GET" else "")
    headers = [("Host", "shop.example.com"), ("Idempotency-Key", "k" * 22)]
    request = Request(method=method, target=target, headers=headers)
    return asyncio.run(gateway.handle(Received(request, "shop", "192.0.2.1", 1767225600.0, 0.0)))


@pytest.mark.parametrize(
    ("method", "code"), [("POST", b'"outcome_unknown"'), ("GET", b'"overloaded"')]
)
def test_a_mistake_of_ours_while_sending_leaves_a_write_unknown_and_is_no_ones_fault(
    method: str, code: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    log = _Log()

    with caplog.at_level(logging.CRITICAL):
        answer = _handle(method, _broken, log)

    assert answer.status == 503
    assert isinstance(answer.body, bytes)
    assert code in answer.body
    assert b"mistake" not in answer.body
    assert '"reason":"internal_error"' in log.lines[0]


def test_a_decision_that_cannot_be_told_does_not_cost_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.CRITICAL):
        answer = _handle("POST", _fine, _BrokenLog())

    assert (answer.status, answer.body) == (200, b"{}")
