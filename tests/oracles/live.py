"""Answers of a running gateway, judged by every oracle with the keys that it publishes."""

from __future__ import annotations

import base64
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connector.diagnosis.vectors import RFC9421
from tests.end_to_end.gateway import PATIENCE, configuration, running_gateway
from tests.end_to_end.merchant import AUTHORITY, PROFILE_PATH, Merchant
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Draft, Platform
from tests.oracles.agreement import ENOUGH
from tests.oracles.programs import OracleError
from tests.oracles.tasks import labels
from tests.oracles.verdicts import CANNOT, REFUSED, VERIFIED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.end_to_end.client import Answer, Line
    from tests.end_to_end.gateway import RunningGateway
    from tests.oracles.programs import Oracle
    from tests.oracles.verdicts import Verdict

_BOUND: Final = "bound.example.com"
_DIRECTORY: Final = "/.well-known/http-message-signatures-directory"
_BODY: Final = b'{"line_items":[]}'


class Exchange(NamedTuple):
    """A task about an answer, what is expected of an oracle, and its name in the output."""

    name: str
    expected: str
    task: dict[str, Any]


def judge_gateway(oracles: Sequence[Oracle], say: Callable[[str], None]) -> list[str]:
    """Start a gateway, ask it, have its answers judged; return a line for each disagreement."""
    exchanges = _exchanges()
    said = {oracle.name: oracle.ask([each.task for each in exchanges]) for oracle in oracles}
    found = []
    for number, exchange in enumerate(exchanges):
        verdicts = {name: given[number] for name, given in said.items()}
        words = ", ".join(f"{name} {verdict.word}" for name, verdict in verdicts.items())
        say(f"{exchange.name}: {words}")
        found += disagreements(exchange, verdicts)
    return found


def disagreements(exchange: Exchange, verdicts: dict[str, Verdict]) -> list[str]:
    found = [
        f"{exchange.name}: {name} says {said.word} ({said.reason}), expected {exchange.expected}"
        for name, said in verdicts.items()
        if said.word not in (exchange.expected, CANNOT)
    ]
    if sum(said.word == exchange.expected for said in verdicts.values()) < ENOUGH:
        found.append(f"{exchange.name}: fewer than two say {exchange.expected}")
    return found


def _exchanges() -> list[Exchange]:
    platform = Platform()
    platforms = {"registered": [platform.registration()]}
    found: list[Exchange] = []
    with Merchant() as merchant, tempfile.TemporaryDirectory() as folder:
        plain = merchant.settings(platforms=platforms)
        bound = merchant.settings(
            id="bound",
            authorities=[_BOUND],
            platforms=platforms,
            responses={"bind_request": True},
            signing={"keys": "bound-keys.json"},
        )
        with running_gateway(Path(folder), configuration(plain, bound)) as gateway:
            for authority in (AUTHORITY, _BOUND):
                keys = _published(gateway, authority)
                found += _directories(gateway, authority)
                for name, draft in _requests(platform, authority).items():
                    answer = gateway.ask(draft.wire(), draft.method)
                    task = _task(draft, answer, keys)
                    found += _judged(f"{authority} {name}", answer, task, bound=authority == _BOUND)
    return found


def _requests(platform: Platform, authority: str) -> dict[str, Draft]:
    def signed(method: str, target: str, body: bytes = b"") -> Draft:
        return platform.sign(platform.draft(method, target, body).put("Host", authority))

    without_key = platform.draft("POST", CHECKOUTS, _BODY).put("Host", authority)
    return {
        "read": signed("GET", f"{ORDERS}/1"),
        "read with a query": signed("GET", f"{ORDERS}/1?a=%20&b"),
        "write": signed("POST", CHECKOUTS, _BODY),
        "refusal after verification": platform.sign(without_key.drop("Idempotency-Key")),
    }


def _published(gateway: RunningGateway, authority: str) -> list[dict[str, Any]]:
    """Fetch the profile as any platform does, and return the keys in it."""
    asked = Draft("GET", PROFILE_PATH).add("Host", authority).wire()
    answer = gateway.ask(asked)
    give_up = time.monotonic() + PATIENCE
    while answer.status == 502:  # until the gateway has fetched the merchant's own
        if time.monotonic() > give_up:
            raise OracleError("the gateway never published the merchant's profile")
        answer = gateway.ask(asked)
    keys: list[dict[str, Any]] = json.loads(answer.body)["keys"]
    return keys


def _directories(gateway: RunningGateway, authority: str) -> list[Exchange]:
    """Return the key directory, which is signed with the very keys in it, as it came and as if
    another host had sent it."""
    draft = Draft("GET", _DIRECTORY).add("Host", authority)
    answer = gateway.ask(draft.wire())
    task = _task(draft, answer, json.loads(answer.body)["keys"])
    elsewhere = _task(draft.put("Host", "other.example"), answer, task["keys"])
    return [
        Exchange(f"{authority} key directory", VERIFIED, task),
        Exchange(f"{authority} key directory, another host", REFUSED, elsewhere),
    ]


def _task(draft: Draft, answer: Answer, keys: list[dict[str, Any]]) -> dict[str, Any]:
    ((label, keyid),) = labels(answer.lines).items()
    return {
        "scheme": RFC9421,
        "request": {
            "method": draft.method,
            "target": draft.target,
            "scheme": "https",
            "headers": _text(draft.lines),
            "body_base64": base64.b64encode(draft.body).decode(),
        },
        "response": _response(answer),
        "label": label,
        "keys": [jwk for jwk in keys if jwk["kid"] == keyid],
        "endpoint": "",
    }


def _judged(name: str, answer: Answer, task: dict[str, Any], *, bound: bool) -> list[Exchange]:
    """Return the answer as it came, altered, and as the answer to another request."""
    status = _response(answer._replace(status=299))
    body = _response(answer._replace(body=answer.body + b" "))
    other = {**task["request"], "target": f"{ORDERS}/2"}
    return [
        Exchange(f"{name}, {answer.status}", VERIFIED, task),
        Exchange(f"{name}, another status", REFUSED, {**task, "response": status}),
        Exchange(f"{name}, another body", REFUSED, {**task, "response": body}),
        Exchange(
            f"{name}, to another request",
            REFUSED if bound else VERIFIED,
            {**task, "request": other},
        ),
    ]


def _response(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "headers": _text(answer.lines),
        "body_base64": base64.b64encode(answer.body).decode(),
    }


def _text(lines: list[Line]) -> list[list[str]]:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in lines]
