from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.diagnosis.vectors import (
    Accept,
    Document,
    Reject,
    Repair,
    VectorFileError,
    WireRequest,
    WireResponse,
    read_vectors,
)


def _case(**changed: Any) -> dict[str, Any]:
    return {
        "id": "one",
        "description": "A case.",
        "rule": "RFC 9421 section 2.5",
        "now": 1767225600,
        "request": {"method": "GET", "target": "/a?b", "headers": [["Host", "x"]]},
        "expect": {"decision": "reject", "code": "signature_missing"},
        **changed,
    }


def _file(*cases: Any, **changed: Any) -> bytes:
    document = {
        "format": "ucp-signature-vectors/1",
        "title": "Title",
        "spec": "2026-08-25",
        "keys": {},
        "documents": {},
        "cases": list(cases),
        **changed,
    }
    return json.dumps(document).encode()


_REPAIR = {"op": "replace", "path": "/now", "value": 1}
_ACCEPTED = {
    "decision": "accept",
    "identity": "https://p.example/",
    "keyid": "k",
    "label": "sig1",
    "signature_base": "a",
}


def _repaired(**changed: Any) -> bytes:
    return _file(_case(differs_from="one", repair={**_REPAIR, **changed}))


def test_a_case_is_read_as_it_stands() -> None:
    accept = {
        "decision": "accept",
        "identity": "https://p.example/",
        "keyid": "k",
        "label": "sig1",
        "signature_base": "a\nb",
    }
    request = {
        "method": "POST",
        "target": "/a?b",
        "scheme": "http",
        "headers": [["Host", "x"], ["X", "\xe9"], ["X", ""]],
        "body": "é",
    }
    settings = {"versions": ["2026-08-25"]}
    file = read_vectors(_file(_case(request=request, expect=accept, settings=settings)))

    (case,) = file.cases
    assert (file.title, file.spec) == ("Title", "2026-08-25")
    assert case.settings == settings
    assert case.now == 1767225600
    assert case.expect == Accept("https://p.example/", "k", "sig1", "a\nb")
    assert case.request == WireRequest(
        "POST",
        "/a?b",
        "http",
        [(b"Host", b"x"), (b"X", b"\xe9"), (b"X", b"")],
        "é".encode(),
    )


def test_scheme_settings_and_body_have_defaults() -> None:
    (case,) = read_vectors(_file(_case())).cases

    assert (case.request.scheme, case.request.body, case.settings) == ("https", b"", {})
    assert case.expect == Reject("signature_missing", None)


def test_a_body_can_be_base64() -> None:
    request = {"method": "POST", "target": "/", "headers": [], "body_base64": "AP8="}
    (case,) = read_vectors(_file(_case(request=request))).cases

    assert case.request.body == b"\x00\xff"


def test_a_response_is_read_as_it_stands() -> None:
    response = {"status": 204, "headers": [["X", "\xe9"]], "body_base64": "AP8="}
    (case,) = read_vectors(_file(_case(kind="response", response=response))).cases

    assert case.kind == "response"
    assert case.response == WireResponse(204, [(b"X", b"\xe9")], b"\x00\xff")


def test_a_request_is_the_kind_without_one_and_rfc_9421_the_scheme() -> None:
    accept = {
        "decision": "accept",
        "identity": "i",
        "keyid": "k",
        "label": "",
        "signature_base": "",
    }
    cases = [_case(expect=accept), _case(id="two", expect={**accept, "scheme": "talos"})]
    first, second = read_vectors(_file(*cases)).cases

    assert (first.kind, first.response, first.repair) == ("request", None, None)
    assert isinstance(first.expect, Accept)
    assert isinstance(second.expect, Accept)
    assert (first.expect.scheme, second.expect.scheme) == ("rfc9421", "talos")


def test_a_repair_is_read_with_what_follows_from_it() -> None:
    then = {"digest": True, "signature_input": "sig1=()", "sign": {"sig1": "k"}}
    repairs = [
        {"op": "remove", "path": "/settings"},
        {"op": "replace", "path": "/request/body", "value": None, "then": then},
    ]
    cases = [
        _case(id=str(number), differs_from="0", repair=repair)
        for number, repair in enumerate(repairs)
    ]
    first, second = read_vectors(_file(*cases)).cases

    assert first.differs_from == second.differs_from == "0"
    assert first.repair == Repair("remove", "/settings")
    assert second.repair == Repair(
        "replace",
        "/request/body",
        None,
        digest=True,
        signature_input="sig1=()",
        sign={"sig1": "k"},
    )


