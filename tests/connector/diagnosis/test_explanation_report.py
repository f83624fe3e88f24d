from __future__ import annotations

import json

from connector.diagnosis.audit_record import RecordCheck, RecordExplanation
from connector.diagnosis.causes.catalogue import CATALOGUE
from connector.diagnosis.causes.cause import LIKELY, PROVEN, Finding
from connector.diagnosis.checks import FAULT, NOT_REACHED, OK, Candidate, Check, Explanation
from connector.diagnosis.explanation_report import (
    as_json,
    as_text,
    record_as_json,
    record_as_text,
)
from connector.diagnosis.their_base import Difference
from connector.diagnosis.vectors import Accept
from connector.diagnosis.verdicts import Refused

METHOD = CATALOGUE["method-lower-case"]
CANDIDATE = Candidate(
    "sig1",
    "k",
    (
        Check("coverage", OK),
        Check("times", FAULT, "signature_invalid", "expired", "expired 31 s ago"),
        Check("signature", NOT_REACHED),
    ),
    ('"@method": GET', '"@signature-params": ("@method")'),
    "",
    True,
    (Finding("expired", PROVEN, "31 s ago"), Finding("time-zone", LIKELY)),
    Difference(
        equal=False,
        verifies=False,
        line=1,
        name='"@method"',
        column=12,
        ours_octet="'G'",
        theirs_octet="'g'",
        ours='"@method": GET',
        theirs='"@method": get',
        others=1,
        causes=(Finding("method-lower-case", PROVEN),),
    ),
)
EXPLANATION = Explanation(
    Refused("signature_invalid", "expired", "expired 31 s ago"),
    ("GET / HTTP/1.1", "Host: x"),
    (Check("path", OK),),
    (CANDIDATE,),
    (),
)
RECORD = RecordExplanation(
    "id", "k", "t", (RecordCheck("thumbprint", ""), RecordCheck("signature", "no")), ("a",)
)


def _shown(explanation: Explanation) -> list[str]:
    return as_text(explanation).split("\n")


def test_the_text_begins_with_the_decision_and_its_causes() -> None:
    assert as_text(EXPLANATION, ["a note"]).split("\n") == [
        "refused: signature_invalid (expired)",
        "  expired 31 s ago",
        "note: a note",
        "causes, signature sig1",
        "  proven  expired: The signature has expired.",
        "          seen:   31 s ago",
        f"          repair: {CATALOGUE['expired'].repair}",
        "          source: RFC 9421 section 2.3",
        "  likely  time-zone: created is off by whole hours: local time was taken for UTC.",
        "          repair: Take the seconds since 1970 in UTC.",
        "          source: RFC 9421 section 2.3",
        "request",
        "  GET / HTTP/1.1",
        "  Host: x",
        "checks of the request",
        "  ok     path",
        "signature sig1, keyid 'k'",
        "  ok     coverage",
        "  FAULT  times: signature_invalid (expired): expired 31 s ago",
        "  -      signature",
        "  the signature itself verifies with the published key",
        "  signature base, as rebuilt",
        '  1  "@method": GET',
        '  2  "@signature-params": ("@method")',
        '  the signer\'s base differs first in line 1, "@method", column 12',
        "    rebuilt  'G'           in  \"@method\": GET",
        "    signer   'g'           in  \"@method\": get",
        "    further lines that differ: 1",
        "  why",
        f"    proven  method-lower-case: {METHOD.happened}",
        f"            repair: {METHOD.repair}",
        "            source: RFC 9421 section 2.2.1",
        "  the signature does not verify over the signer's base either: it is another text,",
        "  another key, or another encoding of the signature",
    ]


def test_what_is_equal_or_missing_is_said() -> None:
    equal = CANDIDATE._replace(theirs=Difference(equal=True, verifies=True))
    lines = _shown(EXPLANATION._replace(candidates=(equal,)))
    assert "  the signer's base is the same, octet for octet" in lines
    assert "  the signature verifies over the signer's base" in lines

    bare = CANDIDATE._replace(base=(), base_fault="why", alone=False, theirs=None, causes=())
    lines = _shown(EXPLANATION._replace(candidates=(bare,)))
    assert "  no signature base: why" in lines
    assert "  the signature itself does not verify either with the published key" in lines


def test_causes_without_a_signature_stand_at_the_top() -> None:
    lines = _shown(EXPLANATION._replace(candidates=(), causes=(Finding("unsigned", LIKELY),)))

    assert lines[2:4] == [
        "causes",
        f"  likely  unsigned: {CATALOGUE['unsigned'].happened}",
    ]


def test_json_has_the_documented_members() -> None:
    document = json.loads(as_json("har", EXPLANATION, ["a note"]))

    assert list(document) == [
        "input",
        "notes",
        "decision",
        "causes",
        "request",
        "checks",
        "candidates",
    ]
    assert document["decision"] == {
        "decision": "reject",
        "code": "signature_invalid",
        "reason": "expired",
        "explanation": "expired 31 s ago",
    }
    (candidate,) = document["candidates"]
    assert list(candidate) == [
        "label",
        "keyid",
        "checks",
        "base",
        "base_fault",
        "alone",
        "causes",
        "theirs",
        "scheme",
    ]
    assert candidate["causes"][0] == {
        "id": "expired",
        "certainty": "proven",
        "happened": "The signature has expired.",
        "seen": "31 s ago",
        "repair": "Sign each request when it is sent; do not send a signed request again later.",
        "source": "RFC 9421 section 2.3",
    }
    assert candidate["theirs"]["column"] == 12
    assert candidate["theirs"]["causes"][0]["id"] == "method-lower-case"


def test_json_of_an_accepted_request_has_no_base_that_is_not_masked() -> None:
    accepted = EXPLANATION._replace(
        decision=Accept("https://p.example/", "k", "sig1", '"cookie": abc'),
        candidates=(CANDIDATE._replace(theirs=None),),
    )
    text = as_json("raw", accepted)

    assert "abc" not in text
    assert json.loads(text)["decision"] == {
        "decision": "accept",
        "identity": "https://p.example/",
        "keyid": "k",
        "label": "sig1",
        "scheme": "rfc9421",
    }
    assert json.loads(text)["candidates"][0]["theirs"] is None


def test_a_record_is_shown_with_each_check() -> None:
    assert record_as_text(RECORD).split("\n") == [
        "not verified: audit record id",
        "  keyid 'k', thumbprint t",
        "checks of the record",
        "  ok     thumbprint",
        "  FAULT  signature: no",
        "signature base, as signed",
        "  1  a",
    ]
    good = record_as_text(RECORD._replace(checks=(), base=()))
    assert good.startswith("verified: audit record id\n")


def test_a_record_in_json() -> None:
    assert json.loads(record_as_json(RECORD)) == {
        "input": "audit",
        "decision": {"decision": "reject", "audit_id": "id", "keyid": "k", "thumbprint": "t"},
        "checks": [
            {"step": "thumbprint", "outcome": "ok", "explanation": ""},
            {"step": "signature", "outcome": "fault", "explanation": "no"},
        ],
        "base": ["a"],
    }
