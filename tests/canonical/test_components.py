"""Component identifiers: what each parameter asks for, and every refusal (RFC 9421 section 2)."""

from __future__ import annotations

import pytest

from canonical import CanonicalError, Request, Response, signature_base
from tests.canonical.samples import request, response

DICTIONARY = ("Example-Dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c), d")


def line(message: Request | Response, identifier: str) -> str:
    return signature_base(message, f"({identifier})").split(b"\n")[0].decode()


@pytest.mark.parametrize(
    ("identifier", "value"),
    [
        ('"example-dict"', "a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        ('"example-dict";sf', "a=1, b=2;x=1;y=2, c=(a b c), d"),
        ('"example-dict";key="a"', "1"),
        ('"example-dict";key="b"', "2;x=1;y=2"),
        ('"example-dict";key="c"', "(a b c)"),
        ('"example-dict";key="d"', "?1"),
        ('"example-dict";sf;key="b"', "2;x=1;y=2"),
        ('"example-dict";bs', ":YT0xLCAgICBiPTI7eD0xO3k9MiwgICBjPShhICAgYiAgIGMpLCBk:"),
    ],
)
def test_a_field_is_rendered_as_its_parameters_say(identifier: str, value: str) -> None:
    assert f"{identifier}: {value}" == line(request(DICTIONARY), identifier)


def test_the_lines_of_a_field_are_joined_and_trimmed() -> None:
    message = request(("A", " 1 "), ("B", ""), ("a", "x, y\t"), ("C", "b\r\n  c"))
    assert line(message, '"a"') == '"a": 1, x, y'
    assert line(message, '"b"') == '"b": '
    assert line(message, '"c"') == '"c": b c'
    assert line(message, '"a";bs') == '"a";bs: :MQ==:, :eCwgeQ==:'


def test_a_member_of_a_field_of_unknown_type_can_be_covered() -> None:
    assert line(request(("X-Own", "a=1,b=2")), '"x-own";key="b"') == '"x-own";key="b": 2'


def test_octets_that_are_not_ascii_can_be_covered_when_wrapped() -> None:
    assert line(request(("A", "ü")), '"a";bs') == '"a";bs: :w7w=:'


def test_components_of_the_request_are_covered_by_its_response() -> None:
    message = response(to=request(DICTIONARY))
    assert line(message, '"@status"') == '"@status": 200'
    assert line(message, '"@method";req') == '"@method";req: POST'
    assert line(message, '"@query-param";req;name="x"') == '"@query-param";req;name="x": 1'
    assert line(message, '"example-dict";key="a";req') == '"example-dict";key="a";req: 1'
    assert '"ucp-agent";req;sf' in line(message, '"ucp-agent";req;sf')


def test_trailers_are_covered_apart_from_headers() -> None:
    trailers = [("Expires", "Wed, 9 Nov 2022 07:28:00 GMT"), ("Example-Dict", "a=2")]
    message = Response(status=200, headers=[DICTIONARY], trailers=trailers)
    assert line(message, '"expires";tr') == '"expires";tr: Wed, 9 Nov 2022 07:28:00 GMT'
    assert line(message, '"example-dict";key="a";tr') == '"example-dict";key="a";tr: 2'
    assert line(message, '"example-dict";key="a"') == '"example-dict";key="a": 1'
    with pytest.raises(CanonicalError, match='"expires": the message has no such field'):
        line(message, '"expires"')
    sent = Request(method="POST", target="/", trailers=trailers)
    answer = Response(status=200, request=sent)
    assert line(answer, '"example-dict";tr;req') == '"example-dict";tr;req: a=2'


def test_the_identifier_keeps_the_order_of_its_parameters() -> None:
    message = response(to=request(DICTIONARY))
    assert line(message, '"example-dict";req;key="a"').startswith('"example-dict";req;key="a": ')
    assert line(message, '"example-dict";key="a";req').startswith('"example-dict";key="a";req: ')


REFUSED = [
    # absent
    ('"x-not-there"', "no such field"),
    ('"x-not-there";bs', "no such field"),
    ('"content-type";tr', "no such field"),
    ('"example-dict";key="z"', "no such member"),
    # unknown derived components and parameters
    ('"@unknown"', "unknown derived component"),
    ('"@"', "unknown derived component"),
    ('"@signature-params"', "unknown derived component"),
    ('"@Method"', "unknown derived component"),
    ('"content-type";unknown', "the parameter unknown is not known there"),
    ('"content-type";x=1', "the parameter x is not known there"),
    ('"content-type";name="a"', "the parameter name is not known there"),
    ('"@method";sf', "is not known there"),
    ('"@method";key="a"', "is not known there"),
    ('"@path";tr', "is not known there"),
    ('"@path";bs', "is not known there"),
    ('"@authority";name="a"', "is not known there"),
    ('"@query-param";name="x";sf', "is not known there"),
    # parameters of the wrong kind
    ('"content-type";sf=?0', "takes no such value"),
    ('"content-type";bs=1', "takes no such value"),
    ('"example-dict";key=a', "takes no such value"),
    ('"example-dict";key', "takes no such value"),
    ('"@query-param"', "the parameter name is missing"),
    ('"@query-param";name=x', "takes no such value"),
    # parameters that exclude each other
    ('"example-dict";sf;bs', "bs excludes"),
    ('"example-dict";key="a";bs', "bs excludes"),
    # structured types
    ('"content-type";sf', "type is not known"),
    ('"x-own";sf', "type is not known"),
    ('"x-own";sf;key="a"', "type is not known"),
    ('"cache-status";key="a"', "no dictionary"),
    ('"priority";sf', "malformed structured field"),
    ('"content-type";key="a"', "malformed structured field"),
    ('"repr-digest";key="a"', "occurs twice"),
    ('"repr-digest";sf', "occurs twice"),
    # the wrong message
    ('"@status"', "a request has no status"),
    ('"@status";req', "is not known there"),
    ('"@method";req', "no request that it answers"),
    ('"content-type";req', "no request that it answers"),
    # names
    ('"Content-Type"', "no field name in lower case"),
    ('"Content-Type";bs', "no field name in lower case"),
    ('""', "no field name in lower case"),
    ('"a b"', "no field name in lower case"),
    ('"a:"', "no field name in lower case"),
    # the query
    ('"@query-param";name="z"', "the query has 0"),
    ('"@query-param";name="twice"', "the query has 2"),
]


@pytest.mark.parametrize(("identifier", "reason"), REFUSED)
def test_what_a_request_has_not_is_refused_by_name(identifier: str, reason: str) -> None:
    message = request(
        DICTIONARY,
        ("X-Own", "a=1"),
        ("Cache-Status", "a"),
        ("Priority", "u=,"),
        ("Repr-Digest", "a=1, b=2, a=3"),
        target="/?x=1&twice=1&twice=2",
    )
    with pytest.raises(CanonicalError, match=reason) as caught:
        line(message, identifier)
    assert identifier in str(caught.value)


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        ('"@method"', "only of its request, with ;req"),
        ('"@query-param";name="x"', "only of its request, with ;req"),
        ('"@method";req', "the request that is answered is not known"),
        ('"content-type";req', "the request that is answered is not known"),
        ('"@status";tr', "is not known there"),
    ],
)
def test_what_a_response_has_not_is_refused_by_name(identifier: str, reason: str) -> None:
    with pytest.raises(CanonicalError, match=reason) as caught:
        line(response(), identifier)
    assert identifier in str(caught.value)


