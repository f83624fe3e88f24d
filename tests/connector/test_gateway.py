"""The pipeline where one of its steps breaks: what the caller is told then."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from canonical import Request
from connector.authentication.policy import Policy
from connector.errors import Fault, Refusal
from connector.gateway import Gateway, Lane
from connector.signing.answers import NotSigned
from connector.signing.publishing import PublishedDocuments
from connector.steps import Admission, Answer, Caller, Claim, Operation, Received
from connector.telemetry.metrics import Metrics
from connector.transports.problems import ProblemRenderer
from connector.transports.rest import RestTransport
from connector.upstream.client import UpstreamAnswer
from connector.upstream.forwarding import Forwarding
from tests.connector.caller_key import KEY
from tests.connector.told_ledger import ToldLedger

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLER = Caller(
    "https://p.example/u",
    "k",
    "t",
    "rfc9421",
    "sig1",
    "registered",
    "2026-08-25",
    b"",
    b"s" * 64,
    KEY,
)


class _Verified:
    """An authenticator in whose eyes everything verifies."""

    def examine(self, received: Received, *, writes: bool, in_body: object) -> Any:
        del received, writes, in_body
        return self

    policy = Policy("registered")

    async def prove(self, received: Received, examined: object) -> Caller:
        del received, examined
        return _CALLER

    def stand_by(self, caller: Caller) -> None:
        del caller


class _RevokedMeanwhile(_Verified):
    """One whose caller's key was revoked while admission was waited for."""

    def stand_by(self, caller: Caller) -> None:
        raise Refusal("signature_invalid", "key_revoked", f"{caller.thumbprint} is revoked")


class _Unverified(_Verified):
    async def prove(self, received: Received, examined: object) -> Caller:
        del received, examined
        raise Refusal("signature_invalid", "signature_mismatch", "no")


class _NothingPermitted(_Verified):
    policy = Policy("registered", operations=frozenset())


class _Admitted:
    """Admission in whose eyes everything may go on: writes under a claim."""

    def __init__(self, admission: Admission | None = None) -> None:
        self._admission = admission
        self.left: list[Admission] = []

    async def admit(
        self, received: Received, caller: Caller, operation: Operation, audit_id: str
    ) -> Admission:
        del received, caller, audit_id
        if self._admission is not None:
            return self._admission
        if operation.kind == "read":
            return Admission("admitted", [])
        claim = Claim((b"c", b"a"), operation.payload, b"0" * 32, b"", (1.0, 1.0), margin=0.0)
        return Admission("claimed", [], claim=claim)

    def leave(self, admission: Admission) -> None:
        self.left.append(admission)


class _Settled:
    """Notes how claims were settled."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def hold(self, claim: Claim) -> None:
        del claim
        self.told.append("held")

    async def released(self, claim: Claim) -> None:
        del claim
        self.told.append("released")

    async def unknown(self, claim: Claim) -> None:
        del claim
        self.told.append("unknown")

    async def answered(self, claim: Claim, answer: Answer, recorder: object) -> Answer:
        del claim, recorder
        self.told.append("answered")
        return answer


class _Signer:
    """Notes what it is asked to sign, and does as it is told."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.asked: list[tuple[int, str]] = []
        self._failure = failure

    def sign(self, answer: Answer, request: Request, label: str) -> Answer:
        del request
        self.asked.append((answer.status, label))
        if self._failure is not None:
            raise self._failure
        return answer._replace(headers=[*answer.headers, (b"Signature", b"sig1=:AA==:")])


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


def _handle(
    method: str, send: Callable[[], UpstreamAnswer], log: _Log | None = None, **changes: Any
) -> Answer:
    metrics: Metrics = changes.pop("metrics", None) or Metrics()
    ledger: Any = changes.pop("ledger", None) or ToldLedger()
    lane: Any = Lane(
        transport=RestTransport(""),
        authenticator=_Verified(),  # type: ignore[arg-type]  # as far as the pipeline looks
        admission=_Admitted(),  # type: ignore[arg-type]  # likewise
        settlement=_Settled(),  # type: ignore[arg-type]  # likewise
        forwarding=Forwarding("https", None),
        upstream=_Upstream(send),  # type: ignore[arg-type]  # likewise
        published=PublishedDocuments([]),
        problems=ProblemRenderer(),
        answers=None,
        observe=False,
    )._replace(**changes)
    any_log: Any = log or _Log()
    gateway = Gateway(
        {"shop": lane}, strangers=ProblemRenderer(), metrics=metrics, log=any_log, ledger=ledger
    )
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


