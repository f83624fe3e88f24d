"""Runs vector files against a gateway over the wire."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from connector.diagnosis.vectors import Reject
from connector.diagnosis.verdicts import Outcome, Skipped
from connector.diagnosis.wire.exchange import exchange
from connector.diagnosis.wire.moving import Mover
from connector.diagnosis.wire.places import Surroundings
from connector.diagnosis.wire.profile_server import serving
from connector.errors import CODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.diagnosis.vectors import Accept, Case, VectorFile
    from connector.diagnosis.wire.exchange import Reply

_ON_LOOPBACK: Final = re.compile(rb"://(?:127\.|localhost\b|\[::1\])")
_NO_MERCHANT: Final = "unknown_authority"
_ENVELOPE: Final = b"talos-signature-meta"


async def run_file(
    name: str,
    file: VectorFile,
    gateway: tuple[str, int],
    *,
    profiles_port: int,
    tell: Callable[[str], None],
) -> tuple[list[Outcome], list[Skipped]]:
    """Send every request of a file; ``tell`` is given the id of each case before.

    Raises OSError where the gateway does not answer the connection or an address of the profile
    server is taken.
    """
    mover = Mover(file)
    outcomes: list[Outcome] = []
    skipped: list[Skipped] = []
    for case in file.cases:
        reason = not_sent(file, case)
        if reason:
            skipped.append(Skipped(name, case.id, reason))
            continue
        tell(case.id)
        around = Surroundings(file, case, profiles_port)
        started = time.perf_counter()
        request = mover.move(case, around, int(time.time()))
        async with serving(around.named_in(request), profiles_port):
            try:
                reply = await exchange(*gateway, request)
            except TimeoutError:
                reply = None
        if around.label and reply is not None and _unexpectedly_unknown(case, reply):
            skipped.append(Skipped(name, case.id, "the gateway has no merchant for its settings"))
            continue
        outcomes.append(
            Outcome(
                name,
                case.id,
                case.description,
                case.rule,
                _expected(case.expect),
                "no answer" if reply is None else _said(reply),
                problem(case, reply),
                time.perf_counter() - started,
            )
        )
    return outcomes, skipped


def not_sent(file: VectorFile, case: Case) -> str:
    """Say why a case cannot be sent; empty where it can."""
    if case.kind != "request":
        return f"a gateway receives no {case.kind}"
    endpoint = case.settings.get("endpoints", {}).get("mcp", "off")
    if endpoint != "off" and case.request.target.partition("?")[0] == endpoint:
        return "what is verified is the signature, and MCP is not served yet"
    if isinstance(case.expect, Reject) and case.expect.reason == "unresolvable":
        return "the name of its profile would have to be looked up"
    names = {name.lower() for name, _ in case.request.headers}
    if _ENVELOPE in names and case.settings.get("endpoints", {}).get("rest", "/") != "/":
        return "its envelope's path is relative to an endpoint, which is not signed again"
    named = b" ".join(value for name, value in case.request.headers if name == b"UCP-Agent")
    if isinstance(case.expect, Reject) and _ON_LOOPBACK.search(named):
        return "its profile is on loopback, where a gateway under test takes them from"
    for url, document in file.documents.items():
        if document.error == "unresolvable" and url.encode() in named:
            return "the name of its profile would have to be looked up"
    return ""


def problem(case: Case, reply: Reply | None) -> str:
    """Say how the reply differs from what is expected; empty where it does not.

    Reasons are the operator's and do not go over the wire. An answer to HEAD has no body to say
    its code.
    """
    if reply is None:
        return "no answer in time"
    if reply.status == 0:
        return "the connection was closed without an answer"
    expected = case.expect
    if not isinstance(expected, Reject):
        return "" if reply.accepted else f"not accepted: {_said(reply)}"
    if case.request.method == "HEAD":
        wanted = CODES[expected.code].status
        return "" if reply.status == wanted else f"status is {reply.status}, not {wanted}"
    if reply.accepted or not reply.code:
        return f"no refusal: {_said(reply)}"
    return "" if reply.code == expected.code else f"code is {reply.code}"


def _unexpectedly_unknown(case: Case, reply: Reply) -> bool:
    wanted = case.expect.code if isinstance(case.expect, Reject) else ""
    return reply.code == _NO_MERCHANT != wanted


def _expected(expected: Accept | Reject) -> str:
    return expected.code if isinstance(expected, Reject) else "accept"


def _said(reply: Reply) -> str:
    if reply.accepted:
        return f"accept ({reply.status})"
    return reply.code or f"status {reply.status} without a code"
