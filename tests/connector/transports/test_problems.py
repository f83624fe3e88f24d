"""What the caller is told of a refusal."""

from __future__ import annotations

import json

import pytest

from connector.errors import CODES, Fault, Refusal
from connector.transports.problems import ProblemRenderer

AUDIT_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
SECRET = "what only the operator may read"  # noqa: S105 - a marker, not a password


@pytest.mark.parametrize("name", CODES)
def test_every_code_is_rendered_with_its_constant_text_and_nothing_else(name: str) -> None:
    answer = ProblemRenderer().render(Refusal(name, SECRET, SECRET), b"", AUDIT_ID)
    assert isinstance(answer.body, bytes)
    body = json.loads(answer.body)
    code = CODES[name]
    assert (answer.status, body["code"], body["content"]) == (code.status, name, code.content)
    assert (body["status"], body["detail"]) == (code.status, code.content)
    assert body["instance"] == f"urn:uuid:{AUDIT_ID}"
    assert {"type", "title"} <= body.keys()
    assert SECRET.encode() not in answer.body + b"".join(b"".join(h) for h in answer.headers)


@pytest.mark.parametrize("name", [name for name, code in CODES.items() if code.status == 401])
def test_every_401_names_the_scheme(name: str) -> None:
    answer = ProblemRenderer().render(Refusal(name, "", ""), b"", AUDIT_ID)
    assert (b"WWW-Authenticate", b"Signature") in answer.headers


@pytest.mark.parametrize("name", [n for n, code in CODES.items() if code.status in (429, 503)])
def test_every_429_and_503_says_when_to_come_back(name: str) -> None:
    headers = dict(ProblemRenderer().render(Refusal(name, "", ""), b"", AUDIT_ID).headers)
    assert int(headers[b"Retry-After"]) >= 1


def test_retry_after_is_the_refusals_own_where_it_has_one() -> None:
    refusal = Refusal("rate_limited", "", "", retry_after=17)
    assert (b"Retry-After", b"17") in ProblemRenderer().render(refusal, b"", AUDIT_ID).headers


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (b"", b"application/json"),
        (b"*/*", b"application/json"),
        (b"application/problem+json", b"application/problem+json"),
        (b"text/html, Application/Problem+JSON;q=0.9", b"application/problem+json"),
    ],
)
def test_the_media_type_follows_accept(accept: bytes, media: bytes) -> None:
    answer = ProblemRenderer().render(Refusal("signature_missing", "", ""), accept, AUDIT_ID)
    assert answer.headers[0] == (b"Content-Type", media)


def test_the_merchants_continue_url_is_in_the_body_where_it_is_set() -> None:
    renderer = ProblemRenderer("https://shop.example.com/")
    answer = renderer.render(Refusal("version_unsupported", "", ""), b"", AUDIT_ID)
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body)["continue_url"] == "https://shop.example.com/"


@pytest.mark.parametrize(
    ("versions", "listed"),
    [
        (("2026-08-25",), "version 2026-08-25."),
        (("2026-08-25", "2026-04-08"), "versions 2026-04-08 and 2026-08-25."),
        (
            ("2026-08-25", "2026-04-08", "2026-01-23"),
            "versions 2026-01-23, 2026-04-08 and 2026-08-25.",
        ),
    ],
)
def test_an_unsupported_version_is_told_which_ones_are_served(
    versions: tuple[str, ...], listed: str
) -> None:
    renderer = ProblemRenderer("https://shop.example.com/", versions)
    answer = renderer.render(Refusal("version_unsupported", SECRET, SECRET), b"", AUDIT_ID)
    assert isinstance(answer.body, bytes)
    body = json.loads(answer.body)
    assert body["content"] == body["detail"]
    assert body["content"] == (
        f"The protocol version is not supported. This business supports {listed}"
    )
    assert body["continue_url"] == "https://shop.example.com/"


def test_other_refusals_say_nothing_of_versions() -> None:
    answer = ProblemRenderer(None, ("2026-08-25",)).render(
        Refusal("profile_malformed", "", ""), b"", AUDIT_ID
    )
    assert isinstance(answer.body, bytes)
    assert b"2026-08-25" not in answer.body


def test_an_unknown_outcome_warns_against_a_new_key() -> None:
    answer = ProblemRenderer().render(Refusal("outcome_unknown", "", ""), b"", AUDIT_ID)
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body)["safe_new_key"] is False


def test_what_is_wrong_with_a_body_is_told_by_path_and_rule() -> None:
    faults = (Fault("$.line_items[0].quantity", "type"), Fault("$", "repeated_name"))
    refusal = Refusal("malformed_request", SECRET, SECRET, faults=faults)
    answer = ProblemRenderer().render(refusal, b"", AUDIT_ID)
    assert isinstance(answer.body, bytes)
    body = json.loads(answer.body)
    assert body["content"] == CODES["malformed_request"].content
    assert body["errors"] == [
        {"path": "$.line_items[0].quantity", "rule": "type"},
        {"path": "$", "rule": "repeated_name"},
    ]
    assert SECRET.encode() not in answer.body
