"""The pipeline, top to bottom: what happens to one request.

    received → bounded → verified → admitted → on disk → sent → recorded → signed → answered

``handle`` is called with what the wire guard let through. Every step takes the values of the
steps before it and returns the next one, or raises a Refusal; nothing reaches the merchant that
has not passed all of them.
"""

from __future__ import annotations

import logging
from asyncio import CancelledError
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.authentication.permission import permit
from connector.errors import Refusal
from connector.signing.answers import NotSigned
from connector.steps import Answer
from connector.telemetry.journal import Journal
from connector.transports.media import check_media
from connector.upstream.errors import LeaseEnded, UpstreamError, UpstreamUnreachable
from connector.upstream.headers import answer_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from canonical import Request
    from connector.admission.settlement import Settlement
    from connector.authentication.verification import Authenticator
    from connector.ingress.context import WireContext
    from connector.signing.answers import AnswerSigner
    from connector.signing.publishing import PublishedDocuments
    from connector.steps import Admitting, Caller, Claim, Operation, Received, WritingDown
    from connector.telemetry.decisions import DecisionLog
    from connector.telemetry.metrics import Metrics
    from connector.transports.mcp import McpCall, McpTransport
    from connector.transports.problems import ProblemRenderer
    from connector.transports.rest import RestCall, RestTransport
    from connector.upstream.client import UpstreamClient
    from connector.upstream.forwarding import Forwarding
    from connector.validation.requests import RequestValidation


_logger: Final = logging.getLogger(__name__)


class Lane(NamedTuple):
    """Everything that serves one merchant, made at start."""

    transport: RestTransport | None
    authenticator: "Authenticator"
    admission: "Admitting"
    settlement: "Settlement"
    forwarding: "Forwarding"
    upstream: "UpstreamClient"
    published: "PublishedDocuments"
    problems: "ProblemRenderer"
    answers: AnswerSigner | None
    """None where answers are not signed (``responses: {sign: false}``)."""
    observe: bool
    """Forward what does not verify, marked as such (``signatures: insecure_observe``)."""
    mcp: McpTransport | None = None
    validation: RequestValidation | None = None
    """None where bodies are not held against schemas (``validation: {requests: off}``)."""

    def ask(self, request: Request) -> RestCall | McpCall:
        """Take what a request asks for, by its path alone; raises Refusal."""
        if self.mcp is not None and self.mcp.serves(request.target):
            return self.mcp.ask(request)
        if self.transport is None:
            raise Refusal("unknown_operation", "endpoint_off", "the REST endpoint is off")
        return self.transport.ask(request)


