"""Runs vector files against a gateway over the wire."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from connector.diagnosis.vectors import Reject
from connector.diagnosis.verdicts import Outcome, Skipped
from connector.diagnosis.wire.exchange import Reply, exchange
from connector.diagnosis.wire.moving import Mover
from connector.diagnosis.wire.places import Surroundings
from connector.diagnosis.wire.profile_server import serving
from connector.diagnosis.wire.signing import UnknownSignatureError
from connector.egress.addresses import is_loopback
from connector.errors import CODES, Refusal
from connector.platforms.agent import read_agent

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.diagnosis.vectors import Case, VectorFile, WireRequest
    from connector.egress.urls import ProfileUrl

_NO_MERCHANT: Final = "unknown_authority"
_BAD_URL: Final = "invalid_profile_url"

_TOO_LATE: Final = Reply(-1, "")
_NOT_TAKEN: Final = Reply(-2, "")
_SAID: Final = {
    0: "the connection ended without an answer",
    _TOO_LATE.status: "no answer in time",
    _NOT_TAKEN.status: "the gateway took no connection",
}


class Sendable(NamedTuple):
    """A case as it is sent, and the code that is expected; empty for an accepted one."""

    request: WireRequest
    code: str


class NotSentError(Exception):
    """A case cannot be sent; the text says why."""


async def run_file(
    name: str,
    file: VectorFile,
    gateway: tuple[str, int],
    *,
    profiles_port: int,
    tell: Callable[[str], None],
) -> tuple[list[Outcome], list[Skipped]]:
    """Send every request of a file; ``tell`` is given the id of each case before.

    Raises CannotServeError where an address of the profile server is taken.
    """
    run = _Run(name, file, gateway, profiles_port)
    outcomes: list[Outcome] = []
    skipped: list[Skipped] = []
    for case in file.cases:
        tell(case.id)
        try:
            outcomes.append(await run.outcome(case))
        except NotSentError as error:
            skipped.append(Skipped(name, case.id, str(error)))
    return outcomes, skipped


class _Run:
    """The run of one file."""

    def __init__(self, name: str, file: VectorFile, gateway: tuple[str, int], port: int) -> None:
        self._name = name
        self._file = file
        self._gateway = gateway
        self._port = port
        self._mover = Mover(file)

    async def outcome(self, case: Case) -> Outcome:
        """Send one case; raises NotSentError."""
        started = time.perf_counter()
        around = Surroundings(self._file, case, self._port)
        sent = prepared(self._mover, case, around, int(time.time()))
        async with serving(around.named_in(sent.request), self._port):
            reply = await _reply(self._gateway, sent.request)
        if around.label and reply.code == _NO_MERCHANT != sent.code:
            raise NotSentError("the gateway has no merchant for its settings")
        return Outcome(
            self._name,
            case.id,
            case.description,
            case.rule,
            sent.code or "accept",
            _said(reply),
            problem(sent, reply),
            time.perf_counter() - started,
        )


def prepared(mover: Mover, case: Case, around: Surroundings, now: int) -> Sendable:
    """Return what is sent at UNIX time ``now``; raises NotSentError."""
    if case.kind != "request":
        raise NotSentError(f"a gateway receives no {case.kind}")
    code = case.expect.code if isinstance(case.expect, Reject) else ""
    if code == _BAD_URL and _on_loopback(_profile(case.request)):
        raise NotSentError("its profile is on loopback, where a gateway under test takes them from")
    try:
        request = mover.move(case, around, now)
    except UnknownSignatureError:
        raise NotSentError("what was signed cannot be told, so it cannot be signed again") from None
    if code == _BAD_URL:
        code = _code_on_loopback(_profile(request))
    return Sendable(request, code)


def problem(sent: Sendable, reply: Reply) -> str:
    """Say how the reply differs from what is expected; empty where it does not.

    Reasons are the operator's and do not go over the wire. An answer to HEAD has no body to say
    its code.
    """
    if reply.status <= 0:
        return _said(reply)
    if not sent.code:
        return "" if reply.accepted else f"not accepted: {_said(reply)}"
    if sent.request.method == "HEAD":
        wanted = CODES[sent.code].status
        return "" if reply.status == wanted else f"status is {reply.status}, not {wanted}"
    if reply.accepted or not reply.code:
        return f"no refusal: {_said(reply)}"
    return "" if reply.code == sent.code else f"code is {reply.code}"


def _said(reply: Reply) -> str:
    if reply.accepted:
        return f"accept ({reply.status})"
    return reply.code or _SAID.get(reply.status, f"status {reply.status} without a code")


async def _reply(gateway: tuple[str, int], request: WireRequest) -> Reply:
    try:
        return await exchange(*gateway, request)
    except TimeoutError:
        return _TOO_LATE
    except OSError:
        # It did before: a request may have ended it.
        return _NOT_TAKEN


def _profile(request: WireRequest) -> ProfileUrl | None:
    """Return where a gateway under test looks for the profile; None where it need not look."""
    lines = [value for name, value in request.headers if name.lower() == b"ucp-agent"]
    try:
        return read_agent(b", ".join(lines), allow_loopback=True)
    except Refusal:
        return None


def _on_loopback(url: ProfileUrl | None) -> bool:
    return url is not None and url.address is not None and is_loopback(url.address)


def _code_on_loopback(url: ProfileUrl | None) -> str:
    """Return the code for a URL that is bad because nothing stands behind it.

    Of an unknown name there is no address, but of one on loopback there is: it has no document.
    """
    if url is None:
        return _BAD_URL
    if url.address is None:
        raise NotSentError("the name of its profile would have to be looked up")
    return "profile_unreachable" if is_loopback(url.address) else _BAD_URL
