from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.diagnosis.curl_command import read_curl
from connector.diagnosis.raw_request import RawRequestError
from connector.diagnosis.vectors import WireRequest

FILES = {"body.json": b'{"a":\r\n1}\0', "other": b"x"}
HOST = (b"Host", b"shop.example")
ANY = (b"Accept", b"*/*")
FORM = (b"Content-Type", b"application/x-www-form-urlencoded")


def _read(line: str) -> WireRequest:
    return read_curl(line, FILES.__getitem__)


def test_what_browsers_copy_is_read() -> None:
    request = _read(
        """curl 'https://shop.example/checkout-sessions?x=1' \\
  -H 'accept: */*' \\
  -H 'content-type: application/json' \\
  -b 'session=1' \\
  -H 'signature: sig1=:AA==:' \\
  --data-raw $'{"a":"it\\'s\\u0021"}' \\
  --compressed --insecure ;
""".replace(" ;", "")
    )

    assert request == WireRequest(
        "POST",
        "/checkout-sessions?x=1",
        "https",
        [
            HOST,
            (b"Cookie", b"session=1"),
            (b"accept", b"*/*"),
            (b"content-type", b"application/json"),
            (b"signature", b"sig1=:AA==:"),
        ],
        b'{"a":"it\'s!"}',
    )


@pytest.mark.parametrize(
    ("line", "method", "target", "body"),
    [
        ("curl shop.example", "GET", "/", b""),
        ("$ /usr/bin/curl shop.example", "GET", "/", b""),
        ("curl shop.example?a", "GET", "/?a", b""),
        ("curl shop.example/a#b", "GET", "/a", b""),
        ("curl -XPUT shop.example", "PUT", "/", b""),
        ("curl -sSX PUT shop.example -o out", "PUT", "/", b""),
        ("curl -I shop.example", "HEAD", "/", b""),
        ("curl shop.example -d a=1 --data b=2", "POST", "/", b"a=1&b=2"),
        ("curl shop.example -da=1 --request PATCH", "PATCH", "/", b"a=1"),
        ("curl --url shop.example --data-raw @x", "POST", "/", b"@x"),
        ("curl shop.example -d @body.json", "POST", "/", b'{"a":1}'),
        ("curl shop.example --data-binary @body.json", "POST", "/", b'{"a":\r\n1}\0'),
        ("curl shop.example --json '{' --json '}'", "POST", "/", b"{}"),
        ("curl shop.example --data-ascii a --data-binary @other", "POST", "/", b"a&x"),
        ("curl shop.example/s -G -d a=1 -d b=2", "GET", "/s?a=1&b=2", b""),
        ("curl 'shop.example/s?c' --get -d a=1", "GET", "/s?c&a=1", b""),
        ("curl shop.example/a/../b/./c", "GET", "/b/c", b""),
        ("curl shop.example/a/..", "GET", "/", b""),
        ("curl --path-as-is shop.example/a/../b", "GET", "/a/../b", b""),
        ("curl -g 'shop.example/[1]{2}'", "GET", "/[1]{2}", b""),
        ("curl -d '' shop.example", "POST", "/", b""),
    ],
)
def test_method_target_and_body_are_those_that_curl_sends(
    line: str, method: str, target: str, body: bytes
) -> None:
    request = _read(line)

    assert (request.method, request.target, request.body) == (method, target, body)
    assert request.scheme == "http"


@pytest.mark.parametrize(
    ("options", "headers"),
    [
        ("", [HOST, ANY]),
        ("-d x", [HOST, ANY, FORM]),
        (
            "--json x",
            [HOST, (b"Accept", b"application/json"), (b"Content-Type", b"application/json")],
        ),
        ("-H 'Host: other' -H 'accept:'", [(b"Host", b"other")]),
        ("-H 'X-Empty;' -H 'A:  b '", [HOST, ANY, (b"X-Empty", b""), (b"A", b"b")]),
        ("-H 'A: 1' -H 'A: 2'", [HOST, ANY, (b"A", b"1"), (b"A", b"2")]),
        ("-A me -e there", [HOST, (b"User-Agent", b"me"), (b"Referer", b"there"), ANY]),
        ("-u me:it", [HOST, (b"Authorization", b"Basic bWU6aXQ="), ANY]),
    ],
)
def test_headers_are_those_that_curl_sends(
    options: str, headers: list[tuple[bytes, bytes]]
) -> None:
    assert _read(f"curl {options} https://shop.example:443/").headers == headers


def test_credentials_in_the_url_become_a_header() -> None:
    request = _read("curl https://me:it@shop.example:8443/")

    assert request.headers[:2] == [
        (b"Host", b"shop.example:8443"),
        (b"Authorization", b"Basic bWU6aXQ="),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("wget x", "not curl"),
        ("curl -G -d @body.json http://shop.example/s", "data from a file is not read"),
        ("", "not curl"),
        ("curl", "0 URLs"),
        ("curl a b", "2 URLs"),
        ("curl ftp://x/", "neither http nor https"),
        ("curl https:///a", "no host"),
        ("curl --form a=b x", "option --form is not known"),
        ("curl -F a=b x", "option -F is not known"),
        ("curl -sT file x", "option -T is not known"),
        ("curl --next x", "option --next is not known"),
        ("curl x -H", "-H has no value"),
        ("curl x -H @file", "not read here"),
        ("curl x -H colonless", "not 'Name: value'"),
        ("curl x -H $'a: b\\nc: d'", "line end or NUL"),
        ("curl x -d @-", "standard input"),
        ("curl 'x/{a,b}'", "add --globoff"),
        ("curl 'x/[1-3]'", "add --globoff"),
        ("curl 'x/a b'", "space or control"),
        ("curl 'x/é'", "not ASCII"),
        ('curl ^"https://x/^" ^| y', "on Windows"),
        ("curl" + " -s" * 3000, "more than"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(line: str, says: str) -> None:
    with pytest.raises(RawRequestError, match=says):
        _read(line)


@given(st.text(max_size=80))
def test_only_its_own_error_leaves_for_any_line(line: str) -> None:
    try:
        read_curl(f"curl {line}", lambda _: b"")
    except RawRequestError:
        return
