"""Targets and authorities: what is read byte for byte, and what is never repaired."""

from __future__ import annotations

from typing import Any, Final

from connector.diagnosis.generator.recipes import (
    GET,
    GET_COVERS,
    POST,
    POST_COVERS,
    Case,
    Recipe,
    Topic,
    change,
    put,
)

_HOST: Final = "RFC 9110 section 7.2"
_HOST_FORM: Final = "RFC 9112 section 3.2, form of Host"
_PORT: Final = "RFC 9110 section 4.2.3"
_IPV6: Final = "RFC 3986 section 3.2.2"
_FORMS: Final = "RFC 9112 section 3.2, forms of a target"
_SEGMENTS: Final = "RFC 3986 section 3.3, segments"
_DOTS: Final = "RFC 3986 section 5.2.4"
_ESCAPES: Final = "RFC 3986 section 2.1"
_CHARACTERS: Final = "RFC 3986 section 2.2"
_IDS: Final = "ucp-rules.md#7-operations, ids in paths"
_QUERY: Final = "RFC 9421 section 2.2.7, query as sent"
_QUERY_PARAM: Final = "RFC 9421 section 2.2.8"
_SAME: Final = "RFC 3986 section 6.2.2"

_ENCODED: Final = {"path_ids": "encoded"}
_CHECKOUT: Final = "/checkout-sessions/chk_123"
_SIX: Final = {"authorities": ["[2001:db8::1]:8443"]}


def _at(target: str) -> Recipe:
    recipe = GET._replace(target=target)
    return recipe.covering(*GET_COVERS, "@query") if "?" in target else recipe


def _malformed(
    id_: str, description: str, rule: str, recipe: Recipe, reason: str = "target", **more: Any
) -> Case:
    return Case(f"target-{id_}", description, rule, recipe, "malformed_request", reason, **more)


def _path(id_: str, description: str, rule: str, path: str, reason: str = "target") -> Case:
    return _malformed(id_, description, rule, _at(f"/checkout-sessions/{path}"), reason)


def _encoded(id_: str, description: str, rule: str, path: str, reason: str = "target") -> Case:
    recipe = _at(f"/checkout-sessions/{path}")
    return _malformed(id_, description, rule, recipe, reason, settings=_ENCODED)


def _changed(id_: str, description: str, rule: str, before: str, after: str) -> Case:
    """Change the target after it was signed."""
    return Case(
        f"target-{id_}",
        description,
        rule,
        _at(before),
        "signature_invalid",
        "signature_mismatch",
        (change(target=after),),
        settings=_ENCODED if "%" in before.partition("?")[0] else {},
    )


def _host(id_: str, description: str, rule: str, value: str) -> Case:
    return Case(
        f"authority-{id_}",
        description,
        rule,
        GET,
        "malformed_request",
        "host",
        (put("Host", value),),
    )


def _elsewhere(id_: str, description: str, rule: str, value: str, **more: Any) -> Case:
    return Case(
        f"authority-{id_}",
        description,
        rule,
        GET.replaced("Host", value),
        "unknown_authority",
        "unknown_authority",
        **more,
    )


def _param(id_: str, description: str, query: str, name: str) -> Case:
    recipe = GET._replace(target=f"{_CHECKOUT}?{query}")
    named = recipe.covering(*GET_COVERS, "@query", f'"@query-param";name="{name}"')
    return Case(f"query-param-{id_}", description, _QUERY_PARAM, named)


