"""What a platform makes of what a business sends, where vectors/ does not say it already."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import pytest

from canonical import Request, Response, parse_signatures
from connector.diagnosis.response_judging import ResponseTerms
from connector.diagnosis.runner import run_file
from connector.diagnosis.vectors import VectorFile, read_vectors

VECTORS: Final = Path(__file__).parents[3] / "vectors"


def _decided(name: str, id_: str, **changed: Any) -> str:
    """Run a case, some of its members changed, and say what was decided."""
    document = json.loads((VECTORS / name).read_bytes())
    (case,) = (case for case in document["cases"] if case["id"] == id_)
    data = {**document, "cases": [{**case, **changed}]}
    file: VectorFile = read_vectors(json.dumps(data).encode())
    (outcome,) = asyncio.run(run_file(name, file))
    return outcome.decided


def _request_of(name: str, id_: str) -> dict[str, Any]:
    document = json.loads((VECTORS / name).read_bytes())
    found: dict[str, Any] = next(case["request"] for case in document["cases"] if case["id"] == id_)
    return found


def test_keys_are_those_of_the_authority_that_was_asked() -> None:
    request = _request_of("responses.json", "response-created")
    lines = [["Host", "platform.example"], *request["headers"][1:]]
    moved = {**request, "headers": lines}

    assert _decided("responses.json", "response-created", request=moved) == "key_not_found"


@pytest.mark.parametrize("host", [[], [["Host", "a"], ["Host", "b"]], [["Host", "a b"]]])
def test_without_one_authority_there_is_no_business(host: list[list[str]]) -> None:
    request = _request_of("ap2.json", "ap2-es256")
    lines = [*host, *request["headers"][1:]]

    assert (
        _decided("ap2.json", "ap2-es256", request={**request, "headers": lines})
        == "invalid_profile_url (authority)"
    )


def test_one_webhook_signature_that_covers_enough_is_enough() -> None:
    request = _request_of("webhooks.json", "webhook-es256")
    narrow = _request_of("webhooks.json", "webhook-uncovered-webhook-id")
    members = {
        name: [
            next(value for field, value in each["headers"] if field == name)
            for each in (narrow, request)
        ]
        for name in ("Signature-Input", "Signature")
    }
    lines = [line for line in request["headers"] if line[0] not in members]
    for name, (first, second) in members.items():
        lines.append([name, f"{first.replace('sig1=', 'narrow=', 1)}, {second}"])

    both = {**request, "headers": lines}
    assert _decided("webhooks.json", "webhook-es256", request=both) == "accept"


def test_a_bound_answer_to_an_unsigned_request_binds_what_there_is() -> None:
    request = Request(method="GET", target="/a", headers=[("Host", "x")])
    terms = ResponseTerms.of(Response(status=200, request=request), request, bound=True)
    member = 'a=("@status" "@method";req "@authority";req "@path";req)'
    signed = Request(
        method="", target="/", headers=[("Signature-Input", member), ("Signature", "a=:AA==:")]
    )
    (signature,) = parse_signatures(signed)

    assert terms.missing(signature.components) == []


def test_a_component_of_the_request_does_not_stand_for_one_of_the_answer() -> None:
    request = Request(method="POST", target="/a", headers=[("Host", "x")], body=b"{}")
    response = Response(status=200, body=b"{}", request=request)
    terms = ResponseTerms.of(response, request, bound=False)
    member = 'a=("@status" "content-digest";req "content-type";bs)'
    signed = Request(
        method="", target="/", headers=[("Signature-Input", member), ("Signature", "a=:AA==:")]
    )
    (signature,) = parse_signatures(signed)

    assert terms.missing(signature.components) == ["content-digest"]
