"""Whose profile it is, what a report looks like, and what it never shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from canonical.base64 import encode_url
from connector.diagnosis.doctor.examination import refused_url
from connector.diagnosis.doctor.facts import BUSINESS, PLATFORM, Failed
from connector.diagnosis.doctor.finding import BROKEN, MOST, OK
from connector.diagnosis.doctor.report import as_json, as_table
from connector.egress.urls import normalise
from connector.errors import Refusal
from tests.connector.diagnosis.doctor.visits import (
    AGENT,
    HEADERS,
    SHOP,
    business,
    examined,
    exchange,
    failed,
    findings,
    found,
    of_business,
    platform,
    visited,
)


def test_the_document_tells_whose_it_is() -> None:
    assert examined(visited(business())).role == BUSINESS
    assert examined(visited(platform(), AGENT)).role == PLATFORM
    plain = business()
    del plain["ucp"]["supported_versions"]
    assert examined(visited(plain, leaves={})).role == BUSINESS
    assert examined(visited({"ucp": {}})).role == PLATFORM


def test_who_says_whose_it_is_is_believed() -> None:
    examination = examined(visited(business()), PLATFORM)
    assert (examination.role, examination.told) == (PLATFORM, True)
    assert found(examination, "supported-versions", "warning")


def test_a_profile_that_did_not_come_is_nobodys() -> None:
    examination = examined(visited({}, profile=failed("profile_unreachable", "timeout")))
    assert (examination.role, examination.told, examination.good) == (None, False, False)
    assert as_table(examination).splitlines()[0] == SHOP
    assert json.loads(as_json(examination))["role"] is None


def test_a_url_that_is_none_is_broken_and_shown_quoted() -> None:
    given = "ftp://x\x1b[31m"
    with pytest.raises(Refusal) as caught:
        normalise(given)
    examination = refused_url(given, caught.value, None)
    assert found(examination, "url", BROKEN)
    assert "invalid_profile_url" in found(examination, "gateway-reads", BROKEN).saw
    assert as_table(examination).isascii()
    assert "\x1b" not in as_table(examination)


def test_the_table_has_a_line_a_rule_and_one_for_what_to_do() -> None:
    lines = as_table(of_business(lambda document: document.pop("signing_keys"))).splitlines()
    assert lines[0] == f"{SHOP}, as a business's profile"
    assert lines[1] == "hosting"
    (at,) = (number for number, line in enumerate(lines) if line.startswith("  warning"))
    assert lines[at].split()[:2] == ["warning", "key-lists"]
    assert lines[at].endswith("[UCP overview, Profile Structure; ucp-rules section 2]")
    assert lines[at + 1].strip().startswith('-> Publish the same list as "signing_keys"')
    assert lines[-1].startswith("0 broken, 1 warning, ")
    assert len([line for line in lines if line.startswith("  ok")]) == int(lines[-1].split()[4])


def test_the_json_is_versioned_and_says_the_same() -> None:
    examination = of_business(lambda document: document.pop("keys"))
    document = json.loads(as_json(examination))
    assert {name: document[name] for name in ("format", "url", "role", "role_told", "good")} == {
        "format": 1,
        "url": SHOP,
        "role": BUSINESS,
        "role_told": True,
        "good": False,
    }
    assert document["counts"] == {
        "broken": examination.count(BROKEN),
        "warning": examination.count("warning"),
        "ok": examination.count(OK),
    }
    assert len(document["findings"]) == len(findings(examination))
    (broken,) = (each for each in document["findings"] if each["verdict"] == "broken")
    assert (broken["section"], broken["rule"], broken["subject"]) == ("keys", "key-lists", "")
    assert set(broken) == {"section", "rule", "source", "verdict", "subject", "saw", "advice"}


def test_no_secret_is_ever_shown() -> None:
    secret = encode_url(b"do not show me to anybody, please")

    def spoil(document: dict[str, Any]) -> None:
        for member in ("d", "k", "p"):
            document["keys"].append({"kty": "EC", "crv": "P-256", "kid": "x", member: secret})
        document["elsewhere"] = [{"kty": "oct", "k": secret}]

    examination = of_business(spoil)
    assert found(examination, "no-secrets", BROKEN)
    assert secret not in as_json(examination) + as_table(examination)


EVIL = "\x1b]0;owned\x07\u202e\r\n\x9b31m\ud800" + "x" * 5000


def test_what_strangers_write_neither_steers_the_terminal_nor_fills_it() -> None:
    def spoil(document: dict[str, Any]) -> None:
        ucp = document["ucp"]
        document["keys"][0]["kid"] = EVIL[:200]
        document["keys"].append({"kty": EVIL, "kid": EVIL[:100]})
        document[EVIL] = {EVIL: {"kty": "oct", "k": "AAAA"}}
        ucp["version"] = EVIL
        ucp["supported_versions"] = {EVIL: EVIL}
        for name in ("services", "capabilities", "payment_handlers"):
            ucp[name][EVIL] = [{"endpoint": EVIL, "schema": EVIL, "extends": [EVIL]}]

    headers = dict.fromkeys(HEADERS, EVIL[:7] + "y" * 3000)
    body = business()
    spoil(body)
    for visit in (
        visited(body),
        visited(body, profile=exchange(json.dumps(body).encode(), headers=headers)),
        visited(body, profile=exchange(status=302, headers={"Location": "\x1b" + "z" * 3000})),
        visited(body, profile=Failed("profile_unreachable", "connection", EVIL, "")),
        visited(body, profile=failed("profile_unreachable", "connection", EVIL)),
    ):
        for role in (BUSINESS, PLATFORM):
            lines = as_table(examined(visit, role)).split("\n")
            assert all(line.isascii() and line.isprintable() for line in lines)
            assert max(map(len, lines)) < 1200


def test_a_hundred_faults_of_one_kind_are_counted_not_listed() -> None:
    def spoil(document: dict[str, Any]) -> None:
        document["ucp"]["services"] = {f"Bad{number}": [] for number in range(100)}

    told = [each for each in findings(of_business(spoil)) if each.rule == "services"]
    assert len(told) == MOST + 1
    assert told[-1].saw == f"and {100 - MOST} more like these"


def test_a_deep_and_wide_document_costs_no_more_than_its_size() -> None:
    name = "n" * 100_000
    body = business()
    body[name] = [{name: [0] * 1000}]
    assert found(examined(visited(body), BUSINESS), "no-secrets", OK)
