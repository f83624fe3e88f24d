import pytest

from connector.errors import Refusal
from connector.ingress.guard import SINGLE, Guard, Head
from connector.ingress.limits import WireLimits

LIMITS = WireLimits(body=1000, headers=10, header_line=200, header_bytes=600)
HOST = (b"Host", b"shop.example.com")
Lines = list[tuple[bytes, bytes]]


def check(*lines: tuple[bytes, bytes], start: bytes = b"POST /p HTTP/1.1") -> Head:
    head = b"".join([start, b"\r\n", *(b"%b: %b\r\n" % line for line in lines), b"\r\n"])
    return Guard(LIMITS).check(head, list(lines))


def refused(*lines: tuple[bytes, bytes], start: bytes = b"POST /p HTTP/1.1") -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        check(*lines, start=start)
    return caught.value.code.name, caught.value.reason


def test_a_plain_head_passes_as_it_stands() -> None:
    head = check(HOST, (b"X-One", b"a"), (b"x-one", b"b"), start=b"GET /a?b HTTP/1.1")
    assert (head.method, head.target, head.length) == ("GET", "/a?b", 0)
    assert list(head.headers) == [HOST, (b"X-One", b"a"), (b"x-one", b"b")]
    assert (head.keep_alive, head.modern, head.expects_continue) == (True, True, False)


def test_http_1_0_passes_and_is_closed() -> None:
    head = check(HOST, (b"Connection", b"keep-alive"), start=b"GET / HTTP/1.0")
    assert (head.modern, head.keep_alive) == (False, False)


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/0.9",
        b"GET / HTTP/2.0",
        b"GET / HTTP/1.2",
        b"GET / RTSP/1.0",
        b"GET / RTSP/1.1",
        b"SOURCE / ICE/1.0",
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b" GET / HTTP/1.1",
        b"GET /a b HTTP/1.1",
    ],
)
def test_another_request_line_is_refused(start: bytes) -> None:
    assert refused(HOST, start=start) == ("malformed_request", "request_line")


def test_a_missing_host_is_refused() -> None:
    assert refused() == ("malformed_request", "host")


@pytest.mark.parametrize("name", SINGLE)
def test_a_repeated_single_field_is_refused(name: bytes) -> None:
    lines: Lines = [HOST] if name != b"host" else []
    assert refused(*lines, (name, b"1"), (name.upper(), b"1")) == ("malformed_request", "repeated")


@pytest.mark.parametrize(
    "options", [b"close", b"Keep-Alive", b"TE, close", b"upgrade", b"", b"close,", b"TE,\tclose"]
)
def test_connection_may_name_what_concerns_the_connection(options: bytes) -> None:
    head = check(HOST, (b"Connection", options))
    assert head.keep_alive is (b"close" not in options)


@pytest.mark.parametrize(
    "options",
    [b"Signature", b"close, Content-Digest", b"UCP-Agent", b"X", b"close;q=1", b'"close"', b"\xff"],
)
def test_connection_may_name_nothing_else(options: bytes) -> None:
    assert refused(HOST, (b"Connection", options)) == ("malformed_request", "connection")


def test_every_line_of_connection_counts() -> None:
    lines = (b"Connection", b"keep-alive"), (b"Connection", b"Signature")
    assert refused(HOST, *lines) == ("malformed_request", "connection")
    assert not check(HOST, (b"Connection", b"keep-alive"), (b"Connection", b"close")).keep_alive


def test_chunked_passes_in_one_spelling() -> None:
    assert check(HOST, (b"Transfer-Encoding", b"chunked")).length is None


@pytest.mark.parametrize(
    "coding",
    [b"Chunked", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"identity", b"", b"x"],
)
def test_another_transfer_encoding_is_refused(coding: bytes) -> None:
    line = (b"Transfer-Encoding", coding)
    assert refused(HOST, line) == ("malformed_request", "transfer_encoding")


def test_transfer_encoding_is_refused_in_http_1_0() -> None:
    line = (b"Transfer-Encoding", b"chunked")
    found = refused(HOST, line, start=b"POST / HTTP/1.0")
    assert found == ("malformed_request", "transfer_encoding")


def test_two_lengths_are_refused() -> None:
    lines = (b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"3")
    assert refused(HOST, *lines) == ("malformed_request", "two_lengths")


@pytest.mark.parametrize(
    "length",
    [b"5, 5", b"+5", b"-5", b"5 5", b"0x5", b"5.0", b"", b"05", b"1_0", b"\xb2", b"9" * 40],
)
def test_a_length_that_is_not_one_plain_number_is_refused(length: bytes) -> None:
    found = refused(HOST, (b"Content-Length", length))
    assert found == ("malformed_request", "content_length")