def test_a_document_is_a_body_a_status_or_an_error() -> None:
    documents = {"a": {"json": {"x": 1}}, "b": {"status": 503}, "c": {"error": "timeout"}}
    file = read_vectors(_file(documents=documents))

    assert file.documents == {
        "a": Document(b'{"x": 1}', 200, None),
        "b": Document(None, 503, None),
        "c": Document(None, 0, "timeout"),
    }


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": 1, "a": 2}', "a name twice"),
        (b"[]", "the file is not an object"),
        (_file(format="other/1"), "format"),
        (_file(surplus=1), '"surplus" is not known'),
        (_file(title=1), "title is not a string"),
        (_file(keys=[]), "keys is not an object"),
        (_file(keys={"k": 1}), 'key "k" is not an object'),
        (_file(documents={"u": {}}), 'document "u" has one of'),
        (_file(documents={"u": {"text": ""}}), '"text" is not known'),
        (_file(documents={"u": {"status": True}}), "status is not an integer"),
        (_file(documents={"u": {"error": "gremlins"}}), "error is none of"),
        (_file(cases={}), "cases is not a list"),
        (_file(1), "case 1 is not an object"),
        (_file(_case(), _case()), 'case "one" occurs twice'),
        (_file(_case(now="soon")), 'case "one": now is not an integer'),
        (_file(_case(expects={})), '"expects" is not known'),
        (_file(_case(request={})), "headers is missing"),
        (_file(_case(request={"headers": [["a"]]})), "a header is a list"),
        (_file(_case(request={"headers": [["a", "€"]]})), "past U+00FF"),
        (
            _file(_case(request={"headers": [], "method": "GET", "target": "/", "body": 1})),
            "body is not a string",
        ),
        (
            _file(
                _case(
                    request={
                        "headers": [],
                        "method": "GET",
                        "target": "/",
                        "body": "",
                        "body_base64": "",
                    }
                )
            ),
            "body and body_base64",
        ),
        (
            _file(
                _case(request={"headers": [], "method": "GET", "target": "/", "body_base64": "A"})
            ),
            "not base64",
        ),
        (_file(_case(kind="answer")), "kind is none of ap2, request, response, webhook"),
        (_file(_case(kind="response")), "a response belongs to"),
        (_file(_case(response={})), "a response belongs to"),
        (_file(_case(kind="ap2", response={"status": 200})), "response: headers is missing"),
        (_file(_case(differs_from="one")), "belong together"),
        (_file(_case(differs_from="two", repair=_REPAIR)), "names no case of the file"),
        (_file(_case(repair=_REPAIR, differs_from=1)), "differs_from is not a string"),
        (_repaired(op="move"), "op is none of add, remove, replace"),
        (_repaired(op="remove"), "a value belongs to add and replace"),
        (_repaired(path="x"), "path is no JSON pointer"),
        (_repaired(then={"digest": False}), "digest is not true"),
        (_repaired(then={"sign": {"": 1}}), "sign names a key for each label"),
        (_repaired(then={"encrypt": True}), '"encrypt" is not known'),
        (_repaired(then=[]), "then is not an object"),
        (
            _file(_case(differs_from="one", repair=_REPAIR, expect=_ACCEPTED)),
            "what is accepted needs no repair",
        ),
        (
            _file(_case(expect={**_ACCEPTED, "scheme": "hmac"})),
            "scheme is none of detached-jws, rfc9421, talos",
        ),
        (_file(_case(expect={"decision": "perhaps"})), "neither accept nor reject"),
        (_file(_case(expect={"decision": "accept"})), "identity is missing"),
        (_file(_case(expect={"decision": "reject", "code": "x", "label": "y"})), "not known"),
    ],
)
def test_a_bad_file_is_one_clear_line(data: bytes, says: str) -> None:
    with pytest.raises(VectorFileError) as caught:
        read_vectors(data)

    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


_NAMES = ["request", "expect", "settings", "now", "rule", "kind", "response", "repair"]


@given(st.sampled_from(_NAMES), _JSON)
def test_only_its_own_error_leaves_for_any_json(name: str, value: Any) -> None:
    try:
        read_vectors(_file(_case(**{name: value})))
    except VectorFileError:
        return
    assert name in {"settings", "now", "rule"}