class Gateway:
    """Decides every request and forwards those that verify. It never raises for a caller."""

    def __init__(
        self,
        lanes: Mapping[str, Lane],
        *,
        strangers: ProblemRenderer,
        metrics: Metrics,
        log: DecisionLog,
        ledger: WritingDown,
        fault: Callable[[str], None] | None = None,
    ) -> None:
        """``fault`` is called at the end of each step, in tests that have the process die there."""
        self._lanes = lanes
        self._strangers = strangers
        self._metrics = metrics
        self._log = log
        self._ledger = ledger
        self._fault = fault

    async def handle(self, received: Received) -> Answer:
        """Take one received request through the pipeline and answer it."""
        lane = self._lanes[received.merchant]
        journal = Journal(received.at, received.started, self._metrics, self._fault)
        journal.step("receive")
        self._metrics.in_flight += 1
        try:
            answer = await self._pipeline(lane, received, journal)
            refusal = journal.observed
        except Refusal as caught:
            request = received.request
            answer, refusal = (
                _refused(lane, request.target, request.headers, journal, caught, request.body),
                caught,
            )
        finally:
            self._metrics.in_flight -= 1
            if journal.admission is not None:
                lane.admission.leave(journal.admission)
        answer = _with_rates(journal, answer)
        answer = self._signed(lane, received, journal, answer)
        self._record(received, journal, answer, refusal)
        self._tell(received.merchant, journal, answer, refusal)
        journal.step("tell")
        return answer

    async def _pipeline(self, lane: Lane, received: Received, journal: Journal) -> Answer:
        request = received.request
        public = lane.published.answer(request)
        if public is not None:
            journal.decision = "public"
            return public
        asked = lane.ask(request)
        try:
            examined = lane.authenticator.examine(
                received, writes=asked.writes, in_body=asked.in_body
            )
            check_media(request)
            caller = journal.caller = await lane.authenticator.prove(received, examined)
            operation = asked.operation(caller)
            journal.operation = operation.name
            permit(examined.policy, operation)
            received = await asked.enter(received, caller)
        except Refusal as refusal:
            if not lane.observe:
                raise
            journal.decision, journal.observed = "observe", refusal
        finally:
            journal.step("verify")
        if journal.observed is not None:
            return await self._observe(lane, asked, received, journal, journal.observed)
        if lane.validation is not None:
            journal.invalid = lane.validation.judge(
                request.body, operation.name, caller.version, call=asked.in_body is not None
            )
            journal.step("validate")
        admission = journal.admission = await lane.admission.admit(
            received, caller, operation, journal.audit_id
        )
        journal.step("admit")
        if admission.refusal is not None:
            raise admission.refusal
        unrecorded: Refusal | None = None
        try:
            lane.authenticator.stand_by(caller)
            await self._ledger.receive(
                received, caller, operation, admission, journal.audit_id, asked.template
            )
        except Refusal as refusal:
            unrecorded = refusal
        except Exception:
            # Ours; and nothing is sent that is not written down.
            _logger.exception("a request could not be written down")
            explanation = "an unexpected error; see the log"
            unrecorded = Refusal("audit_unavailable", "internal_error", explanation, retry_after=1)
        if unrecorded is not None and admission.claim is not None:
            await lane.settlement.released(admission.claim)
        journal.step("record")
        if unrecorded is not None:
            raise unrecorded
        if admission.answer is not None:
            journal.decision = "replay"
            return _replayed(asked, admission.answer, journal)
        return await _send(lane, asked, received, caller, operation, admission.claim, journal)

    async def _observe(
        self,
        lane: Lane,
        asked: RestCall | McpCall,
        received: Received,
        journal: Journal,
        refusal: Refusal,
    ) -> Answer:
        """Forward, as one of nobody's, what would have been refused."""
        name, kind = asked.claimed()
        head = lane.forwarding.unverified(received)
        await self._ledger.receive_unverified(
            received, name, kind, journal.audit_id, asked.template, refusal
        )
        return await _forward(lane, received, head, journal, writes=kind == "write")

    def refuse(self, refusal: Refusal, context: WireContext) -> Answer:
        """Answer what the wire guard refused, and tell the operator of it."""
        lane = None if context.merchant is None else self._lanes[context.merchant]
        journal = Journal(context.at, context.started, self._metrics)
        if lane is None:
            journal.decision = "reject"
            accept = _accept(context.headers)
            answer = self._strangers.render(refusal, accept, journal.audit_id)
        else:
            answer = _refused(lane, context.target, context.headers, journal, refusal)
        merchant = context.merchant or ""
        self._ledger.deny(journal.audit_id, merchant, context.peer, answer.status, refusal)
        self._tell(merchant, journal, answer, refusal)
        return answer

    def _signed(self, lane: Lane, received: Received, journal: Journal, answer: Answer) -> Answer:
        """Sign what answers a verified request, refusals after the verification included.

        What cannot be signed goes back as it is, and is counted: what the merchant has done is
        done, and who asked must learn of it. A platform that insists on signatures sees that this
        one is missing.
        """
        caller = journal.caller
        if lane.answers is None or caller is None or journal.observed is not None:
            return answer
        try:
            return lane.answers.sign(answer, received.request, caller.label)
        except NotSigned as unsigned:
            reason = unsigned.reason
        except Exception:
            _logger.exception("an answer could not be signed")
            reason = "error"
        finally:
            journal.step("sign")
        self._metrics.count_unsigned(received.merchant, reason)
        return answer

    def _record(
        self, received: Received, journal: Journal, answer: Answer, refusal: Refusal | None
    ) -> None:
        """Append what became of the request; that it cannot be must not cost the answer."""
        body, audit_id = answer.body, journal.audit_id
        try:
            if self._ledger.has(audit_id):
                self._ledger.close(
                    audit_id,
                    received.merchant,
                    decision=journal.decision,
                    status=answer.status,
                    octets=len(body) if type(body) is bytes else None,
                    started=received.started,
                    refusal=refusal,
                )
            elif refusal is not None:
                self._ledger.deny(
                    audit_id,
                    received.merchant,
                    received.peer,
                    answer.status,
                    refusal,
                    operation=journal.operation,
                    caller=journal.caller,
                )
        except Exception:
            _logger.exception("what became of a request could not be written down")

    def _tell(
        self, merchant: str, journal: Journal, answer: Answer, refusal: Refusal | None
    ) -> None:
        """Tell the operator; whatever goes wrong with that must not cost the answer."""
        try:
            journal.close(self._log, merchant, answer, refusal)
        except Exception:
            _logger.exception("a decision could not be told")


