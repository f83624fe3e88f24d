"""The one kind of body that is let through."""

from __future__ import annotations

import pytest

from canonical import Request
from connector.errors import Refusal
from connector.transports.media import check_media


def post(body: bytes, *headers: tuple[str, str]) -> Request:
    return Request(method="POST", target="/", scheme="https", headers=list(headers), body=body)


@pytest.mark.parametrize(
    "media",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
    ],
)
def test_json_in_utf8_passes(media: str) -> None:
    check_media(post(b"{}", ("Content-Type", media), ("Content-Encoding", "identity")))


def test_without_a_body_nothing_is_asked() -> None:
    check_media(post(b"", ("Content-Type", "text/plain"), ("Content-Encoding", "gzip")))


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Content-Type", "text/plain"),),
        (("Content-Type", "application/json; charset=latin-1"),),
        (("Content-Type", "application/json; boundary=x"),),
        (("Content-Type", "application/json, text/plain"),),
        (("Content-Type", "application/jsonp"),),
        (("Content-Type", "application/json"), ("Content-Encoding", "gzip")),
        (("Content-Type", "application/json"), ("Content-Encoding", "identity, gzip")),
    ],
)
def test_any_other_body_is_unsupported(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(Refusal) as caught:
        check_media(post(b"{}", *headers))
    assert caught.value.code.name == "unsupported_media"


def test_a_byte_order_mark_is_unsupported() -> None:
    with pytest.raises(Refusal) as caught:
        check_media(post(b"\xef\xbb\xbf{}", ("Content-Type", "application/json")))
    assert caught.value.reason == "byte_order_mark"
