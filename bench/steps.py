"""Where the time goes: each step of the gateway's main path by itself.

Microbenchmarks: caches are warmer than under load, and nothing waits. They do not add up to the
time of a whole request, and are shown beside it for what they are.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import uvloop

from bench.gateways import gateway_settings
from bench.load import CONNECTIONS
from bench.results import Step
from canonical import Request, signature_base
from connector import es256
from connector.audit.redaction import EvidenceSealer, Redactor
from connector.audit.rendering import Scribe
from connector.authentication.body import check_body
from connector.authentication.permission import permit
from connector.server import serve
from connector.server.build import build_discovery, build_lane
from connector.settings.loading import settings_from
from connector.steps import Admission, Answer, Operation, Received
from connector.telemetry.journal import new_audit_id
from connector.telemetry.metrics import Metrics
from connector.transports.media import check_media
from connector.upstream.headers import answer_headers
from connector.validation.requests import RequestValidation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from bench.requests import Platform
    from connector.gateway import Lane
    from connector.server.admissions import Admissions
    from connector.steps import Caller
    from connector.transports.rest import RestTransport

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")

_METHODS: Final = ("GET", "POST")
_REPEATS: Final = 3
_AUDIT_ID: Final = "019aa3d4-0000-7000-8000-000000000000"
_EXCHANGE: Final = f"exchange with the merchant, {CONNECTIONS} at a time"
_ADMIT: Final = f"admission: rates, and a write's claim, {CONNECTIONS} at a time"
_SETTLE: Final = f"settlement: the answer is recorded, {CONNECTIONS} at a time"
_RECORDS: Final = "the audit log's two records, put together"
_VALIDATION: Final = "the body against its schema, unknown fields too (off by default)"
_SCRIBE: Final = Scribe(Redactor("h1", b"r" * 32), EvidenceSealer(b"e" * 32), f"sha-256:{'0' * 64}")
_ADMITTED: Final = Admission("admitted", [])
_ANSWER: Final = Answer(
    200,
    [
        (b"Server", b"nginx"),
        (b"Date", b"Sat, 21 Nov 2026 12:00:00 GMT"),
        (b"Content-Type", b"application/json"),
    ],
    b"a" * 256,
)


class Inner(NamedTuple):
    """The steps between the wire and the merchant, and what they made of the requests."""

    seconds: dict[str, float]
    """Processor time per request, by step."""
    heads: list[bytes]
    """What the merchant would be sent, less the bodies."""
    bodies: list[bytes]
    received: list[Received]
    caller: Caller
    operations: list[Operation]


def measure_steps(platform: Platform, merchant_port: int, store_url: str, count: int) -> list[Step]:
    """Return the processor time of each step for ``count`` different requests of each method.

    The best of three passes counts. The merchant listens on ``merchant_port`` of loopback.
    """
    found: dict[str, dict[str, float]] = {}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        lane, admissions = make_lane(platform, merchant_port, store_url)
        runner.run(admissions.watch.start())
        for method in _METHODS:
            for number in range(_REPEATS):
                # Keys of its own for each pass: a claim is made once.
                inner = runner.run(inner_steps(lane, platform, method, count, number))
                spent = dict(inner.seconds)
                spent |= runner.run(admission_steps(lane, inner))
                spent[_EXCHANGE] = runner.run(_exchange(lane, method, inner))
                for name, seconds in spent.items():
                    best = found.setdefault(name, {})
                    best[method] = min(best.get(method, seconds), seconds)
        runner.run(admissions.aclose())
        runner.run(lane.upstream.aclose())
    return [Step(name, by_method) for name, by_method in found.items()]


def make_lane(platform: Platform, merchant_port: int, store_url: str) -> tuple[Lane, Admissions]:
    """Build what serves the bench's merchant, from the configuration of the gateway under test."""
    document = gateway_settings(1, 2, merchant_port, platform, Path(), store_url)
    settings = settings_from(document, folder=Path.cwd())
    merchant, discovery = settings.merchants[0], build_discovery(settings, time.time)
    parts = vars(serve)  # where a variant of the gateway exchanges them
    client = parts["open_client"](settings.store)
    admissions: Admissions = parts["Admissions"](settings, client, Metrics())
    return build_lane(settings, merchant, discovery, admissions), admissions