_AUTHORITIES: Final = (
    Case("authority-plain", "The host as the merchant has it.", _HOST, GET),
    Case(
        "authority-mixed-case",
        "Host in capitals and with the default port: the same authority.",
        _HOST,
        GET.replaced("Host", "SHOP.EXAMPLE.COM:443"),
    ),
    Case(
        "authority-own-port",
        "A merchant at a port of its own, which stands in the base.",
        _PORT,
        GET.replaced("Host", "shop.example.com:8443"),
        settings={"authorities": ["shop.example.com:8443"]},
    ),
    _elsewhere(
        "own-port-missing",
        "A merchant at a port of its own is not at the default port.",
        _PORT,
        "shop.example.com",
        settings={"authorities": ["shop.example.com:8443"]},
    ),
    _elsewhere("http-port", "The default port of the other scheme.", _PORT, "shop.example.com:80"),
    _elsewhere("dot-at-end", "A dot at the end is another spelling.", _HOST, "shop.example.com."),
    _elsewhere("subdomain", "A name below the merchant's.", _HOST, "a.shop.example.com"),
    _elsewhere("suffix", "A name that only ends alike.", _HOST, "evilshop.example.com"),
    _elsewhere("prefix", "A name that only begins alike.", _HOST, "shop.example.com.evil.example"),
    _elsewhere("address", "An address, whoever it belongs to.", _HOST, "192.0.2.7"),
    Case(
        "authority-ipv6",
        "An IPv6 address in brackets, and a port.",
        _IPV6,
        GET.replaced("Host", "[2001:DB8::1]:8443"),
        settings=_SIX,
    ),
    _elsewhere(
        "ipv6-expanded",
        "The same address in another spelling: no spelling is computed.",
        _IPV6,
        "[2001:db8:0::1]:8443",
        settings=_SIX,
    ),
    _host("user-info", "User information before the host.", _HOST_FORM, "x@shop.example.com"),
    _host("scheme", "A scheme before the host.", _HOST_FORM, "https://shop.example.com"),
    _host("path", "A path behind the host.", _HOST_FORM, "shop.example.com/"),
    _host("list", "Two hosts in one line.", _HOST_FORM, "shop.example.com, evil.example"),
    _host("space", "Two hosts with a space between.", _HOST_FORM, "shop.example.com evil.example"),
    _host("encoded", "A percent-encoded dot.", _HOST_FORM, "shop%2Eexample.com"),
    _host("port-name", "A port that is no number.", _HOST_FORM, "shop.example.com:https"),
    _host("empty", "An empty Host.", _HOST_FORM, ""),
)

_QUERIES: Final = (
    Case("query-plain", "Parameters as sent.", _QUERY, _at(f"{_CHECKOUT}?a=1&b=x%20y&a=2")),
    Case("query-marks", "Further question marks are data.", _QUERY, _at(f"{_CHECKOUT}?a=?&b=??")),
    Case(
        "query-url",
        "Slashes and colons are data.",
        _QUERY,
        _at(f"{_CHECKOUT}?u=https://x.example//y/../z"),
    ),
    Case(
        "query-mark-dropped",
        "An absent query and an empty one have the same value in the base.",
        _QUERY,
        _at(f"{_CHECKOUT}?"),
        edits=(change(target=_CHECKOUT),),
    ),
    _changed(
        "query-reordered",
        "Parameters changed places.",
        _QUERY,
        f"{_CHECKOUT}?a=1&b=x%20y&a=2",
        f"{_CHECKOUT}?a=2&b=x%20y&a=1",
    ),
    _changed(
        "query-plus",
        "%20 became a plus sign, which a form reads alike.",
        _QUERY,
        f"{_CHECKOUT}?a=1&b=x%20y&a=2",
        f"{_CHECKOUT}?a=1&b=x+y&a=2",
    ),
    _changed(
        "query-duplicate-dropped",
        "Of two parameters of one name the first was dropped.",
        _QUERY,
        f"{_CHECKOUT}?a=1&b=x%20y&a=2",
        f"{_CHECKOUT}?b=x%20y&a=2",
    ),
    _changed(
        "query-ampersand-added",
        "An ampersand was added, behind which nothing stands.",
        _QUERY,
        f"{_CHECKOUT}?a=1&b=x%20y&a=2",
        f"{_CHECKOUT}?a=1&b=x%20y&a=2&",
    ),
    _param("one", "One parameter covered beside the query.", "a=1&b=2", "a"),
    _param("encoded", "A parameter is decoded as a form and encoded anew.", "a=x+y%2fz", "a"),
    Case(
        "query-param-twice",
        "A parameter that occurs twice cannot be covered by its name.",
        _QUERY_PARAM,
        _param("two", "", "a=1&b=2", "a").recipe,
        "signature_invalid",
        "base_unbuildable",
        (change(target=f"{_CHECKOUT}?a=1&a=2"),),
    ),
    Case(
        "query-param-absent",
        "A parameter that is not there cannot be covered.",
        _QUERY_PARAM,
        _param("two", "", "a=1&b=2", "a").recipe,
        "signature_invalid",
        "base_unbuildable",
        (change(target=f"{_CHECKOUT}?c=1&b=2"),),
    ),
)