@pytest.mark.parametrize(
    "covered",
    [
        '"@method" "@method"',
        '"@method" "content-type" "content-type"',
        '"example-dict";key="a" "example-dict";key="a"',
        '"example-dict";key="a";sf "example-dict";sf;key="a"',
    ],
)
def test_a_component_listed_twice_is_refused_by_name(covered: str) -> None:
    with pytest.raises(CanonicalError, match=r'^".*the component is listed twice'):
        line(request(DICTIONARY), covered)


def test_components_that_differ_in_a_parameter_are_different() -> None:
    covered = '"example-dict" "example-dict";sf "example-dict";key="a" "example-dict";key="b"'
    assert len(signature_base(request(DICTIONARY), f"({covered})").splitlines()) == 5


@pytest.mark.parametrize("value", ["a\nb", "a\r\nb", "a\rb", "ü", "\x80", 'a\n"@method": GET'])
def test_a_value_that_is_not_one_line_of_ascii_is_refused_by_name(value: str) -> None:
    message = request(("A", value))
    with pytest.raises(CanonicalError, match=r'^"a": the value is not one line of ASCII'):
        line(message, '"@method" "a"')


def test_a_target_that_is_not_one_line_of_ascii_is_refused_by_name() -> None:
    for target in ("/ü", "/\n", b"/\xff".decode("utf-8", "surrogateescape")):
        with pytest.raises(CanonicalError, match=r'^"@path": the value is not one line of ASCII'):
            line(request(target=target), '"@path"')
