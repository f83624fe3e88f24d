"""The components that are derived from the request's target (RFC 9421 section 2.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical import CanonicalError, Request, signature_base
from canonical.targets import authority_of, normal_authority


def value(component: str, request: Request) -> str:
    """Return what stands behind the identifier in the signature base."""
    line = signature_base(request, f"({component})").split(b"\n")[0].decode()
    assert line.startswith(f"{component}: ")
    return line.removeprefix(f"{component}: ")


def get(
    target: str,
    *hosts: str,
    scheme: str = "https",
    method: str = "GET",
    authority: str | None = None,
) -> Request:
    headers = [("Host", host) for host in hosts]
    return Request(
        method=method, target=target, scheme=scheme, headers=headers, authority=authority
    )


@pytest.mark.parametrize(
    ("host", "scheme", "authority"),
    [
        ("www.example.com", "https", "www.example.com"),
        ("WWW.Example.COM", "https", "www.example.com"),
        ("example.com:443", "https", "example.com"),
        ("example.com:", "https", "example.com"),
        ("example.com:80", "https", "example.com:80"),
        ("example.com:80", "HTTP", "example.com"),
        ("example.com:8443", "https", "example.com:8443"),
        ("[2001:DB8::1]:443", "https", "[2001:db8::1]"),
        ("192.0.2.1", "http", "192.0.2.1"),
    ],
)
def test_the_authority_is_lower_case_without_a_default_port(
    host: str, scheme: str, authority: str
) -> None:
    assert authority == value('"@authority"', get("/", host, scheme=scheme))


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "user@host", "a,b", "a:b", "a:1:2", "é.example", "[::1", "a" * 600]
)
def test_a_malformed_host_is_refused(host: str) -> None:
    with pytest.raises(CanonicalError, match='"@authority": the authority is malformed'):
        value('"@authority"', get("/", host))


def test_a_repeated_or_absent_host_is_refused() -> None:
    with pytest.raises(CanonicalError, match='"@authority": Host occurs more than once'):
        value('"@authority"', get("/", "a.example", "a.example"))
    with pytest.raises(CanonicalError, match='"@authority": there is no Host'):
        value('"@authority"', get("/"))


def test_an_authority_from_elsewhere_stands_for_host() -> None:
    request = get("/a?b", "inner.example", authority="Outer.example:443")
    assert value('"@authority"', request) == "outer.example"
    assert value('"@target-uri"', request) == "https://outer.example/a?b"


@pytest.mark.parametrize(
    ("target", "path", "query", "uri"),
    [
        ("/path?param=value", "/path", "?param=value", "/path?param=value"),
        ("/path", "/path", "?", "/path"),
        ("/path?", "/path", "?", "/path?"),
        ("/a//b/../%2e%2F?x=%2d&y=?", "/a//b/../%2e%2F", "?x=%2d&y=?", None),
        ("//evil.example/a", "//evil.example/a", "?", None),
        ("https://h.example", "/", "?", "/"),
        ("https://h.example?q", "/", "?q", "/?q"),
        ("HTTPS://H.Example:443/a?b?c", "/a", "?b?c", "/a?b?c"),
        ("*", "/", "?", ""),
    ],
)
def test_the_target_is_taken_apart_and_not_normalised(
    target: str, path: str, query: str, uri: str | None
) -> None:
    request = get(target, "h.example", method="OPTIONS")
    assert path == value('"@path"', request)
    assert query == value('"@query"', request)
    assert target == value('"@request-target"', request)
    assert value('"@authority"', request) == "h.example"
    assert f"https://h.example{target if uri is None else uri}" == value('"@target-uri"', request)


def test_the_scheme_of_an_absolute_target_is_its_own() -> None:
    request = get("http://h.example:80/", scheme="https")
    assert value('"@scheme"', request) == "http"
    assert value('"@authority"', request) == "h.example"
    assert value('"@scheme"', get("/", scheme="HTTPS")) == "https"


def test_an_absolute_target_for_another_host_is_refused() -> None:
    request = get("https://a.example/", "b.example")
    for component in ('"@authority"', '"@target-uri"'):
        with pytest.raises(CanonicalError, match="different authorities"):
            value(component, request)


def test_connect_has_an_authority_and_nothing_else() -> None:
    request = get("www.example.com:80", "proxy.example", method="CONNECT")
    assert value('"@request-target"', request) == "www.example.com:80"
    assert value('"@authority"', request) == "www.example.com:80"
    for component in ('"@path"', '"@query"', '"@target-uri"', '"@query-param";name="a"'):
        with pytest.raises(CanonicalError, match="authority form"):
            value(component, request)


@pytest.mark.parametrize("target", ["", "a/b", "?a", "http:", "http:/a", "//"[:0] + "a.example:1"])
def test_a_target_of_no_known_form_is_refused(target: str) -> None:
    for component in ('"@path"', '"@query"', '"@target-uri"', '"@authority"', '"@scheme"'):
        with pytest.raises(CanonicalError, match="no known form"):
            value(component, get(target, "h.example"))


@pytest.mark.parametrize("target", ["/a#b", "/a?b#c", "https://h.example/#", "https://h.example#a"])
def test_a_fragment_in_the_target_is_refused(target: str) -> None:
    for component in ('"@path"', '"@query"', '"@target-uri"'):
        with pytest.raises(CanonicalError):
            value(component, get(target, "h.example"))


@pytest.mark.parametrize(
    ("query", "name", "encoded"),
    [
        ("param=value&foo=bar&baz=batman&qux=", "baz", "batman"),
        ("param=value&foo=bar&baz=batman&qux=", "qux", ""),
        ("a=b+c", "a", "b%20c"),
        ("a=%7e~-._*", "a", "%7E%7E-._*"),
        ("a=%C3%bc", "a", "%C3%BC"),
        ("fa%C3%A7ade%22%3A%20=something", "fa%C3%A7ade%22%3A%20", "something"),
        ("a=b=c", "a", "b%3Dc"),
        ("&&a&", "a", ""),
        ("a=%zz", "a", "%25zz"),
        ("=x", "", "x"),
    ],
)
def test_a_query_parameter_is_encoded_anew(query: str, name: str, encoded: str) -> None:
    component = f'"@query-param";name="{name}"'
    assert encoded == value(component, get(f"/p?{query}", "h.example"))


@pytest.mark.parametrize("query", ["", "?", "?b=1", "?a=1&a=2", "?a=1&%61=1", "?a", "?A=1"])
def test_an_absent_or_repeated_query_parameter_is_refused(query: str) -> None:
    name = "b" if query == "?a" else "a"
    with pytest.raises(CanonicalError, match=f'"@query-param";name="{name}": the query has'):
        value(f'"@query-param";name="{name}"', get(f"/{query}", "h.example"))


def test_a_query_parameter_is_named_in_its_encoded_form() -> None:
    with pytest.raises(CanonicalError, match="the query has 0"):
        value('"@query-param";name="a b"', get("/?a+b=1", "h.example"))


def test_a_query_that_is_not_utf_8_has_no_parameters() -> None:
    with pytest.raises(CanonicalError, match="not UTF-8"):
        value('"@query-param";name="a"', get("/?a=%FF", "h.example"))


@given(st.text("/a%2eF?&=#*:@. \n", max_size=16))
def test_path_and_query_of_an_origin_form_are_the_target_itself(rest: str) -> None:
    request = get("/" + rest, "h.example")
    try:
        path, query = value('"@path"', request), value('"@query"', request)
    except CanonicalError:
        assert "#" in rest or "\n" in rest
        return
    assert request.target in (path + query, path)


@pytest.mark.parametrize("length", [511, 512])
def test_an_authority_has_at_most_512_characters(length: int) -> None:
    assert normal_authority("https", "a" * length) == "a" * length
    with pytest.raises(CanonicalError, match="the authority is malformed"):
        normal_authority("https", "a" * 513)


def test_hosts_that_sort_either_way_around_the_targets_differ_from_it() -> None:
    for host in ("a.example", "z.example"):
        with pytest.raises(CanonicalError, match="different authorities"):
            authority_of(get("https://m.example/", host))


@pytest.mark.parametrize("method", ["ACL", "GET"])
def test_an_authority_alone_is_a_target_of_connect_only(method: str) -> None:
    with pytest.raises(CanonicalError, match="no known form"):
        authority_of(get("shop.example.com:443", "shop.example.com", method=method))


@pytest.mark.parametrize("method", ["ACL", "GET"])
def test_target_and_host_agree_for_every_method_but_connect(method: str) -> None:
    with pytest.raises(CanonicalError, match="different authorities"):
        authority_of(get("https://m.example/", "z.example", method=method))