def _is_signed(answer: Answer) -> bool:
    return b"Signature" in dict(answer.headers)


def test_an_answer_to_a_verified_request_is_signed_with_the_label_that_verified() -> None:
    signer = _Signer()

    answer = _handle("GET", _fine, answers=signer)

    assert _is_signed(answer)
    assert signer.asked == [(200, "sig1")]


@pytest.mark.parametrize(
    ("changes", "send", "status"),
    [
        ({"authenticator": _NothingPermitted()}, _fine, 403),
        ({}, _broken, 503),
    ],
    ids=["not permitted", "merchant failed"],
)
def test_a_refusal_after_the_verification_is_signed_too(
    changes: dict[str, Any],
    send: Callable[[], UpstreamAnswer],
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    signer = _Signer()

    with caplog.at_level(logging.CRITICAL):
        answer = _handle("GET", send, answers=signer, **changes)

    assert answer.status == status
    assert _is_signed(answer)


@pytest.mark.parametrize(
    "changes",
    [
        {"authenticator": _Unverified()},
        {"authenticator": _Unverified(), "observe": True},
        {"authenticator": _NothingPermitted(), "observe": True},
    ],
    ids=["refused", "observed", "observed though it verified"],
)
def test_what_did_not_pass_the_verification_is_never_answered_signed(
    changes: dict[str, Any],
) -> None:
    signer = _Signer()

    answer = _handle("GET", _fine, answers=signer, **changes)

    assert not _is_signed(answer)
    assert signer.asked == []


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(NotSigned("streamed"), "streamed"), (RuntimeError("a mistake of ours"), "error")],
)
def test_an_answer_that_cannot_be_signed_goes_back_and_is_counted(
    failure: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()

    with caplog.at_level(logging.CRITICAL):
        answer = _handle("POST", _fine, answers=_Signer(failure), metrics=metrics)

    assert (answer.status, answer.body) == (200, b"{}")
    assert not _is_signed(answer)
    counted = f'ucp_connector_unsigned_answers_total{{merchant="shop",reason="{reason}"}} 1.0'
    assert counted in metrics.exposition().decode()


def test_a_public_document_is_not_signed_as_an_answer() -> None:
    signer = _Signer()
    public = SimpleNamespace(answer=lambda _: Answer(200, [], b"{}"))

    answer = _handle("GET", _fine, answers=signer, published=public)

    assert (answer.status, signer.asked) == (200, [])


# The audit log


def test_a_request_is_written_down_before_it_is_sent_and_closed_behind() -> None:
    ledger = ToldLedger()

    def send() -> UpstreamAnswer:
        ledger.told.append("sent")
        return _fine()

    assert _handle("POST", send, ledger=ledger).status == 200
    assert ledger.told == ["received create_checkout", "sent", "completed accept 200"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_cannot_be_written_down_is_not_sent_and_its_claim_is_released(method: str) -> None:
    unavailable = Refusal("audit_unavailable", "audit_unavailable", "full", retry_after=1)
    ledger, settled = ToldLedger(unavailable), _Settled()

    answer = _handle(method, _never, ledger=ledger, settlement=settled)

    assert answer.status == 503
    assert ledger.told[-1] == "completed reject 503"
    assert settled.told == (["released"] if method == "POST" else [])


def test_a_mistake_of_ours_in_writing_down_sends_nothing_and_releases_the_claim(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settled = _Settled()

    answer = _handle("POST", _never, ledger=ToldLedger(RuntimeError("ours")), settlement=settled)

    assert answer.status == 503
    assert settled.told == ["released"]
    assert "could not be written down" in caplog.text


def test_a_replay_is_written_down_though_nothing_is_sent() -> None:
    ledger = ToldLedger()
    recorded = Admission("replay", [], answer=Answer(201, [], b"{}"))

    assert _handle("POST", _never, ledger=ledger, admission=_Admitted(recorded)).status == 201
    assert ledger.told == ["replay create_checkout", "completed replay 201"]


@pytest.mark.parametrize("replays", [True, False])
def test_a_key_revoked_meanwhile_gets_no_recorded_answer_and_has_nothing_sent(
    *, replays: bool
) -> None:
    ledger, settled = ToldLedger(), _Settled()
    recorded = Admission("replay", [], answer=Answer(201, [], b"{}"))

    answer = _handle(
        "POST",
        _never,
        ledger=ledger,
        settlement=settled,
        authenticator=_RevokedMeanwhile(),
        admission=_Admitted(recorded if replays else None),
    )

    assert answer.status == 401
    assert ledger.told == ["denied signature_invalid"]
    assert settled.told == ([] if replays else ["released"])


def test_a_refusal_is_written_down_as_one() -> None:
    ledger = ToldLedger()

    assert _handle("GET", _never, ledger=ledger, authenticator=_Unverified()).status == 401
    assert ledger.told == ["denied signature_invalid"]


def test_what_is_only_observed_is_written_down_before_it_is_sent() -> None:
    ledger = ToldLedger()

    answer = _handle("GET", _fine, ledger=ledger, authenticator=_Unverified(), observe=True)

    assert answer.status == 200
    assert ledger.told == ["unverified get_checkout", "completed observe 200"]


def test_a_log_that_fails_behind_the_answer_does_not_cost_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(ToldLedger):
        def close(self, audit_id: str, merchant: str, **became: Any) -> None:
            raise RuntimeError(f"{audit_id} {merchant} {became}")

    assert _handle("GET", _fine, ledger=Failing()).status == 200
    assert "could not be written down" in caplog.text


def _never() -> UpstreamAnswer:
    raise AssertionError("it is not to be sent")


# The body


class _Validation:
    """Finds every body bad; refuses it, or only says so."""

    def __init__(self, *, enforce: bool) -> None:
        self._enforce = enforce
        self.judged: list[tuple[str, str, bool]] = []

    def judge(self, body: bytes, operation: str, version: str, *, call: bool) -> str:
        del body
        self.judged.append((operation, version, call))
        if self._enforce:
            raise Refusal("malformed_request", "invalid_body", "no", faults=(Fault("$", "type"),))
        return "$: type"


class _AskedNothing:
    async def admit(self, *_: object) -> Admission:
        raise AssertionError("admission was asked of a body that is refused")


def test_a_bad_body_is_refused_before_admission_is_asked_or_anything_written_down() -> None:
    ledger, signer, validation = ToldLedger(), _Signer(), _Validation(enforce=True)

    answer = _handle(
        "POST",
        _never,
        ledger=ledger,
        answers=signer,
        validation=validation,
        admission=_AskedNothing(),
    )

    assert answer.status == 400
    assert isinstance(answer.body, bytes)
    assert b'"errors":[{"path":"$","rule":"type"}]' in answer.body
    assert _is_signed(answer)
    assert not [told for told in ledger.told if told.startswith("received")]
    assert validation.judged == [("create_checkout", "2026-08-25", False)]


def test_a_bad_body_that_is_only_told_goes_on_and_is_in_the_decision_line() -> None:
    log = _Log()

    answer = _handle("POST", _fine, log, validation=_Validation(enforce=False))

    assert answer.status == 200
    assert '"decision":"accept"' in log.lines[0]
    assert '"invalid_body":"$: type"' in log.lines[0]


@pytest.mark.parametrize("observe", [True, False])
@pytest.mark.parametrize("authenticator", [_Unverified(), _NothingPermitted()])
def test_no_body_is_judged_of_whom_nobody_verified_or_permitted(
    authenticator: _Verified,
    observe: bool,  # noqa: FBT001 - the setting
) -> None:
    validation = _Validation(enforce=True)

    answer = _handle(
        "POST", _fine, authenticator=authenticator, observe=observe, validation=validation
    )

    assert (answer.status == 200) == observe
    assert validation.judged == []
