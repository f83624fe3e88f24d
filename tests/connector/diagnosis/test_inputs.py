from __future__ import annotations

import json

import pytest

from connector.diagnosis.inputs import Input, read_input
from connector.diagnosis.raw_request import RawRequestError

RAW = b"GET /a HTTP/1.1\nHost: x\n\n"
CURL = b"curl https://x/a"
HAR = json.dumps({"method": "GET", "url": "https://x/a", "headers": []}).encode()
AUDIT = json.dumps({"type": "received", "v": 1, "order": "0"}).encode()


def _read(
    data: bytes, kind: str | None = None, scheme: str | None = None, entry: int | None = None
) -> Input:
    return read_input(data, kind=kind, scheme=scheme, entry=entry, read_file=lambda _: b"")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (RAW, "raw"),
        (CURL, "curl"),
        (b"$ " + CURL, "curl"),
        (b"\xef\xbb\xbf/usr/bin/" + CURL, "curl"),
        (HAR, "har"),
        (b"\n " + HAR, "har"),
        (AUDIT, "audit"),
    ],
)
def test_the_kind_is_told_by_how_it_begins_or_given(data: bytes, kind: str) -> None:
    told = _read(data)

    assert told.kind == kind
    assert _read(data, kind) == told
    assert (told.request is None) is (kind == "audit")


@pytest.mark.parametrize("data", [RAW, CURL, HAR])
def test_the_scheme_is_that_of_the_url_unless_given(data: bytes) -> None:
    for scheme, expected in ((None, "https"), ("http", "http")):
        request = _read(data, scheme=scheme).request
        assert request is not None
        assert request.scheme == expected


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"{", None, "not JSON"),
        (b"[" * 100_000, "har", "not JSON"),
        (b"[]", "audit", "no object"),
        (b"{}", None, "neither a HAR entry nor an audit record"),
        (b"{}", "har", "method of the HAR entry"),
        (b"curling stones", None, "first line"),
        (RAW, "curl", "not curl"),
        (CURL, "raw", "first line"),
    ],
)
def test_what_is_not_what_it_is_said_to_be_is_one_clear_line(
    data: bytes, kind: str | None, says: str
) -> None:
    with pytest.raises(RawRequestError, match=says):
        _read(data, kind)
