import ssl

import pytest

from connector.upstream.origin import parse_origin


@pytest.mark.parametrize(
    ("url", "host", "port", "authority"),
    [
        ("http://127.0.0.1:8182", "127.0.0.1", 8182, b"127.0.0.1:8182"),
        ("http://Shop.internal/", "shop.internal", 80, b"shop.internal"),
        ("http://shop:80", "shop", 80, b"shop"),
        ("http://shop:443", "shop", 443, b"shop:443"),
        ("http://[::1]:8182", "::1", 8182, b"[::1]:8182"),
        ("https://shop.example", "shop.example", 443, b"shop.example"),
        ("https://shop.example:8443", "shop.example", 8443, b"shop.example:8443"),
    ],
)
def test_an_origin_is_read(url: str, host: str, port: int, authority: bytes) -> None:
    origin = parse_origin(url)
    assert (origin.host, origin.port, origin.authority) == (host, port, authority)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8182",
        "ftp://shop",
        "unix:/run/shop.sock",
        "http://",
        "http:///",
        "http://:8182",
        "http://shop/api",
        "http://shop?",
        "http://shop?a=b",
        "http://shop#a",
        "http://user@shop",
        "http://user:password@shop",
        "http://shop:port",
        "http://shop:99999",
        "http://sh op",
        "http://shop..example",
        f"http://{'a' * 64}.example",
        "http://sh\u00f6p",
    ],
)
def test_a_url_that_is_no_origin_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"upstream URL|[Pp]ort|idna"):
        parse_origin(url)


def test_https_is_verified_by_name_against_the_systems_authorities() -> None:
    context = parse_origin("https://shop.example").context
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert (
        parse_origin("https://shop.example").tls_arguments(2)["server_hostname"] == "shop.example"
    )


def test_a_given_context_is_used() -> None:
    context = ssl.create_default_context()
    assert parse_origin("https://shop.example", context).tls_arguments(2)["ssl"] is context


def test_http_speaks_no_tls() -> None:
    assert parse_origin("http://shop.example", ssl.create_default_context()).tls_arguments(2) == {}