_PATHS: Final = (
    Case("target-plain", "A path of two segments.", _SEGMENTS, GET),
    Case("target-of-write", "A write.", _FORMS, POST),
    Case(
        "target-escapes-upper-case",
        "Percent-encoded octets in capitals.",
        _ESCAPES,
        _at("/checkout-sessions/caf%C3%A9"),
        settings=_ENCODED,
    ),
    Case(
        "target-escapes-lower-case",
        "Percent-encoded octets in small letters: not the same path.",
        _ESCAPES,
        _at("/checkout-sessions/caf%c3%a9"),
        settings=_ENCODED,
    ),
    Case(
        "target-matrix-parameter",
        "A semicolon is an id's character where the merchant's ids are encoded.",
        _IDS,
        _at("/checkout-sessions/chk_123;v=1"),
        settings=_ENCODED,
    ),
    _changed(
        "escapes-folded",
        "Percent-encoding changed its case after signing.",
        _SAME,
        "/checkout-sessions/caf%C3%A9",
        "/checkout-sessions/caf%c3%a9",
    ),
    _changed(
        "escape-of-unreserved",
        "A letter was percent-encoded after signing, which RFC 3986 calls equivalent.",
        _SAME,
        "/checkout-sessions/caf%C3%A9",
        "/checkout-sessions/c%61f%C3%A9",
    ),
    _changed(
        "case-of-path",
        "The path's case was changed after signing.",
        _SAME,
        _CHECKOUT,
        "/checkout-sessions/CHK_123",
    ),
    _path("matrix", "A semicolon, where ids are plain.", _IDS, "chk_123;v=1", "path_shape"),
    _path("encoded-id", "An encoded octet, where ids are plain.", _IDS, "a%20b", "path_shape"),
    _path("asterisk", "A character that no id has.", _IDS, "a*b", "path_shape"),
    _encoded("encoded-twice", "An encoded percent sign.", _IDS, "a%252Fb", "path_shape"),
    _encoded("encoded-control", "An encoded line feed.", _IDS, "a%0Ab", "path_shape"),
    _encoded("encoded-slash-in-id", "An encoded slash.", _IDS, "a%2fb"),
    _encoded("encoded-backslash", "An encoded backslash.", _IDS, "a%5cb"),
    _encoded("encoded-nul", "An encoded NUL.", _IDS, "a%00b"),
    _path("slash-at-end", "An empty segment at the end.", _SEGMENTS, "chk_123/", "path_shape"),
    _path("double-slash", "An empty segment within.", _SEGMENTS, "/chk_123"),
    _malformed("root", "The root alone.", _SEGMENTS, _at("/"), "path_shape"),
    _path("dot-within", "A dot segment within.", _DOTS, "./chk_123"),
    _path("dots-at-end", "Two dots at the end.", _DOTS, "chk_123/.."),
    _path("half-encoded-dots", "Two dots, one of them encoded.", _DOTS, ".%2E"),
    _path("dots-and-matrix", "Two dots and a semicolon.", _DOTS, "..;/chk_123", "path_shape"),
    Case("target-dots-in-id", "Dots in an id that is more.", _DOTS, _at("/checkout-sessions/..a")),
    _path("escape-open", "A percent sign at the end.", _ESCAPES, "chk_123%"),
    _path("escape-not-hexadecimal", "No hexadecimal digits.", _ESCAPES, "chk%zz123"),
    _malformed(
        "escape-of-query",
        "A percent sign in the query that encodes nothing.",
        _ESCAPES,
        _at(f"{_CHECKOUT}?a=100%"),
    ),
    _path("quote", "A quotation mark.", _CHARACTERS, 'a"b'),
    _path("brackets", "Brackets in the path.", _CHARACTERS, "a[b]"),
    _path("bar", "A vertical bar.", _CHARACTERS, "a|b"),
    _malformed("braces", "Braces in the query.", _CHARACTERS, _at(f"{_CHECKOUT}?a={{b}}")),
    _malformed(
        "asterisk-form",
        "The asterisk form, which is for OPTIONS.",
        _FORMS,
        GET,
        edits=(change(target="*"),),
    ),
    _malformed(
        "without-slash",
        "A path that does not begin with a slash.",
        _FORMS,
        GET,
        edits=(change(target="checkout-sessions/chk_123"),),
    ),
    _malformed(
        "authority-form",
        "The authority form, which is for CONNECT.",
        _FORMS,
        GET,
        edits=(change(target="shop.example.com:443"),),
    ),
    _malformed(
        "absolute-form-of-write",
        "The absolute form, with the very host of the Host line.",
        _FORMS,
        POST.covering(*POST_COVERS),
        edits=(change(target="https://shop.example.com/checkout-sessions"),),
    ),
)

TOPIC: Final = Topic(
    "Authority, path and query: nothing is normalised that RFC 9421 does not normalise",
    (*_AUTHORITIES, *_QUERIES, *_PATHS),
)