async def inner_steps(
    lane: Lane, platform: Platform, method: str, count: int, number: int = 0
) -> Inner:
    """Take ``count`` requests of a series through every step without I/O, one step at a time."""
    transport, authenticator = _transport(lane), lane.authenticator
    received = receive(platform, method, count, f"step{number:04d}")
    seconds: dict[str, float] = {}
    seconds["path, signature headers, coverage, times"], examined = _timed(
        lambda one: (
            transport.rule(one.request, transport.route(one.request)),
            authenticator.examine(one, writes=method != "GET"),
        ),
        received,
    )

    def check_octets(one: Received) -> None:
        check_media(one.request)
        check_body(one.request)

    seconds["media type, Content-Digest"], _ = _timed(check_octets, received)
    signatures = [found.signatures[0] for _, found in examined]
    signed = list(zip((one.request for one in received), signatures, strict=True))
    seconds["signature base"], bases = _timed(lambda pair: signature_base(*pair), signed)
    key = es256.load_key(platform.public_jwk())
    values = [signature.value for signature in signatures]
    seconds["ECDSA P-256"], _ = _timed(
        lambda pair: key.verify(*pair), list(zip(values, bases, strict=True))
    )
    caller = await authenticator.prove(received[0], examined[0][1])
    policy = examined[0][1].policy

    def name_operation(index: int) -> Operation:
        request, (rule, _) = received[index].request, examined[index]
        operation = transport.operation(request, rule, caller.version)
        permit(policy, operation)
        return operation

    seconds["operation, permission"], operations = _timed(name_operation, range(count))

    validation = RequestValidation(
        enforce=True,
        refuse_unknown=True,
        # What the bench's checkout has beyond the protocol's.
        known=("currency", "note", "title"),
        count=_nobody_counts,
    )

    def validate(index: int) -> None:
        body, name = received[index].request.body, operations[index].name
        validation.judge(body, name, caller.version, call=False)

    if method != "GET":
        seconds[_VALIDATION], _ = _timed(validate, range(count))

    def write_down(index: int) -> None:
        one, rule = received[index], examined[index][0]
        template = "" if rule is None else rule.path
        _SCRIBE.received(one, caller, operations[index], _ADMITTED, _AUDIT_ID, template)
        _SCRIBE.completed(
            _AUDIT_ID,
            one.merchant,
            decision="accept",
            outcome="answered",
            status=200,
            octets=256,
        )

    seconds[_RECORDS], _ = _timed(write_down, range(count))
    seconds["header lines for the merchant"], heads = _timed(
        lambda pair: lane.forwarding.verified(pair[0], caller, pair[1], new_audit_id(pair[0].at)),
        list(zip(received, operations, strict=True)),
    )
    bodies = [one.request.body for one in received]
    return Inner(seconds, heads, bodies, received, caller, operations)


async def admission_steps(lane: Lane, inner: Inner) -> dict[str, float]:
    """Admit everything, and settle what was claimed; return processor seconds per request."""
    admission, settlement, caller = lane.admission, lane.settlement, inner.caller
    admitted: list[Admission] = []
    waiting = iter(zip(inner.received, inner.operations, strict=True))

    async def admit_some() -> None:
        for received, operation in waiting:
            admitted.append(await admission.admit(received, caller, operation, _AUDIT_ID))

    seconds = {_ADMIT: await _together(admit_some) / len(inner.received)}
    refusals = {each.result for each in admitted} - {"admitted", "claimed"}
    if refusals:
        raise LookupError(f"admission says {', '.join(sorted(refusals))}")
    claims = [each.claim for each in admitted if each.claim is not None]
    if claims:
        left = iter(claims)

        async def settle_some() -> None:
            for claim in left:
                settlement.hold(claim)
                await settlement.answered(claim, _ANSWER, None)

        seconds[_SETTLE] = await _together(settle_some) / len(claims)
    return seconds


async def _together(work: Callable[[], Awaitable[None]]) -> float:
    """Do it so many times at once; return processor seconds."""
    began = time.process_time()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return time.process_time() - began


async def _exchange(lane: Lane, method: str, inner: Inner) -> float:
    """Send everything to the merchant; return processor seconds per request."""
    waiting = iter(zip(inner.heads, inner.bodies, strict=True))
    verb = method.encode("ascii")

    async def send_some() -> None:
        for head, body in waiting:
            answer = await lane.upstream.send(verb, head, body, retry_read=False)
            answer_headers(answer.headers)
            if answer.status != 200:
                raise LookupError(f"the merchant answered with {answer.status}")

    return await _together(send_some) / len(inner.heads)


def _timed(
    step: Callable[[_Item], _Found], items: Iterable[_Item] | Sequence[_Item]
) -> tuple[float, list[_Found]]:
    began = time.thread_time()
    found = [step(item) for item in items]
    return (time.thread_time() - began) / len(found), found


def _nobody_counts(operation: str, rule: str) -> None:
    raise LookupError(f"the bench's own request of {operation} breaks the rule {rule}")


def receive(
    platform: Platform, method: str, count: int, series: str = "stepstep"
) -> list[Received]:
    """Make requests as the wire guard hands them on."""
    now = time.time()
    make = platform.get if method == "GET" else platform.post
    received = []
    for number in range(count):
        head, _, body = make(series, number, int(now)).partition(b"\r\n\r\n")
        start, *lines = head.split(b"\r\n")
        headers = [
            (name, value.lstrip()) for name, _, value in (line.partition(b":") for line in lines)
        ]
        target = start.split(b" ")[1]
        request = Request(method=method, target=target, headers=headers, body=body)
        received.append(Received(request, "flower-shop", "127.0.0.1", now, time.perf_counter()))
    return received


def _transport(lane: Lane) -> RestTransport:
    if lane.transport is None:
        raise LookupError("the bench's merchant has no REST endpoint")
    return lane.transport
