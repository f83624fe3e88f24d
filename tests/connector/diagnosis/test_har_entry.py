from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.diagnosis.har_entry import looks_like_har, read_har
from connector.diagnosis.raw_request import RawRequestError
from connector.diagnosis.vectors import WireRequest


def _request(**changed: Any) -> dict[str, Any]:
    return {
        "method": "POST",
        "url": "https://shop.example:443/a%2Fb?c=d#e",
        "httpVersion": "h2",
        "headers": [
            {"name": "A", "value": " b "},
            {"name": "a", "value": "\u00e9"},
        ],
        "postData": {"mimeType": "application/json", "text": '{"a":"\u00e9"}'},
        **changed,
    }


def _har(*requests: dict[str, Any]) -> dict[str, Any]:
    return {"log": {"entries": [{"request": each} for each in requests]}}


READ = WireRequest(
    "POST",
    "/a%2Fb?c=d",
    "https",
    [(b"Host", b"shop.example"), (b"A", b"b"), (b"a", b"\xe9")],
    '{"a":"\u00e9"}'.encode(),
)


@pytest.mark.parametrize("document", [_har(_request()), {"request": _request()}, _request()])
def test_a_file_an_entry_and_its_request_read_alike(document: dict[str, Any]) -> None:
    assert looks_like_har(document)
    assert read_har(document, None) == READ


def test_an_entry_is_chosen_by_its_number() -> None:
    har = _har(_request(method="GET"), _request())

    assert read_har(har, 1).method == "GET"
    assert read_har(har, 2) == READ


def test_pseudo_headers_of_http_2_become_host_and_target() -> None:
    lines = [
        {"name": ":authority", "value": "shop.example:8443"},
        {"name": ":path", "value": "/raw%2f?x"},
        {"name": ":method", "value": "POST"},
        {"name": ":scheme", "value": "https"},
    ]
    request = read_har(_request(headers=lines), None)

    assert request.headers == [(b"Host", b"shop.example:8443")]
    assert request.target == "/raw%2f?x"


def test_a_host_that_was_sent_stays() -> None:
    request = read_har(_request(headers=[{"name": "host", "value": "x"}]), None)

    assert request.headers == [(b"host", b"x")]


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (None, b""),
        ({"mimeType": "x"}, b""),
        ({"text": "AP8=", "encoding": "base64"}, b"\x00\xff"),
        ({"text": "a\r\nb"}, b"a\r\nb"),
    ],
)
def test_the_body_is_text_or_base64(data: object, body: bytes) -> None:
    assert read_har(_request(postData=data), None).body == body


def test_a_length_that_fits_stays() -> None:
    lines = [{"name": "Content-Length", "value": "2"}]
    request = read_har(_request(headers=lines, postData={"text": "{}"}), None)

    assert request.headers[1] == (b"Content-Length", b"2")


@pytest.mark.parametrize(
    ("document", "number", "says"),
    [
        (_har(), None, "no entries"),
        ({"log": []}, None, "log of the HAR entry"),
        ({"log": {"entries": [1]}}, None, "entry 1 is not an object"),
        (_har(_request(), _request()), None, "2 entries; choose with --entry"),
        (_har(_request()), 2, "1 to 1"),
        (_har(_request()), 0, "1 to 1"),
        (_request(), 1, "this is one entry"),
        (_request(method=1), None, "method of the HAR entry"),
        (_request(method="a b"), None, "method is not one"),
        (_request(url="ftp://x/"), None, "not http"),
        (_request(url="https://x/a b"), None, "no request line holds"),
        (_request(headers=None), None, "headers of the HAR entry"),
        (_request(headers=[1]), None, "not an object"),
        (_request(headers=[{"name": "a"}]), None, "value of the HAR entry"),
        (_request(headers=[{"name": "a", "value": "b\nc: d"}]), None, "line end"),
        (_request(headers=[{"name": "", "value": "b"}]), None, "no name"),
        (_request(headers=[{}] * 501), None, "up to 500"),
        (_request(postData=[]), None, "postData of the HAR entry"),
        (_request(postData={"text": "*", "encoding": "base64"}), None, "not base64"),
        (_request(postData={"params": [{}]}), None, "params only"),
        (
            _request(headers=[{"name": "content-length", "value": "9"}], postData=None),
            None,
            "Content-Length is 9, and postData has 0",
        ),
    ],
)
def test_what_is_no_request_is_one_clear_line(
    document: dict[str, Any], number: int | None, says: str
) -> None:
    with pytest.raises(RawRequestError, match=says):
        read_har(document, number)


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["request", "method", "url", "headers", "name", "value", "postData"]),
            inner,
        )
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["log", "entries", *_request()]), JSON))
def test_only_its_own_error_leaves_for_any_document(document: dict[str, Any]) -> None:
    try:
        read_har(document, None)
    except RawRequestError:
        return