def test_a_length_within_the_limit_passes_and_one_octet_more_does_not() -> None:
    assert check(HOST, (b"Content-Length", b"1000")).length == 1000
    assert refused(HOST, (b"Content-Length", b"1001")) == ("payload_too_large", "body")


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"TRACE"])
@pytest.mark.parametrize("framing", [(b"Content-Length", b"1"), (b"Transfer-Encoding", b"chunked")])
def test_content_where_it_has_no_meaning_is_refused(
    method: bytes, framing: tuple[bytes, bytes]
) -> None:
    found = refused(HOST, framing, start=method + b" / HTTP/1.1")
    assert found == ("malformed_request", "content")


def test_a_get_that_says_it_is_empty_passes() -> None:
    assert check(HOST, (b"Content-Length", b"0"), start=b"GET / HTTP/1.1").length == 0


def test_an_upgrade_without_content_is_ignored_and_ends_the_connection() -> None:
    head = check(HOST, (b"Connection", b"Upgrade"), (b"Upgrade", b"h2c"))
    assert (head.length, head.keep_alive) == (0, False)


def test_an_upgrade_with_content_is_refused() -> None:
    lines = (b"Connection", b"Upgrade"), (b"Upgrade", b"h2c"), (b"Content-Length", b"1")
    assert refused(HOST, *lines) == ("malformed_request", "upgrade")


def test_an_upgrade_that_connection_does_not_name_has_no_effect() -> None:
    assert check(HOST, (b"Upgrade", b"h2c"), (b"Content-Length", b"1")).keep_alive


def test_connect_is_refused() -> None:
    assert refused(HOST, start=b"CONNECT a:443 HTTP/1.1") == ("malformed_request", "target")


def test_expect_100_continue_is_noted_where_a_body_follows() -> None:
    expect = (b"Expect", b"100-Continue")
    assert check(HOST, expect, (b"Content-Length", b"3")).expects_continue
    assert not check(HOST, expect).expects_continue
    old = check(HOST, expect, (b"Content-Length", b"3"), start=b"POST / HTTP/1.0")
    assert not old.expects_continue  # RFC 9110 section 10.1.1


@pytest.mark.parametrize("value", [b"", b"200-ok", b"100-continue, x", b"100-continue;q=1"])
def test_another_expectation_is_refused(value: bytes) -> None:
    assert refused(HOST, (b"Expect", value)) == ("malformed_request", "expect")


@pytest.mark.parametrize(
    "name",
    [
        b"Content_Length",
        b"Transfer_Encoding",
        b"content_type",
        b"Content_Digest",
        b"UCP_Agent",
        b"Idempotency_Key",
        b"Signature_Input",
        b"Signature_Agent",
        b"X_Forwarded_For",
        b"X_Forwarded-Host",
        b"X-Forwarded_Anything",
        b"X_HTTP_Method_Override",
        b"UCP_Verified_Identity",
        b"Content.Length",
        b"Content~Length",
        b"Keep_Alive",
    ],
)
def test_a_name_that_a_merchant_could_fold_into_a_sensitive_one_is_refused(name: bytes) -> None:
    assert refused(HOST, (name, b"1")) == ("malformed_request", "name_spelling")


def test_a_name_stays_refused_when_it_comes_again_and_others_pass() -> None:
    guard = Guard(LIMITS)
    for _ in range(3):
        head = b"POST / HTTP/1.1\r\nHost: a\r\nUCP_Agent: b\r\n\r\n"
        with pytest.raises(Refusal):
            guard.check(head, [(b"Host", b"a"), (b"UCP_Agent", b"b")])
        head = b"POST / HTTP/1.1\r\nHost: a\r\nMy_Name: b\r\n\r\n"
        assert guard.check(head, [(b"Host", b"a"), (b"My_Name", b"b")]).length == 0


def test_the_memory_of_names_is_bounded() -> None:
    guard = Guard(LIMITS)
    for number in range(10_000):
        name = b"x-%d" % number
        guard.check(
            b"GET / HTTP/1.1\r\nHost: a\r\n%b: b\r\n\r\n" % name, [(b"Host", b"a"), (name, b"b")]
        )
    assert len(guard._unsuspicious) <= 4096


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rb\r\nX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n b\r\nX: b\r\n\r\n",
    ],
)
def test_lines_other_than_the_parser_saw_are_refused(head: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        Guard(LIMITS).check(head, [(b"Host", b"a"), (b"X", b"b")])
    assert caught.value.reason == "line_ends"


def test_the_head_has_its_limits() -> None:
    many = [(b"x%d" % number, b"") for number in range(9)]
    assert len(check(HOST, *many).headers) == 10
    assert refused(HOST, *many, (b"y", b"")) == ("headers_too_large", "headers")
    longest = (b"X", b"y" * 197)
    assert check(HOST, longest).length == 0
    assert refused(HOST, (b"X", b"y" * 198)) == ("headers_too_large", "header_line")
    found = refused(HOST, start=b"GET /" + b"a" * 190 + b" HTTP/1.1")
    assert found == ("headers_too_large", "header_line")
    found = refused(HOST, longest, (b"Y", b"y" * 190), (b"Z", b"y" * 190))
    assert found == ("headers_too_large", "header_bytes")