def _refused(
    lane: Lane,
    target: str,
    lines: Iterable[tuple[bytes, bytes]],
    journal: Journal,
    refusal: Refusal,
    body: bytes = b"",
) -> Answer:
    """Render a refusal as the transport has it that the path names."""
    journal.decision = "reject"
    if lane.mcp is not None and lane.mcp.serves(target):
        verified = journal.caller is not None
        return lane.mcp.refused(refusal, body, journal.audit_id, verified=verified)
    return lane.problems.render(refusal, _accept(lines), journal.audit_id)


def _accept(lines: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the value of Accept; asked for refusals only."""
    return b",".join(value for name, value in lines if name.lower() == b"accept")


def _with_rates(journal: Journal, answer: Answer) -> Answer:
    """Tell a verified caller of its rates, whatever the answer is."""
    if journal.admission is None or not journal.admission.headers:
        return answer
    return Answer(answer.status, [*answer.headers, *journal.admission.headers], answer.body)


def _replayed(asked: RestCall | McpCall, recorded: Answer, journal: Journal) -> Answer:
    """Answer a repetition with what was recorded."""
    body = recorded.body
    if type(body) is bytes:
        body = asked.replayed(body)
    headers = [
        *recorded.headers,
        (b"Idempotent-Replayed", b"true"),
        (b"Audit-ID", journal.audit_id.encode("ascii")),
    ]
    return Answer(recorded.status, headers, body)


async def _send(
    lane: Lane,
    asked: RestCall | McpCall,
    received: Received,
    caller: Caller,
    operation: Operation,
    claim: Claim | None,
    journal: Journal,
) -> Answer:
    """Forward an admitted request; a write goes out under its claim, which is then settled."""
    if claim is None:
        writes = operation.kind == "write"
        head = lane.forwarding.verified(received, caller, operation, journal.audit_id)
        hold = asked.hold(caller)
        if hold is None:
            return asked.leave(await _forward(lane, received, head, journal, writes=writes))
        with hold:
            answer = await _forward(lane, received, head, journal, writes=writes)
            return hold.until_its_end(asked.leave(answer))
    settlement = lane.settlement
    settlement.hold(claim)
    failure: Exception | None = None
    unsent = True
    try:
        head = lane.forwarding.verified(received, caller, operation, journal.audit_id, claim)
        unsent = False
        answer = await _forward(lane, received, head, journal, writes=True, claim=claim)
        answer = asked.leave(answer)
        answer = await settlement.answered(claim, answer, asked.recorder(answer))
    except Refusal as refusal:
        failure = refusal
        unsent = refusal.code.name != "outcome_unknown"
    except CancelledError:
        # The process ends. Its lease ends too, and until then nobody else may send it.
        settlement.abandon(claim)
        raise
    except Exception as error:  # noqa: BLE001 - it is raised again below
        # Ours. Before it was handed over, provably nothing was sent.
        failure = error
    if failure is not None:
        await (settlement.released(claim) if unsent else settlement.unknown(claim))
    journal.step("settle")
    if failure is not None:
        raise failure
    return answer


async def _forward(
    lane: Lane,
    received: Received,
    head: bytes,
    journal: Journal,
    *,
    writes: bool,
    claim: Claim | None = None,
) -> Answer:
    """Send the request once and turn the merchant's answer, or its absence, into ours."""
    request = received.request
    try:
        answer = await lane.upstream.send(
            request.method.encode("ascii"),
            head,
            request.body,
            retry_read=request.method == "GET",
            claim=claim,
        )
    except LeaseEnded as ended:
        raise Refusal("overloaded", "lease_ended", ended.explanation) from ended
    except UpstreamUnreachable as unreachable:
        explanation = unreachable.explanation
        raise Refusal("upstream_unreachable", "upstream_unreachable", explanation) from unreachable
    except UpstreamError as broken:
        # Sent, and no whole answer: a write may have happened, a read has not changed anything.
        code = "outcome_unknown" if writes else "upstream_timeout"
        raise Refusal(code, "no_whole_answer", broken.explanation) from broken
    except Exception as error:
        # Ours, and nobody knows how far the request came.
        _logger.exception("a request could not be forwarded")
        code = "outcome_unknown" if writes else "overloaded"
        raise Refusal(code, "internal_error", "an unexpected error; see the log") from error
    finally:
        journal.step("forward")
    headers = answer_headers(answer.headers)
    headers.append((b"Audit-ID", journal.audit_id.encode("ascii")))
    return Answer(answer.status, headers, answer.body)
