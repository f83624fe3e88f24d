"""What is made of an answer, and which code is expected over the wire."""

from __future__ import annotations

import pytest

from connector.diagnosis.vectors import WireRequest
from connector.diagnosis.wire.exchange import Reply
from connector.diagnosis.wire.runner import NotSentError, Sendable, problem
from tests.connector.diagnosis.wire.shipped import case_of, moved

REQUEST = WireRequest("POST", "/", "https", [], b"")
ACCEPTED, REFUSED = Sendable(REQUEST, ""), Sendable(REQUEST, "key_not_found")
TO_HEAD = Sendable(REQUEST._replace(method="HEAD"), "unknown_operation")


@pytest.mark.parametrize(
    ("sent", "reply", "expected"),
    [
        (ACCEPTED, Reply(201, ""), ""),
        (ACCEPTED, Reply(502, "upstream_unreachable"), ""),
        (ACCEPTED, Reply(401, "key_not_found"), "not accepted: key_not_found"),
        (ACCEPTED, Reply(404, ""), "not accepted: status 404 without a code"),
        (REFUSED, Reply(401, "key_not_found"), ""),
        (REFUSED, Reply(401, "signature_invalid"), "code is signature_invalid"),
        (REFUSED, Reply(200, ""), "no refusal: accept (200)"),
        (REFUSED, Reply(504, "upstream_timeout"), "no refusal: accept (504)"),
        (REFUSED, Reply(400, ""), "no refusal: status 400 without a code"),
        (REFUSED, Reply(0, ""), "the connection ended without an answer"),
        (REFUSED, Reply(-1, ""), "no answer in time"),
        (ACCEPTED, Reply(-2, ""), "the gateway took no connection"),
        (TO_HEAD, Reply(404, ""), ""),
        (TO_HEAD, Reply(401, ""), "status is 401, not 404"),
    ],
)
def test_what_is_wrong_with_an_answer(sent: Sendable, reply: Reply, expected: str) -> None:
    assert problem(sent, reply) == expected


@pytest.mark.parametrize(
    "id_",
    [
        "agent-slash-at-end",
        "agent-path-case",
        "agent-empty-query",
        "agent-escaped",
        "agent-other-port",
    ],
)
def test_another_url_has_an_address_on_loopback_and_no_document(id_: str) -> None:
    assert moved("agents", case_of("agents", id_)).code == "profile_unreachable"


@pytest.mark.parametrize("id_", ["agent-empty-fragment", "agent-password", "agent-host-empty"])
def test_what_is_no_url_of_a_profile_stays_one(id_: str) -> None:
    assert moved("agents", case_of("agents", id_)).code == "invalid_profile_url"


@pytest.mark.parametrize(
    ("name", "id_", "reason"),
    [
        ("responses", "response-created", "a gateway receives no response"),
        ("profiles", "profile-no-address", "would have to be looked up"),
        ("profiles", "agent-loopback", "its profile is on loopback"),
    ],
)
def test_what_is_not_sent_has_a_reason(name: str, id_: str, reason: str) -> None:
    with pytest.raises(NotSentError, match=reason):
        moved(name, case_of(name, id_))
