"""Answers are signed over what they are, and if it is asked for over what they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from canonical import (
    CanonicalError,
    Key,
    Request,
    Response,
    check_content_digest,
    load_key,
    parse_signatures,
    sign,
    verify,
)
from connector.signing.answers import AnswerSigner, NotSigned
from connector.signing.key_document import new_private_jwk
from connector.signing.key_ring import SigningKey
from connector.steps import Answer
from tests.connector.signing.samples import NOW, Clock, current, request, signing_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from connector.steps import RawHeaders

JSON: RawHeaders = [(b"Server", b"x"), (b"content-type", b"application/json")]
KEY = signing_key()
OF_BODY = ["@status", "content-digest", "content-type"]
OF_REQUEST = ["@method", "@authority", "@path"]


def signer(**options: Any) -> AnswerSigner:
    return AnswerSigner(current(KEY), **options)


def check(answer: Answer, asked: Request, key: Key = KEY.key) -> list[str]:
    """Verify with canonical and return the names of what is covered."""
    assert isinstance(answer.body, bytes)
    response = Response(
        status=answer.status, headers=answer.headers, body=answer.body, request=asked
    )
    (signature,) = parse_signatures(response)
    verify(response, signature, key)
    assert signature.label == "sig1"
    assert signature.parameters == {"created": NOW, "keyid": key.kid}
    digests = response.headers.lines(b"content-digest")
    if digests:
        check_content_digest(digests, answer.body)
    return [component.name for component in signature.components]


def platform_request(*labels: str, target: str = "/orders/1") -> Request:
    """Return a request with a signature under each label."""
    plain = request("GET", target)
    key = load_key(new_private_jwk("ES256"))
    pairs = [
        sign(plain, key, ["@method", "@path"], label=label, created=NOW, keyid="k")
        for label in labels
    ]
    return request(
        "GET",
        target,
        ("Signature-Input", ", ".join(given for given, _ in pairs)),
        ("Signature", ", ".join(value for _, value in pairs)),
    )


def test_a_body_is_covered_by_its_digest_and_media_type() -> None:
    answer = Answer(201, JSON, b"{}")
    signed = signer().sign(answer, request(), "sig1")
    assert check(signed, request()) == OF_BODY
    assert (signed.status, signed.body) == (201, b"{}")
    assert signed.headers[: len(JSON)] == JSON


def test_the_answer_that_was_given_is_left_as_it_is() -> None:
    headers = list(JSON)
    signer().sign(Answer(200, headers, b"{}"), request(), "sig1")
    assert headers == JSON


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(204, "GET", b""), (304, "GET", b""), (200, "HEAD", b"{}"), (200, "POST", b"")],
)
def test_where_the_client_gets_no_body_the_status_is_covered_alone(
    status: int, method: str, body: bytes
) -> None:
    asked = request(method)
    signed = signer().sign(Answer(status, [(b"A", b"1")], body), asked, "sig1")
    assert check(signed, asked) == ["@status"]
    assert b"Content-Digest" not in dict(signed.headers)


@pytest.mark.parametrize(
    ("target", "more"),
    [("/orders/1", []), ("/orders/1?a=1", ["@query"]), ("/orders/1?", ["@query"])],
)
def test_bound_answers_cover_what_was_asked(target: str, more: list[str]) -> None:
    asked = platform_request("sig1", target=target)
    signed = signer(bind_request=True).sign(Answer(200, JSON, b"{}"), asked, "sig1")
    assert check(signed, asked) == [*OF_BODY, *OF_REQUEST, *more, "signature"]


def test_bound_answers_without_a_body_cover_what_was_asked_too() -> None:
    asked = platform_request("sig1")
    signed = signer(bind_request=True).sign(Answer(204, [], b""), asked, "sig1")
    assert check(signed, asked) == ["@status", *OF_REQUEST, "signature"]


@pytest.mark.parametrize("labels", [("a",), ("a", "b"), ("b", "a"), ("a-b.c_*1",)])
def test_a_bound_answer_covers_the_signature_that_verified(labels: tuple[str, ...]) -> None:
    asked = platform_request(*labels)
    for label in labels:
        signed = signer(bind_request=True).sign(Answer(200, JSON, b"{}"), asked, label)
        check(signed, asked)
        assert f';req;key="{label}"' in dict(signed.headers)[b"Signature-Input"].decode()


@pytest.mark.parametrize(
    "value", ["sig1=:AAAA:;a=1", "sig1=:AAAA: , x=1", "sig1=:AAAA:,x=:BBBB:", "  sig1=:AAAA:"]
)
def test_the_bound_signature_is_its_member_however_the_header_is_written(value: str) -> None:
    asked = request("GET", "/", ("Signature", value))
    check(signer(bind_request=True).sign(Answer(200, JSON, b"{}"), asked, "sig1"), asked)


def test_a_signature_in_lines_of_its_own_is_found() -> None:
    asked = request("GET", "/", ("Signature", "other=:AAAA:"), ("Signature", "sig1=:BBBB:"))
    check(signer(bind_request=True).sign(Answer(200, JSON, b"{}"), asked, "sig1"), asked)


def test_what_another_scheme_vouched_for_is_bound_without_a_signature() -> None:
    asked = request("POST", "/carts")
    signed = signer(bind_request=True).sign(Answer(200, JSON, b"{}"), asked, "")
    assert check(signed, asked) == [*OF_BODY, *OF_REQUEST]


def test_another_request_does_not_fit_a_bound_answer() -> None:
    asked, other = platform_request("sig1"), platform_request("sig1", target="/orders/2")
    signed = signer(bind_request=True).sign(Answer(200, JSON, b"{}"), asked, "sig1")
    with pytest.raises(CanonicalError):
        check(signed, other)


def test_platforms_cannot_make_the_signer_remember_without_bounds() -> None:
    bound = signer(bind_request=True)
    for number in range(1000):
        label = f"l{number}"
        asked = request("GET", "/", ("Signature", f"{label}=:AAAA:"))
        check(bound.sign(Answer(204, [], b""), asked, label), asked)
    assert len(bound._coverages) <= 256


class Streamed:
    length = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b""

    async def aclose(self) -> None: ...


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(200, JSON, Streamed()), "streamed"),
        (Answer(200, [], b"{}"), "no_content_type"),
        (Answer(200, [(b"Content_Type", b"a/b")], b"{}"), "no_content_type"),
        (Answer(200, [(b"Content-Type", b"a/\xe4")], b"{}"), "content_type"),
        (Answer(200, [(b"Content-Type", b'a/b\n"@status": 200')], b"{}"), "content_type"),
        (Answer(200, [(b"Content-Type", b"a/b\rc")], b"{}"), "content_type"),
    ],
)
def test_what_cannot_be_signed_says_why(answer: Answer, reason: str) -> None:
    with pytest.raises(NotSigned) as caught:
        signer().sign(answer, request(), "sig1")
    assert caught.value.reason == reason


def test_without_a_key_that_may_sign_nothing_is_signed() -> None:
    keys = current(signing_key(NOW, NOW + 10))
    with pytest.raises(NotSigned) as caught:
        AnswerSigner(keys).sign(Answer(204, [], b""), request(), "sig1")
    assert caught.value.reason == "no_key"


def test_two_media_types_are_covered_as_two() -> None:
    headers: RawHeaders = [(b"Content-Type", b"a/b"), (b"CONTENT-TYPE", b"c/d")]
    assert check(signer().sign(Answer(200, headers, b"{}"), request(), "sig1"), request())


@pytest.mark.parametrize("kid", ['a "quoted" \\ kid', "~", "k" * 128])
def test_every_kid_is_written_so_that_it_is_read_again(kid: str) -> None:
    key = load_key({**new_private_jwk("ES384"), "kid": kid})
    keys = current(SigningKey(key, 0, 0))
    signed = AnswerSigner(keys).sign(Answer(200, JSON, b"{}"), request(), "sig1")
    check(signed, request(), key)


def test_the_second_and_the_key_are_those_of_the_moment() -> None:
    clock = Clock()
    old, new = signing_key(0, 0), signing_key(0, NOW + 2)
    both = AnswerSigner(current(old, new, clock=clock))
    found = []
    for step in range(4):
        clock.now = NOW + step + 0.5
        signed = both.sign(Answer(204, [], b""), request(), "sig1")
        given = dict(signed.headers)[b"Signature-Input"].decode()
        found.append((given.split(";")[1], given.split('"')[-2]))
    assert found == [
        (f"created={NOW}", old.kid),
        (f"created={NOW + 1}", old.kid),
        (f"created={NOW + 2}", new.kid),
        (f"created={NOW + 3}", new.kid),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [(b"Cache-Control", b"no-transform")]),
        ([(b"Cache-Control", b"no-store")], [(b"Cache-Control", b"no-store, no-transform")]),
        ([(b"cache-control", b"")], [(b"cache-control", b"no-transform")]),
        ([(b"Cache-Control", b"a,NO-Transform ,b")], [(b"Cache-Control", b"a,NO-Transform ,b")]),
        (
            [(b"Cache-Control", b"x-no-transform")],
            [(b"Cache-Control", b"x-no-transform, no-transform")],
        ),
        (
            [(b"Cache-Control", b"a"), (b"Cache-Control", b"b")],
            [(b"Cache-Control", b"a"), (b"Cache-Control", b"b, no-transform")],
        ),
        (
            [(b"Cache-Control", b"no-transform"), (b"Cache-Control", b"b")],
            [(b"Cache-Control", b"no-transform"), (b"Cache-Control", b"b")],
        ),
    ],
)
def test_nobody_on_the_way_may_transform_a_signed_answer(
    given: RawHeaders, expected: RawHeaders
) -> None:
    signed = signer().sign(Answer(200, [*JSON, *given], b"{}"), request(), "sig1")
    assert [line for line in signed.headers if line[0].lower() == b"cache-control"] == expected
