from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from connector.diagnosis.report import as_json, as_junit, as_table
from connector.diagnosis.vectors import Accept, Reject
from connector.diagnosis.verdicts import Outcome, Refused, Skipped, brief, difference

ACCEPT = Accept("https://p.example/", "k", "sig1", '"@method": GET\n"@signature-params": ()')
REFUSED = Refused("signature_invalid", "expired", "expired 31 s ago")

GOOD = Outcome("a.json", "one", "First.", "RFC 9421", "accept", "accept", "", 0.001)
BAD = Outcome("b.json", "two", "Second.", "RFC 9530", "accept", "digest_mismatch", "no <\x00>", 0.5)


@pytest.mark.parametrize(
    ("expected", "decided", "says"),
    [
        (ACCEPT, ACCEPT, ""),
        (Reject("signature_invalid", "expired"), REFUSED, ""),
        (Reject("signature_invalid", None), REFUSED, ""),
        (Reject("signature_invalid", "stale"), REFUSED, "reason is expired (expired 31 s ago)"),
        (
            Reject("key_not_found", None),
            REFUSED,
            "code is signature_invalid (expired: expired 31 s ago)",
        ),
        (Reject("key_not_found", None), ACCEPT, "accepted"),
        (ACCEPT, REFUSED, "refused: signature_invalid (expired): expired 31 s ago"),
        (ACCEPT, ACCEPT._replace(scheme="talos"), "scheme is 'talos', not 'rfc9421'"),
        (ACCEPT, ACCEPT._replace(identity="x"), "identity is 'x', not 'https://p.example/'"),
        (ACCEPT, ACCEPT._replace(keyid="x"), "keyid is 'x', not 'k'"),
        (ACCEPT, ACCEPT._replace(label="x"), "label is 'x', not 'sig1'"),
        (
            ACCEPT,
            ACCEPT._replace(signature_base='"@method": PUT\n"@signature-params": ()'),
            "line 1 of the signature base is '\"@method\": PUT', not '\"@method\": GET'",
        ),
        (
            ACCEPT,
            ACCEPT._replace(signature_base='"@method": GET'),
            "the signature base has 1 lines, not 2",
        ),
    ],
)
def test_the_first_difference_is_named(
    expected: Accept | Reject, decided: Accept | Refused, says: str
) -> None:
    assert difference(expected, decided) == says


def test_a_decision_in_brief() -> None:
    assert brief(ACCEPT) == "accept"
    assert brief(REFUSED) == "signature_invalid (expired)"
    assert brief(Reject("key_not_found", "key_not_found")) == "key_not_found"
    assert brief(Reject("key_not_found", None)) == "key_not_found"


def test_the_table_ends_with_the_sum() -> None:
    assert as_table([GOOD, BAD]).split("\n") == [
        "a.json",
        "  ok    one  accept",
        "b.json",
        "  FAIL  two  digest_mismatch",
        "        expected accept: no <\x00>",
        "1 of 2 cases as expected",
    ]
    assert as_table([]) == "0 of 0 cases as expected"


def test_json_has_one_entry_a_case() -> None:
    document = json.loads(as_json([GOOD, BAD]))

    assert (document["good"], document["total"]) == (1, 2)
    assert [case["good"] for case in document["cases"]] == [True, False]
    assert document["cases"][1]["problem"] == BAD.problem


def test_junit_is_xml_with_a_suite_a_file() -> None:
    root = ET.fromstring(as_junit([GOOD, BAD]))  # noqa: S314 - made just here

    suites = root.findall("testsuite")
    assert [(s.get("name"), s.get("tests"), s.get("failures")) for s in suites] == [
        ("a.json", "1", "0"),
        ("b.json", "1", "1"),
    ]
    failure = suites[1].find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "expected accept: no <�>"
    assert suites[0].find("testcase/failure") is None


LEFT = [Skipped("a.json", "three", "not here"), Skipped("c.json", "four", "not here")]


def test_junit_tells_what_was_not_sent() -> None:
    root = ET.fromstring(as_junit([GOOD], LEFT))  # noqa: S314 - made just here

    suites = root.findall("testsuite")
    assert [(s.get("name"), s.get("tests"), s.get("skipped")) for s in suites] == [
        ("a.json", "2", "1"),
        ("c.json", "1", "1"),
    ]
    assert [each.get("message") for each in root.findall("testsuite/testcase/skipped")] == [
        "not here",
        "not here",
    ]


def test_table_and_json_tell_what_was_not_sent() -> None:
    assert as_table([GOOD], LEFT).split("\n")[-3:] == [
        "not sent: not here",
        "  three, four",
        "1 of 1 cases as expected, 2 not sent",
    ]
    assert json.loads(as_json([GOOD], LEFT))["not_sent"] == [
        {"file": "a.json", "id": "three", "reason": "not here"},
        {"file": "c.json", "id": "four", "reason": "not here"},
    ]
