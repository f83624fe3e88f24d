"""``ucp-connector explain``: why a request is accepted or refused, check by check."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from connector.cli.failure import CommandError
from connector.diagnosis.document_table import OneDocument
from connector.diagnosis.explanation import FAULT, OK, explain
from connector.diagnosis.judging import Judge, merchant_settings
from connector.diagnosis.raw_request import RawRequestError, read_request
from connector.diagnosis.vectors import Accept
from connector.diagnosis.verdicts import Refused, brief
from connector.settings.loading import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from connector.diagnosis.explanation import Candidate, Check, Explanation
    from connector.diagnosis.vectors import WireRequest

_MARKS: Final = {OK: "ok   ", FAULT: "FAULT"}
_UNREACHED: Final = "-    "
# The first segments of the operations' paths: what stands before them is the endpoint.
_OPERATIONS: Final = re.compile(r"(.*?)/(?:checkout-sessions|carts|orders|catalog)(?:[/?].*)?")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        "request", nargs="?", default="-", metavar="FILE", help="the request as raw HTTP (or stdin)"
    )
    add("--profile", metavar="FILE", help="the platform's profile, with its keys")
    add("--scheme", choices=("https", "http"), default="https", help="the merchant's scheme")
    add("--authority", metavar="HOST", help="the merchant's authority (default: the Host)")
    add("--endpoint", metavar="PATH", help="the REST endpoint (default: told by the path)")
    add("--version", action="append", metavar="DATE", help="a version that the merchant speaks")
    add("--now", type=float, metavar="SECONDS", help="UNIX time of arrival (default: now)")
    add("--allow-loopback-profile", action="store_true", help="accept a profile URL on loopback")
    add("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Explain; 0 where the request is accepted, 1 where it is refused."""
    data = sys.stdin.buffer.read() if arguments.request == "-" else _read(arguments.request)
    profile = None if arguments.profile is None else _read(arguments.profile)
    try:
        request = read_request(data, arguments.scheme)
        settings = merchant_settings(
            _merchant(arguments, request),
            discovery={"insecure_allow_loopback_profiles": arguments.allow_loopback_profile},
        )
    except (RawRequestError, ConfigurationError) as error:
        raise CommandError(f"{arguments.request}: {error}") from error
    now = time.time() if arguments.now is None else arguments.now

    async def explained() -> Explanation:
        judge = Judge(settings, OneDocument(profile), now)
        try:
            return await explain(request, judge)
        finally:
            await judge.aclose()

    explanation = asyncio.run(explained())
    text = _json(explanation) if arguments.json else "\n".join(_lines(explanation))
    sys.stdout.write(f"{text}\n")
    return 0 if isinstance(explanation.decision, Accept) else 1


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


def _merchant(arguments: argparse.Namespace, request: WireRequest) -> dict[str, Any]:
    """Describe the merchant that the request was meant for."""
    authority = arguments.authority
    if authority is None:
        hosts = [value for name, value in request.headers if name.lower() == b"host"]
        authority = hosts[0].decode("latin-1") if hosts else "host.missing"
    endpoint = arguments.endpoint
    if endpoint is None:
        match = _OPERATIONS.fullmatch(request.target)
        endpoint = match[1] if match else ""
    merchant: dict[str, Any] = {
        "scheme": arguments.scheme,
        "authorities": [authority.lower()],
        "endpoints": {"rest": endpoint or "/", "mcp": "off"},
    }
    if arguments.version:
        merchant["versions"] = arguments.version
    return merchant


def _lines(explanation: Explanation) -> Iterator[str]:
    """Say it for a reader."""
    decision = explanation.decision
    if isinstance(decision, Refused):
        yield f"refused: {brief(decision)}"
        yield f"  {decision.explanation}"
    else:
        yield f"accepted: {decision.identity}, keyid {decision.keyid!r}, label {decision.label}"
    yield "request"
    yield from (f"  {line}" for line in explanation.head)
    yield "checks of the request"
    yield from map(_check_line, explanation.checks)
    for candidate in explanation.candidates:
        yield from _candidate_lines(candidate)


def _candidate_lines(candidate: Candidate) -> Iterator[str]:
    yield f"signature {candidate.label}, keyid {candidate.keyid!r}"
    yield from map(_check_line, candidate.checks)
    if candidate.alone is not None:
        does = "verifies" if candidate.alone else "does not verify either"
        yield f"  the signature itself {does} with the published key"
    if candidate.base_fault:
        yield f"  no signature base: {candidate.base_fault}"
        return
    yield "  signature base, as rebuilt"
    width = len(str(len(candidate.base)))
    for number, line in enumerate(candidate.base, 1):
        yield f"  {number:>{width}}  {line}"


def _check_line(check: Check) -> str:
    line = f"  {_MARKS.get(check.outcome, _UNREACHED)}  {check.step}"
    if check.outcome == FAULT:
        line += f": {brief(Refused(check.code, check.reason, ''))}: {check.explanation}"
    return line


def _json(explanation: Explanation) -> str:
    decision = explanation.decision
    named = "reject" if isinstance(decision, Refused) else "accept"
    return json.dumps(
        {
            "decision": {"decision": named, **_without_base(decision._asdict())},
            "request": list(explanation.head),
            "checks": [check._asdict() for check in explanation.checks],
            "candidates": [
                {
                    **candidate._asdict(),
                    "checks": [check._asdict() for check in candidate.checks],
                    "base": list(candidate.base),
                }
                for candidate in explanation.candidates
            ],
        },
        indent=2,
    )


def _without_base(members: dict[str, Any]) -> dict[str, Any]:
    """Leave the base to the candidate, where secrets in it are masked."""
    return {name: value for name, value in members.items() if name != "signature_base"}
