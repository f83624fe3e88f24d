from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.settings.urls import (
    normalise_authority,
    normalise_url,
    upstream_origin,
    without_default_port,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Shop.Example.COM", "shop.example.com"),
        ("shop.example.com:8443", "shop.example.com:8443"),
        ("shop.example.com:0443", "shop.example.com:443"),
        ("localhost", "localhost"),
        ("192.0.2.1:80", "192.0.2.1:80"),
        ("[2001:DB8:0::1]", "[2001:db8::1]"),
        ("[::1]:8080", "[::1]:8080"),
    ],
)
def test_an_authority_has_one_form(text: str, normal: str) -> None:
    assert normalise_authority(text) == normal
    assert normalise_authority(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        "a b",
        "shop.example.com.",
        "-a.example",
        "a..b",
        "*.example.com",
        "shop_1.example",
        "shop.example.com:",
        "shop.example.com:x",
        "shop.example.com:0",
        "shop.example.com:65536",
        "::1",
        "[::1",
        "[::g]",
        "[fe80::1%eth0]",
        "1.2.3",
        "01.2.3.4",
        "bücher.example",
        "a/b",
        "a" * 64 + ".example",
        ".".join(["a" * 60] * 5),
        "https://shop.example.com",
        "a\n",
    ],
)
def test_what_is_no_authority_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"host name|port"):
        normalise_authority(text)


def test_the_default_port_depends_on_the_scheme() -> None:
    assert without_default_port("a.example:443", "https") == "a.example"
    assert without_default_port("a.example:80", "https") == "a.example:80"
    assert without_default_port("a.example:80", "http") == "a.example"
    assert without_default_port("a.example:8443", "https") == "a.example:8443"
    assert without_default_port("[::443]", "https") == "[::443]"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("HTTPS://Platform.Example:443/A%2fb?c=D", "https://platform.example/A%2fb?c=D"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://a.example?x", "https://a.example?x"),
    ],
)
def test_a_url_keeps_its_path_and_query_byte_for_byte(text: str, normal: str) -> None:
    assert normalise_url(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.example",
        "ftp://a.example/",
        "https://",
        "https:///x",
        "https://a.example/#top",
        "https://a.example/ x",
        "https://a.example/é",
        "https://a.example\\x",
        "//a.example",
        "https://a.example/\n",
        "https://a.example/" + "x" * 3000,
    ],
)
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"URL|host"):
        normalise_url(text)


@pytest.mark.parametrize("check", [normalise_authority, normalise_url, upstream_origin])
def test_a_password_in_a_url_is_refused_and_not_repeated(check: object) -> None:
    assert callable(check)
    with pytest.raises(ValueError, match="password") as caught:
        check("https://user:hunter2@a.example/")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://127.0.0.1:8182", "http://127.0.0.1:8182"),
        ("http://Api.Example:80/", "http://api.example"),
        ("https://[::1]:443/", "https://[::1]"),
    ],
)
def test_an_upstream_is_a_scheme_a_host_and_a_port(text: str, origin: str) -> None:
    assert upstream_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    ["http://a.example/v1", "http://a.example//", "http://a.example?x", "http://a.example/?"],
)
def test_an_upstream_with_a_path_or_query_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="exactly as received"):
        upstream_origin(text)


@given(st.text() | st.from_regex(r"https?://[a-z0-9.\[\]:@-]*[/?#]?[a-z]*", fullmatch=True))
def test_only_value_errors_escape_and_a_normal_url_stays(text: str) -> None:
    try:
        normal = normalise_url(text)
    except ValueError:
        return
    assert normalise_url(normal) == normal
