from __future__ import annotations

import pytest

from connector.cli.sending import Place, framed, octets, place_of


@pytest.mark.parametrize(
    ("authority", "scheme", "place"),
    [
        ("shop.example.com", "https", ("shop.example.com", 443)),
        ("shop.example.com", "http", ("shop.example.com", 80)),
        ("shop.example.com:8443", "https", ("shop.example.com", 8443)),
        ("[::1]", "https", ("::1", 443)),
        ("[::1]:8080", "http", ("::1", 8080)),
        ("shop.example.com:", "https", ("shop.example.com", 443)),
    ],
)
def test_an_authority_leads_to_a_place(authority: str, scheme: str, place: tuple[str, int]) -> None:
    assert place_of(authority, scheme) == Place(*place)


@pytest.mark.parametrize("authority", ["", ":80", "::1", "a:b:80", "a:0", "a:65536", "a:8o", "a:²"])
def test_what_is_no_authority_leads_nowhere(authority: str) -> None:
    with pytest.raises(ValueError, match=r"is not HOST:PORT|has no port"):
        place_of(authority, "https")


def test_a_request_goes_out_as_it_was_signed_with_its_framing_behind() -> None:
    headers = [("hOST", "shop.example.com"), ("X-Odd", "  a  b"), ("X-Odd", "")]
    body = b'{"a":1}'
    assert octets("POST", "/a/../b%2f?q=%7e+", framed("POST", headers, body), body) == (
        b"POST /a/../b%2f?q=%7e+ HTTP/1.1\r\n"
        b"hOST: shop.example.com\r\n"
        b"X-Odd:   a  b\r\n"
        b"X-Odd: \r\n"
        b"Content-Length: 7\r\n"
        b"Connection: close\r\n"
        b"\r\n"
        b'{"a":1}'
    )


@pytest.mark.parametrize(
    ("method", "length"), [("GET", []), ("HEAD", []), ("DELETE", []), ("POST", ["0"])]
)
def test_an_empty_body_is_announced_where_one_could_be(method: str, length: list[str]) -> None:
    lines = framed(method, [], b"")
    assert [value for name, value in lines if name == "Content-Length"] == length


def test_framing_that_was_given_is_kept() -> None:
    given = [("content-length", "2"), ("connection", "keep-alive")]
    assert framed("POST", given, b"{}") == given
